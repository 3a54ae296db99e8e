// pause and unpause, seen by what the container's processes do, and do not.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Box, type Running, test, until } from "../world/world.ts";
import { cgroups } from "../world/leaks.ts";

/** Lengthens the file /NAME for ever. */
const counter = (name: string) => `while :; do echo >>/${name}; done`;

interface Started {
  id: string;
  running: Running;
  /** How long one of its counters' files is by now; 0 while there is none. */
  count(name: string): number;
}

async function start(box: Box, name: string, script: string, ...flags: string[]): Promise<Started> {
  const running = box.spawn`run --name ${name} ${flags} busybox sh -c ${script}`;
  await box.pidOf(name);
  const { Id: id } = await box.inspect(name);
  return {
    id,
    running,
    count(file) {
      try {
        return Deno.statSync(`${box.root}/containers/${id}/upper/${file}`).size;
      } catch {
        return 0;
      }
    },
  };
}

async function grows({ count }: Started, name: string): Promise<void> {
  const before = count(name);
  await until(`${name} grows`, () => count(name) > before);
}

/** What goes on is seen to within milliseconds: see grows. */
async function standsStill({ count }: Started, ...names: string[]): Promise<void> {
  const before = names.map(count);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assertEquals(names.map(count), before);
}

const paused = async (box: Box, name: string) => (await box.inspect(name)).State;

test("pause: everything stands still, unpause: everything goes on", async (box) => {
  const script = `(${counter("child")}) & setsid sh -c '${counter("session")}' & ${counter("first")}`;
  const box1 = await start(box, "still", script);
  await using _ = box1.running;
  const names = ["first", "child", "session"];
  for (let round = 0; round < 3; round++) {
    for (const name of names) await grows(box1, name);
    assertEquals(await box.ok`pause still`, "still");
    await standsStill(box1, ...names);
    const { Status, Running, Paused, Pid } = await paused(box, "still");
    assertEquals([Status, Running, Paused, Pid > 0], ["paused", true, true, true]);
    assertEquals(await box.ok`unpause still`, "still");
    assertEquals((await paused(box, "still")).Status, "running");
  }
  for (const name of names) await grows(box1, name);
  await box.ok`rm -f still`;
});

test("pause: processes that start while it is at work are frozen, too", async (box) => {
  // Each lives for a moment and hands over to the next; none is there when the last one was.
  Deno.writeTextFileSync(box.path("relay"), "echo >>/relayed; sh /relay &\n");
  const script = `sh /relay & while :; do /bin/true; (echo >>/forked); done`;
  const relay = await start(box, "relay", script, "-v", `${box.path("relay")}:/relay:ro`);
  await using _ = relay.running;
  for (let round = 0; round < 5; round++) {
    for (const name of ["relayed", "forked"]) await grows(relay, name);
    await box.ok`pause relay`;
    await standsStill(relay, "relayed", "forked");
    await box.ok`unpause relay`;
  }
  await box.ok`rm -f relay`;
});

test("pause: the others go on", async (box) => {
  const other = await start(box, "other", counter("n"));
  await using _other = other.running;
  const one = await start(box, "one", counter("n"));
  await using _one = one.running;
  await grows(one, "n");
  await box.ok`pause one`;
  await standsStill(one, "n");
  await grows(other, "n");
  await box.ok`rm -f one other`;
});

test("pause, unpause: docker's refusals", async (box) => {
  const one = await start(box, "one", "sleep 1000");
  await using _ = one.running;
  await box.ok`run --name ended busybox true`;
  const { Id: ended } = await box.inspect("ended");
  const refused = async (command: string[], stdout: string, ...errors: string[]) => {
    const result = await box.$(command);
    const stderr = errors.map((error) => `mydocker: ${error}\n`).join("");
    assertEquals(result, { ...result, code: 1, stdout, stderr });
  };
  await refused(["unpause", "one"], "", `Container ${one.id} is not paused`);
  await refused(
    ["pause", "missing", "one", "ended"],
    "one\n",
    "No such container: missing",
    `Container ${ended} is not running`,
  );
  await refused(["container", "pause", "one"], "", `Container ${one.id} is already paused`);
  const advice = "Unpause and then stop the container before attempting removal or force remove";
  await refused(["rm", "one"], "", `You cannot remove a paused container ${one.id}. ${advice}`);
  await refused(
    ["container", "unpause", "one", "missing", "ended"],
    "one\n",
    "No such container: missing",
    `Container ${ended} is not paused`,
  );
  assertEquals((await box.$`pause`).code, 1);
  await box.ok`rm -f one`;
});

test("pause: of two at once one succeeds, and what is paused is unpaused once", async (box) => {
  const one = await start(box, "one", counter("n"));
  await using _ = one.running;
  for (const [command, word] of [["pause", "already"], ["unpause", "not"]]) {
    const results = await Promise.all([1, 2, 3].map(() => box.$`${command} one`));
    assertEquals(results.map(({ code }) => code).sort(), [0, 1, 1]);
    for (const { code, stderr } of results) if (code !== 0) assertStringIncludes(stderr, `is ${word} paused`);
  }
  await grows(one, "n");
  await box.ok`rm -f one`;
});

test("pause: rm -f removes a paused container", async (box) => {
  const one = await start(box, "one", `(${counter("n")}) & ${counter("m")}`);
  await using running = one.running;
  await box.ok`pause one`;
  await box.ok`rm -f one`;
  assertEquals((await running.end()).code, 137);
  assertEquals(cgroups(box.root), []);
});

test("pause: stop, kill and restart of a paused container work", async (box) => {
  const script = `trap 'exit 7' TERM; echo ready; while :; do sleep 0.02; done`;
  for (const [name, command, code] of [["ss", ["stop", "-t", "20"], 7], ["kk", ["kill"], 137]] as const) {
    const one = await start(box, name, script);
    await using running = one.running;
    await running.expect("ready");
    await box.ok`pause ${name}`;
    await box.ok`${command} ${name}`;
    assertEquals((await running.end()).code, code);
    const { Status, Paused } = await paused(box, name);
    assertEquals([Status, Paused], ["exited", false]);
    assertEquals(cgroups(box.root), []);
  }
  await box.ok`run -d --init --name rr busybox sh -c ${counter("n")}`;
  const before = await box.pidOf("rr");
  await box.ok`pause rr`;
  await box.ok`restart rr`;
  assert(await box.pidOf("rr") !== before);
  assertEquals((await paused(box, "rr")).Status, "running");
  await box.ok`rm -f rr`;
});

test("pause: a command in the container is frozen, too, and none can be added", async (box) => {
  const one = await start(box, "one", "sleep 1000");
  await using _ = one.running;
  await using added = box.spawn`exec one sh -c ${counter("added")}`;
  await grows(one, "added");
  await box.ok`pause one`;
  await standsStill(one, "added");
  const { code, stderr } = await box.$`exec one true`;
  assertEquals([code, stderr.includes("is paused, unpause the container before exec")], [1, true]);
  await box.ok`unpause one`;
  await grows(one, "added");
  await box.ok`rm -f one`;
  await added.end();
});

test("pause: a paused container whose keeper is killed is ended by the next command that looks", async (box) => {
  for (const look of [["ps", "-a"], ["inspect", "one"], ["rm", "one"], ["unpause", "one"]]) {
    const one = await start(box, "one", `(${counter("n")}) & sleep 1000`);
    await using running = one.running;
    const pid = await box.pidOf("one");
    await box.ok`pause one`;
    const [, keeper] = /^PPid:\s*(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))!;
    Deno.kill(Number(keeper), "SIGKILL");
    await running.end();
    const { code } = await box.$(look);
    assertEquals(code, look[0] === "unpause" ? 1 : 0, look.join(" "));
    assertEquals(cgroups(box.root), [], look.join(" "));
    await until("its first process is dead", () => command(String(pid)) === "");
    if (look[0] === "rm") continue;
    const { Status, ExitCode, Paused } = await paused(box, "one");
    assertEquals([Status, ExitCode, Paused], ["exited", 137, false]);
    await box.ok`rm one`;
  }
});

test("pause: processes killed while frozen are gone at the latest when it is unpaused", async (box) => {
  const one = await start(box, "one", `sleep 1234567 & echo $! >/pid; ${counter("n")}`);
  await using running = one.running;
  await grows(one, "n");
  const first = await box.pidOf("one");
  const children = () => Deno.readTextFileSync(`/proc/${first}/task/${first}/children`).trim().split(" ");
  const [child] = children();
  assertMatch(Deno.readTextFileSync(`/proc/${child}/cmdline`), /1234567/);
  await box.ok`pause one`;
  Deno.kill(Number(child), "SIGKILL");
  await box.ok`unpause one`;
  await until("the child is dead", () => !/1234567/.test(command(child)));
  await grows(one, "n");
  await box.ok`pause one`;
  Deno.kill(first, "SIGKILL");
  await box.$`unpause one`; // With cgroup v2, there may be nothing left to unpause.
  assertEquals((await running.end()).code, 137);
  assertEquals((await paused(box, "one")).Status, "exited");
});

function command(pid: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`);
  } catch {
    return "";
  }
}

test("pause: of a pause that was killed half-way nothing is seen, and nothing is in the way", async (box) => {
  for (const after of [["pause", "one"], ["rm", "-f", "one"], ["stop", "-t", "0", "one"]]) {
    const one = await start(box, "one", counter("n"));
    await using running = one.running;
    await grows(one, "n");
    // It got as far as its mark, and did not freeze anything any more.
    Deno.writeTextFileSync(`${box.root}/containers/${one.id}/paused`, "");
    assertEquals((await paused(box, "one")).Status, "running");
    await box.ok(after);
    if (after[0] === "pause") {
      assertEquals((await paused(box, "one")).Status, "paused");
      await box.ok`unpause one`;
      await grows(one, "n");
    }
    await box.$`rm -f one`;
    await running.end();
    assertEquals(cgroups(box.root), []);
  }
});
