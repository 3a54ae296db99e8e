// Signals sent to mydocker, and what becomes of a container whose mydocker or keeper is killed.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Box, requires, test, until } from "../world/world.ts";

/** A first process that says which signals it got, and ends on USR2 with 4. */
const REPORTER =
  "for s in HUP INT QUIT TERM USR1 WINCH CONT; do trap \"echo got $s\" $s; done; trap 'exit 4' USR2; " +
  "echo ready; while :; do sleep 0.02; done";

async function parentOf(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

async function gone(box: Box, name: string): Promise<void> {
  await until(`${name} has ended`, async () => !(await box.inspect(name)).State.Running);
}

test("run: signals to mydocker reach the command", async (box) => {
  await using running = box.spawn`run --rm busybox sh -c ${REPORTER}`;
  await running.expect("ready");
  for (const signal of ["HUP", "INT", "QUIT", "TERM", "USR1"]) {
    running.kill(`SIG${signal}` as Deno.Signal);
    await running.expect(`got ${signal}\n`);
  }
  running.kill("SIGUSR2");
  assertEquals((await running.end()).code, 4);
});

test("run: a first process without a handler ignores SIGTERM and SIGINT, as PID 1 does", async (box) => {
  await using running = box.spawn`run --name deaf -i busybox cat`;
  await running.send("ready\n");
  await running.expect("ready");
  running.kill("SIGTERM");
  running.kill("SIGINT");
  await running.send("still there\n", true);
  await running.expect("still there");
  assertEquals((await running.end()).code, 0);
});

test("run: 137 when the first process is killed", async (box) => {
  await using running = box.spawn`run --name victim busybox sleep 1000`;
  Deno.kill(await box.pidOf("victim"), "SIGKILL");
  assertEquals((await running.end()).code, 137);
  const { State } = await box.inspect("victim");
  assertEquals([State.ExitCode, State.Running, State.Status], [137, false, "exited"]);
});

test("run: the whole container ends with its first process", async (box) => {
  await using running = box.spawn`run --rm -i busybox
    sh -c 'sleep 1234567 & setsid sleep 1234567 & echo on; read x'`;
  await running.expect("on");
  await running.send("x\n");
  assertEquals((await running.end()).code, 0);
});

test("kill -9 of mydocker: the container goes on under its keeper, and is logged", async (box) => {
  const script = "echo before; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo after; exit 7";
  await using running = box.spawn`run --name orphan busybox sh -c ${script}`;
  await running.expect("before");
  const pid = await box.pidOf("orphan");
  const keeper = await parentOf(pid);
  running.kill("SIGKILL");
  assertEquals((await running.end()).signal, "SIGKILL");
  assertMatch(Deno.readTextFileSync(`/proc/${keeper}/cmdline`), /^mydocker: keeper of orphan/);
  assertEquals(await box.ok`ps --format '{{.Names}} {{.State}}'`, "orphan running");
  Deno.writeTextFileSync(`/proc/${pid}/root/tmp/go`, "");
  await gone(box, "orphan");
  assertEquals((await box.inspect("orphan")).State.ExitCode, 7);
  assertEquals(await box.ok`logs orphan`, "before\nafter");
});

test("kill -9 of mydocker: rm -f ends the container", async (box) => {
  await using running = box.spawn`run --name orphan busybox sleep 1000`;
  await box.pidOf("orphan");
  running.kill("SIGKILL");
  await running.end();
  await box.ok`rm -f orphan`;
  assertEquals(await box.ok`ps -aq`, "");
});

test("kill -9 of mydocker: writers to its output are not blocked or killed", async (box) => {
  const script = "while [ ! -e /tmp/go ]; do sleep 0.02; done; seq 1 50000 && exit 8";
  await using running = box.spawn`run --name writer busybox sh -c ${script}`;
  const pid = await box.pidOf("writer");
  running.kill("SIGKILL");
  await running.end();
  Deno.writeTextFileSync(`/proc/${pid}/root/tmp/go`, "");
  await gone(box, "writer");
  assertEquals((await box.inspect("writer")).State.ExitCode, 8);
  assertEquals((await box.ok`logs writer`).split("\n").at(-1), "50000");
});

test("kill -9 of mydocker: stdin of the container ends", async (box) => {
  await using running = box.spawn`run -i --name reader busybox sh -c 'echo on; cat; exit 2'`;
  await running.expect("on");
  running.kill("SIGKILL");
  await running.end();
  await gone(box, "reader");
  assertEquals((await box.inspect("reader")).State.ExitCode, 2);
});

test("kill -9 of the keeper: the container dies with it, and that is said", async (box) => {
  await using running = box.spawn`run --name kept busybox sleep 1000`;
  const pid = await box.pidOf("kept");
  Deno.kill(await parentOf(pid), "SIGKILL");
  const { code, stderr } = await running.end();
  assertEquals(code, 137, stderr);
  const { State } = await box.inspect("kept");
  assertEquals([State.Running, State.ExitCode], [false, 137]);
  await box.ok`rm kept`;
});

test("kill -9 of both: nothing runs on, and everything can be removed", async (box) => {
  await using running = box.spawn`run --rm --name both busybox sleep 1000`;
  const pid = await box.pidOf("both");
  const keeper = await parentOf(pid);
  running.kill("SIGKILL");
  Deno.kill(keeper, "SIGKILL");
  await running.end();
  await until("the first process has ended", () => {
    try {
      return /^State:\tZ/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
    } catch {
      return true;
    }
  });
  await gone(box, "both").catch(() => {});
  const { code } = await box.$`rm -f both`;
  assertEquals(code, 0);
  assertEquals(await box.ok`ps -aq`, "");
});

test("run: a stopped container is still a running one", async (box) => {
  await using running = box.spawn`run --name frozen busybox sleep 1000`;
  const pid = await box.pidOf("frozen");
  Deno.kill(pid, "SIGSTOP");
  assertEquals(await box.ok`ps -q --no-trunc`, (await box.inspect("frozen")).Id);
  await box.ok`rm -f frozen`;
  assertEquals((await running.end()).code, 137);
});

test("run: the keeper is small", async (box) => {
  await using running = box.spawn`run --name small busybox sleep 1000`;
  const keeper = await parentOf(await box.pidOf("small"));
  const rss = Number(/^VmRSS:\s+(\d+)/m.exec(Deno.readTextFileSync(`/proc/${keeper}/status`))?.[1] ?? 0);
  assert(rss < 300, `${rss} kB`);
  await box.ok`rm -f small`;
  await running.end();
});

function hasOpen(pid: number, path: string): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return [...Deno.readDirSync(folder)].some(({ name }) => Deno.readLinkSync(`${folder}/${name}`) === path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false; // it has just closed one of them
    throw error;
  }
}

/** Lock files that a start may have to wait for, relative to the root directory. */
const LOCKS = ["images/.lock", "volumes/.lock", "networks/.making", "networks/net/addresses/.lock"];

for (const path of LOCKS) {
  test(`run: SIGTERM ends its waiting for ${path}`, async (box) => {
    await box.ok`network create net`;
    const lock = `${box.root}/${path}`;
    const hold = "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); " +
      "print('held'); time.sleep(1000)";
    await using holder = box.start`python3 -uc ${hold} ${lock}`;
    await holder.expect("held");
    const flags = ["--name", "one", "--network", "net", "-v", "vol:/v"];
    await using running = box.spawn`run ${flags} busybox true`;
    await until("it waits", () => hasOpen(running.pid, lock));
    // What it does between opening the file and waiting takes less than a look at another process.
    await until("it waits", () => /^\S+ \(\S+\) S/.test(Deno.readTextFileSync(`/proc/${running.pid}/stat`)));
    running.kill("SIGTERM");
    assertEquals((await running.end(10)).signal, "SIGTERM");
    holder.kill("SIGKILL");
    await holder.end();
    await box.$`rm -f one`;
    await box.ok`network rm net`;
  }, await requires("python3"));
}
