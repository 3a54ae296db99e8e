// --restart: what a container's keeper does once it has ended.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { nextRestart } from "../../lib/lifecycle/restart.ts";
import { type Box, test, until } from "../world/world.ts";

const runs = async (box: Box, name: string) =>
  (await box.$`logs ${name}`).stdout.split("\n").filter((line) => line === "run").length;

test("--restart on-failure:2: three runs in all, and then it rests", async (box) => {
  await box.ok`run -d --name main --restart on-failure:2 busybox sh -c 'echo run; exit 3'`;
  await until("it rests", async () => (await box.inspect("main")).State.Status === "exited");
  const { State, RestartCount, HostConfig } = await box.inspect("main");
  assertEquals([State.ExitCode, RestartCount], [3, 2]);
  assertEquals(HostConfig.RestartPolicy, { Name: "on-failure", MaximumRetryCount: 2 });
  assertEquals(await runs(box, "main"), 3);
});

test("--restart on-failure: not after an end with 0", async (box) => {
  await box.ok`run -d --name main --restart on-failure busybox
    sh -c 'echo run; [ -e /twice ] || { touch /twice; exit 1; }'`;
  await until("it rests", async () => (await box.inspect("main")).State.Status === "exited");
  assertEquals([await runs(box, "main"), (await box.inspect("main")).State.ExitCode], [2, 0]);
});

test("--restart always: after whatever end, until it is removed", async (box) => {
  await box.ok`run -d --name main --restart always busybox sh -c 'echo run'`;
  await until("it ran three times", async () => await runs(box, "main") >= 3);
  await until("it waits", async () => (await box.inspect("main")).State.Restarting);
  assertMatch(await box.ok`ps -a --format {{.State}}`, /^(restarting|running)$/);
  await box.ok`rm -f main`;
});

test("--restart always: killed from outside, it comes back; by kill and stop, it does not", async (box) => {
  await box.ok`run -d --name main --restart always busybox sleep 1000`;
  const { State: { Pid } } = await box.inspect("main");
  Deno.kill(Pid, "SIGKILL");
  await until("another runs", async () => {
    const { State } = await box.inspect("main");
    return State.Status === "running" && State.Pid !== Pid;
  });
  assertEquals((await box.inspect("main")).RestartCount, 1);
  await box.ok`kill main`;
  await until("it rests", async () => (await box.inspect("main")).State.Status === "exited");
  await box.ok`start main`;
  await box.ok`stop -t 0 main`;
  assertEquals((await box.inspect("main")).State.Status, "exited");
});

test("--restart: a foreground run ends with the first end", async (box) => {
  const { code, stdout } = await box.$`run --name main --restart always busybox sh -c 'echo run; exit 5'`;
  assertEquals([code, stdout], [5, "run\n"]);
  await until("it goes on without us", async () => await runs(box, "main") >= 2);
  await box.ok`rm -f main`;
});

test("--restart: what it can't be", async (box) => {
  for (
    const [policy, message, ...more] of [
      ["foo", /invalid restart policy 'foo'/],
      ["on-failure:x", /maximum retry count must be an integer/],
      ["on-failure:-1", /maximum retry count cannot be negative/],
      ["always:3", /maximum retry count cannot be used with restart policy 'always'/],
      ["always", /Conflicting options: --restart and --rm/, "--rm"],
    ] as [string, RegExp, ...string[]][]
  ) {
    const { code, stderr } = await box.$`create --restart ${policy} ${more} busybox true`;
    assertEquals(code, 125, policy);
    assertMatch(stderr, message);
  }
  assert(await box.ok`ps -aq` === "");
});

test("--restart unless-stopped: whoever stops it, neither its keeper nor restore starts it; a reboot's end does", async (box) => {
  const script = "trap 'exit 0' USR1; echo run; while :; do sleep 0.05; done";
  // With a signal to stop it, no other one is taken for that by the policy "always".
  const create = ["run", "-d", "--restart", "unless-stopped", "--stop-signal", "TERM"];
  const ended = (name: string) =>
    until(`${name} has ended`, async () => (await box.inspect(name)).State.Status === "exited");
  for (const how of [["stop", "-t", "0"], ["kill"], ["kill", "-s", "USR1"]]) {
    await box.ok`${create} --name main busybox sh -c ${script}`;
    await until("its traps are set", async () => await runs(box, "main") === 1);
    await box.ok`${how} main`;
    await ended("main");
    assertEquals(await box.ok`restore`, "", how.join(" "));
    assertEquals([(await box.inspect("main")).State.Status, await runs(box, "main")], ["exited", 1]);
    // Started by hand, it has not been stopped: with its keeper goes all that would start it again.
    await box.ok`start main`;
    const status = Deno.readTextFileSync(`/proc/${await box.pidOf("main")}/status`);
    Deno.kill(Number(/^PPid:\t(\d+)$/m.exec(status)![1]), "SIGKILL");
    await ended("main");
    assertEquals(await box.ok`restore`, "main", how.join(" "));
    await until("it runs", async () => await runs(box, "main") === 3);
    await box.ok`rm -f main`;
  }
  // `always` rests after kill and stop, until the machine comes up again.
  await box.ok`run -d --restart always --name main busybox sh -c ${script}`;
  await box.ok`stop -t 0 main`;
  assertEquals((await box.inspect("main")).State.Status, "exited");
  assertEquals(await box.ok`restore`, "main");
  await box.ok`rm -f main`;
});

test("--restart: what is waited doubles", async (box) => {
  await box.ok`run -d --name main --restart on-failure:4 busybox sh -c 'exit 1'`;
  await until("it rests", async () => (await box.inspect("main")).State.Status === "exited");
  const filters = ["--filter", "event=start", "--filter", "event=die"];
  const args = [
    "events",
    "--since",
    "1h",
    "--until",
    "0s",
    ...filters,
    "--format",
    "{{.Action}} {{.TimeNano}}",
  ];
  const times = (await box.ok(args)).split("\n").map((line) => line.split(" "));
  const waits = times.flatMap(([action, time], at) =>
    action === "start" && at > 0 ? [Number(BigInt(time) - BigInt(times[at - 1][1])) / 1e6] : []
  );
  assertEquals(waits.length, 4);
  [100, 200, 400, 800].forEach((least, at) => assert(waits[at] >= least, waits.join(" ")));
});

test("--restart: after a run of ten seconds the first, short wait again", async (box) => {
  const script =
    "until [ -e /go ]; do sleep 0.05; done; echo run; [ $(wc -l </log) = 1 ] && sleep 11; exit 1";
  await box.ok`${["run", "-d", "--name", "main", "--restart", "always", "busybox", "sh", "-c"]} ${
    script.replace("echo run;", "echo run; echo run >>/log;").replace("= 1 ]", "= 2 ]")
  }`;
  // As if it had failed many times: the run after the next one would be waited for for a minute.
  const dir = `${box.root}/containers/${(await box.inspect("main")).Id}`;
  Deno.writeTextFileSync(`${dir}/restart.json`, JSON.stringify({ count: 9, delay: 30_000 }));
  await box.ok`exec main touch /go`;
  await until("it ran for long", async () => await runs(box, "main") >= 3, 35);
  assertEquals(JSON.parse(Deno.readTextFileSync(`${dir}/restart.json`)).delay < 60_000, true);
  await box.ok`rm -f main`;
}, { seconds: 60 });

Deno.test("nextRestart: the wait doubles up to a minute, and is the first again after ten seconds", () => {
  const after = (delay: number, ran: number) => {
    const state = { started: 1000, finished: 1000 + ran } as Parameters<typeof nextRestart>[1];
    return nextRestart({ count: 1, delay }, state);
  };
  assertEquals([after(0, 0), after(100, 0), after(400, 9999)].map(({ delay }) => delay), [100, 200, 800]);
  assertEquals([after(40_000, 0), after(60_000, 9999)].map(({ delay }) => delay), [60_000, 60_000]);
  assertEquals(after(60_000, 10_000), { count: 2, delay: 100 });
});
