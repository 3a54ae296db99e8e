// A container that takes all it gets: it gets no more than its limits, and the host goes on working meanwhile.

// @ts-types="./assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Box, test, until } from "./helpers.ts";

/** How many milliseconds the host takes to list all processes, which must be some. */
async function listProcesses(box: Box): Promise<number> {
  const start = performance.now();
  const { code, stdout } = await box.exec(["ps", "-e", "-o", "pid,args"], { timeout: 20 });
  assertEquals(code, 0);
  assertMatch(stdout, new RegExp(`^ *${Deno.pid} `, "m"));
  return performance.now() - start;
}

/** How many processes a container has, by the host's count. */
async function countProcesses(box: Box, name: string): Promise<number> {
  return (await box.ok(["top", name, "-eo", "pid"])).split("\n").length - 1;
}

const SLEEPERS = 80;

test("--pids-limit: processes are refused beyond it, and are there without it", async (box) => {
  const script = `i=0; while [ $i -lt ${SLEEPERS} ]; do sleep 1000 & i=$((i + 1)); done; wait`;
  const start = (name: string, ...flags: string[]) =>
    box.ok(["run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", script]);
  await start("free");
  await until("all of them are there", async () => await countProcesses(box, "free") === SLEEPERS + 1);
  await start("limited", "--pids-limit", "30");
  await until("it has ended", async () => !(await box.inspect("limited")).State.Running);
  const { stderr } = await box.run(["logs", "limited"]);
  assertMatch(stderr, /can't fork: Resource temporarily unavailable/);
  await box.ok(["rm", "-f", "free", "limited"]);
});

test("a fork bomb stays within its limit, the host answers, and it can be ended", async (box) => {
  const bomb =
    "trap '' TERM; while :; do (while :; do sh -c ': ; sleep 0.1' & sleep 0.01; done) & sleep 0.02; done";
  // An unlimited one would not stop: this one is started only with the limit proved in force.
  await box.ok([
    "run",
    "-d",
    "--name",
    "bomb",
    "--pids-limit",
    "60",
    "busybox",
    "sh",
    "-c",
    "exec sleep 1000",
  ]);
  assertEquals((await box.inspect("bomb")).HostConfig.PidsLimit, 60);
  const proof = `i=0; while [ $i -lt ${SLEEPERS} ]; do sleep 5 & i=$((i + 1)); done`;
  assert((await box.run(["exec", "bomb", "sh", "-c", proof])).code !== 0);
  await until("the proof is gone", async () => await countProcesses(box, "bomb") === 1);
  await box.ok(["exec", "-d", "bomb", "sh", "-c", bomb]);
  let most = 0;
  for (let look = 0; look < 20; look++) {
    assert(await listProcesses(box) < 10_000);
    most = Math.max(most, await countProcesses(box, "bomb"));
  }
  assert(most > 10 && most <= 60, `${most} processes`);
  await box.ok(["rm", "-f", "bomb"]);
}, { seconds: 90 });

test("-m: memory is refused beyond it, and is there without it", async (box) => {
  // tail keeps all of it, to find where the last so many bytes begin.
  const take = ["sh", "-c", "head -c 100m /dev/zero | tail -c 100m | wc -c"];
  assertEquals(await box.ok(["run", "--rm", "busybox", ...take]), String(100 << 20));
  const limit = ["-m", "32m", "--memory-swap", "32m"];
  const direct = ["sh", "-c", "exec tail -c 100m </dev/zero"];
  const { code } = await box.run(["run", "--name", "hungry", ...limit, "busybox", ...direct]);
  assertEquals(code, 137);
  assertEquals((await box.inspect("hungry")).State.OOMKilled, true);
  await box.ok(["rm", "hungry"]);
});

test("a memory bomb takes nothing from the host, which answers, wherever it puts its bytes", async (box) => {
  const limit = ["-m", "48m", "--memory-swap", "48m", "--pids-limit", "20"];
  const bombs = {
    heap: "while :; do tail -c 200m </dev/zero; done",
    tmpfs: "while :; do dd if=/dev/zero of=/dev/shm/file bs=1M 2>/dev/null; rm -f /dev/shm/file; done",
    volume: "while :; do dd if=/dev/zero of=/tmp/file bs=1M count=200 2>/dev/null; done",
  };
  for (const [name, script] of Object.entries(bombs)) {
    const mount = name === "volume" ? ["--tmpfs", "/tmp:size=1g"] : [];
    await box.ok(["run", "-d", "--name", name, ...limit, ...mount, "busybox", "sh", "-c", script]);
    for (let look = 0; look < 10; look++) assert(await listProcesses(box) < 10_000, name);
    await box.ok(["rm", "-f", name]);
  }
}, { seconds: 90 });
