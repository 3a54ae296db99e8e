// A container that takes all it gets: it gets no more than its limits, and the host goes on working
// meanwhile.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeAttack } from "./attacker.ts";
import { type Box, test, until, words } from "../world/world.ts";

/** How many milliseconds the host takes to list all processes, which must be some. */
async function listProcesses(box: Box): Promise<number> {
  const start = performance.now();
  const { code, stdout } = await box.exec(words`ps -e -o pid,args`, { timeout: 20 });
  assertEquals(code, 0);
  assertMatch(stdout, new RegExp(`^ *${Deno.pid} `, "m"));
  return performance.now() - start;
}

/** How many processes a container has, by the host's count. */
async function countProcesses(box: Box, name: string): Promise<number> {
  return (await box.ok`top ${name} -eo pid`).split("\n").length - 1;
}

const [SIGCHLD, GENERATIONS, LIMIT] = [17, 6, 30];

/**
 * An executable that doubles itself so many times, and all of them then wait. One that is refused tries again
 * and again, as a fork bomb does; but that would have no end without a limit.
 */
function makeForkBomb(path: string): void {
  makeAttack(path, (p, call) => {
    for (let generation = 0; generation < GENERATIONS; generation++) {
      const [again, refused, next] = [p.label(), p.label(), p.label()];
      p.place(again);
      call("clone", [SIGCHLD, 0, 0, 0, 0], { negative: refused, zero: next, positive: next });
      p.place(refused);
      call("ppoll", [0, 0, p.words([0, 50e6]), 0, 8]);
      p.goto(again);
      p.place(next);
    }
    call("ppoll", [0, 0, 0, 0, 8]);
  });
}

test("--pids-limit: a fork bomb stays within it, the host answers, and it can be ended", async (box) => {
  makeForkBomb(box.path("forker"));
  const start = (name: string, ...flags: string[]) =>
    box.ok`run -d --name ${name} -v ${box.dir}/forker:/forker:ro ${flags} busybox /forker`;
  await start("free");
  await until("all of them are there", async () => await countProcesses(box, "free") === 2 ** GENERATIONS);
  await box.ok`rm -f free`;
  await start("limited", "--pids-limit", String(LIMIT));
  await until("it is at its limit", async () => await countProcesses(box, "limited") === LIMIT);
  for (let look = 0; look < 5; look++) {
    assert(await listProcesses(box) < 10_000);
    assertEquals(await countProcesses(box, "limited"), LIMIT);
  }
  const { code, stderr } = await box.$`run --rm --pids-limit 1 busybox sh -c '(true); true'`;
  assertEquals([code, stderr], [2, "sh: can't fork: Resource temporarily unavailable\n"]);
  await box.ok`rm -f limited`;
}, { seconds: 60 });

test("-m: memory is refused beyond it, and is there without it", async (box) => {
  // tail keeps all of it, to find where the last so many bytes begin.
  const take = ["sh", "-c", "head -c 100m /dev/zero | tail -c 100m | wc -c"];
  assertEquals(await box.ok`run --rm busybox ${take}`, String(100 << 20));
  const limit = ["-m", "32m", "--memory-swap", "32m"];
  const direct = ["sh", "-c", "exec tail -c 100m </dev/zero"];
  const { code } = await box.$`run --name hungry ${limit} busybox ${direct}`;
  assertEquals(code, 137);
  assertEquals((await box.inspect("hungry")).State.OOMKilled, true);
  await box.ok`rm hungry`;
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
    await box.ok`run -d --name ${name} ${limit} ${mount} busybox sh -c ${script}`;
    for (let look = 0; look < 5; look++) assert(await listProcesses(box) < 10_000, name);
    await box.ok`rm -f ${name}`;
  }
}, { seconds: 90 });
