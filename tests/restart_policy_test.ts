// --restart: what a container's keeper does once it has ended.

// @ts-types="./assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Box, test, until } from "./helpers.ts";

const runs = async (box: Box, name: string) =>
  (await box.run(["logs", name])).stdout.split("\n").filter((line) => line === "run").length;

test("--restart on-failure:2: three runs in all, and then it rests", async (box) => {
  await box.ok([
    "run",
    "-d",
    "--name",
    "main",
    "--restart",
    "on-failure:2",
    "busybox",
    "sh",
    "-c",
    "echo run; exit 3",
  ]);
  await until("it rests", async () => (await box.inspect("main")).State.Status === "exited");
  const { State, RestartCount, HostConfig } = await box.inspect("main");
  assertEquals([State.ExitCode, RestartCount], [3, 2]);
  assertEquals(HostConfig.RestartPolicy, { Name: "on-failure", MaximumRetryCount: 2 });
  assertEquals(await runs(box, "main"), 3);
});

test("--restart on-failure: not after an end with 0", async (box) => {
  await box.ok([
    "run",
    "-d",
    "--name",
    "main",
    "--restart",
    "on-failure",
    "busybox",
    "sh",
    "-c",
    "echo run; [ -e /twice ] || { touch /twice; exit 1; }",
  ]);
  await until("it rests", async () => (await box.inspect("main")).State.Status === "exited");
  assertEquals([await runs(box, "main"), (await box.inspect("main")).State.ExitCode], [2, 0]);
});

test("--restart always: after whatever end, until it is removed", async (box) => {
  await box.ok(["run", "-d", "--name", "main", "--restart", "always", "busybox", "sh", "-c", "echo run"]);
  await until("it ran three times", async () => await runs(box, "main") >= 3);
  await until("it waits", async () => (await box.inspect("main")).State.Restarting);
  assertMatch(await box.ok(["ps", "-a", "--format", "{{.State}}"]), /^(restarting|running)$/);
  await box.ok(["rm", "-f", "main"]);
});

test("--restart always: killed from outside, it comes back; by kill and stop, it does not", async (box) => {
  await box.ok(["run", "-d", "--name", "main", "--restart", "always", "busybox", "sleep", "1000"]);
  const { State: { Pid } } = await box.inspect("main");
  Deno.kill(Pid, "SIGKILL");
  await until("another runs", async () => {
    const { State } = await box.inspect("main");
    return State.Status === "running" && State.Pid !== Pid;
  });
  assertEquals((await box.inspect("main")).RestartCount, 1);
  await box.ok(["kill", "main"]);
  await until("it rests", async () => (await box.inspect("main")).State.Status === "exited");
  await box.ok(["start", "main"]);
  await box.ok(["stop", "-t", "0", "main"]);
  assertEquals((await box.inspect("main")).State.Status, "exited");
});

test("--restart: a foreground run ends with the first end", async (box) => {
  const { code, stdout } = await box.run([
    "run",
    "--name",
    "main",
    "--restart",
    "always",
    "busybox",
    "sh",
    "-c",
    "echo run; exit 5",
  ]);
  assertEquals([code, stdout], [5, "run\n"]);
  await until("it goes on without us", async () => await runs(box, "main") >= 2);
  await box.ok(["rm", "-f", "main"]);
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
    const { code, stderr } = await box.run(["create", "--restart", policy, ...more, "busybox", "true"]);
    assertEquals(code, 125, policy);
    assertMatch(stderr, message);
  }
  assert(await box.ok(["ps", "-aq"]) === "");
});
