// stop, kill and restart: how containers are ended from outside.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, requires, test, until, words } from "../world/world.ts";
import { processesOf } from "../world/leaks.ts";

/** Ends with 3 at SIGTERM, and says what else it gets. */
const POLITE = 'trap "echo term; exit 3" TERM; trap "echo hup" HUP; echo up; while :; do sleep 0.05; done';
const DEAF = 'trap "" TERM; echo up; while :; do sleep 0.05; done';

/** A detached container with a first process that has set its traps. */
async function detached(box: Box, name: string, script: string, ...flags: string[]): Promise<string> {
  const id = await box.ok`run -d --name ${name} ${flags} busybox sh -c ${script}`;
  await until(`${name} is up`, async () => (await box.ok`logs ${name}`).includes("up"));
  return id;
}

const status = async (box: Box, name: string) => {
  const { State } = await box.inspect(name);
  return `${State.Status} ${State.ExitCode}`;
};

test("stop sends SIGTERM, and is over when the container is", async (box) => {
  await detached(box, "c1", POLITE);
  assertEquals(await box.ok`stop c1`, "c1");
  assertEquals(await status(box, "c1"), "exited 3");
  assertEquals(await box.ok`logs c1`, "up\nterm");
  assertEquals(await box.ok`rm c1`, "c1");
});

test("stop kills what does not end in time, and all the others in the container with it", async (box) => {
  await detached(box, "c1", `sleep 3210 & ${DEAF}`);
  const begin = performance.now();
  await box.ok`stop -t 1 c1`;
  assert(performance.now() - begin >= 1000, "killed before its second was over");
  assertEquals(await status(box, "c1"), "exited 137");
});

test("stop -t 0 does not wait, --time and --timeout are the same, --stop-timeout is the default", async (box) => {
  await detached(box, "c1", DEAF, "--stop-timeout", "0");
  await box.ok(words`stop c1`, { timeout: 9 });
  for (const flags of [["-t", "0"], ["--time", "0"], ["--timeout=0"]]) {
    await box.ok`start c1`;
    await box.ok(words`stop ${flags} c1`, { timeout: 9 });
    assertEquals(await status(box, "c1"), "exited 137");
  }
});

test("stop -t -1 waits for as long as it takes", async (box) => {
  const slow = 'trap "sleep 1.5; exit 6" TERM; echo up; while :; do sleep 0.05; done';
  await detached(box, "c1", slow, "--stop-timeout", "1");
  await box.ok`stop -t -1 c1`;
  assertEquals(await status(box, "c1"), "exited 6");
});

test("stop sends the container's stop signal, or the one it is given", async (box) => {
  const script = 'trap "exit 5" USR1; trap "exit 6" USR2; echo up; while :; do sleep 0.05; done';
  await detached(box, "c1", script, "--stop-signal", "USR1");
  await box.ok`stop c1`;
  assertEquals(await status(box, "c1"), "exited 5");
  await box.ok`restart c1`;
  await until("its traps are set", async () => (await box.ok`logs c1`) === "up\nup");
  await box.ok`stop -s SIGUSR2 c1`;
  assertEquals(await status(box, "c1"), "exited 6");
});

test("stop ends several at the same time; of those that do not run nothing, and errors come last", async (box) => {
  await Promise.all(["c1", "c2", "c3"].map((name) => detached(box, name, DEAF)));
  await box.ok`create --name c4 busybox true`;
  const begin = performance.now();
  const result = await box.$`stop -t 2 c1 nix c2 c3 c4`;
  assert(performance.now() - begin < 5500, "one after the other");
  assertEquals(result, {
    ...result,
    code: 1,
    stdout: "c1\nc2\nc3\nc4\n",
    stderr: "mydocker: No such container: nix\n",
  });
  assertEquals(await status(box, "c4"), "created 0");
  assertEquals(await box.ok`stop c1`, "c1");
});

test("stop of a container with --rm is over when it is removed; of one that never ran, it stays", async (box) => {
  // Its keeper has it removed, too: whoever comes second waits for the other.
  for (let n = 0; n < 8; n++) {
    await detached(box, "c1", POLITE, "--rm");
    await box.ok`stop c1`;
  }
  await box.ok`create --rm --name c2 busybox true`;
  await box.ok`stop c2`;
  assertEquals(await box.ok`ps -a --format {{.Names}}`, "c2");
});

test("a container in the foreground that is stopped ends with its own exit code", async (box) => {
  await using running = box.spawn`run --name c1 --restart always busybox sh -c ${POLITE}`;
  await running.expect("up");
  await box.ok`stop c1`;
  const { code, stderr } = await running.end();
  assertEquals({ code, stderr }, { code: 3, stderr: "" });
});

test("stop takes a container out of its restart policy, whatever it is doing", async (box) => {
  await detached(box, "c1", POLITE, "--restart", "always");
  await box.ok`stop c1`;
  assertEquals(await status(box, "c1"), "exited 3");
  await box.ok`run -d --name c2 --restart always busybox sh -c 'exit 4'`;
  // By then it waits for most of a second.
  await until("it was started again a few times", async () => (await box.inspect("c2")).RestartCount >= 3);
  await until("it waits", async () => (await status(box, "c2")) === "restarting 4");
  assertEquals(await box.ok`stop c2`, "c2");
  assertEquals(await status(box, "c2"), "exited 4");
  // Whoever would start it again: its keeper, or the mydocker that took its place.
  const id = (await box.inspect("c2")).Id;
  const left = () =>
    processesOf(box.dir).filter(({ command }) => command.includes("c2") || command.includes(id));
  await until("nobody is left to start it again", () => left().length === 0);
  assertEquals(await status(box, "c2"), "exited 4");
  assertEquals(await status(box, "c1"), "exited 3");
});

test("kill ends a container at once, and for good", async (box) => {
  const id = await detached(box, "c1", DEAF, "--restart", "always");
  const result = await box.$`kill c1 nix c1`;
  assertEquals([result.code, result.stdout.startsWith("c1\n")], [1, true]);
  assertMatch(result.stderr, /^mydocker: Cannot kill container: nix: No such container: nix$/m);
  assertEquals(await status(box, "c1"), "exited 137");
  const again = await box.$`kill c1`;
  assertEquals([again.code, again.stdout], [1, ""]);
  assertEquals(again.stderr, `mydocker: Cannot kill container: c1: Container ${id} is not running\n`);
});

test("kill sends any signal, by name or number", async (box) => {
  await detached(box, "c1", POLITE);
  for (const signal of ["HUP", "SIGHUP", "hup", "1"]) {
    const before = (await box.ok`logs c1`).length;
    assertEquals(await box.ok`kill -s ${signal} c1`, "c1");
    await until(`it got ${signal}`, async () => (await box.ok`logs c1`).length > before);
  }
  assertEquals(await box.ok`logs c1`, "up\nhup\nhup\nhup\nhup");
  assertEquals(await status(box, "c1"), "running 0");
  assertEquals(await box.ok`kill -s '' c1`, "c1");
  assertEquals(await status(box, "c1"), "exited 137");
});

test("kill says what is no signal, and then sends none", async (box) => {
  await detached(box, "c1", POLITE);
  const words = {
    "0": "Invalid signal: 0",
    "FOO": "Invalid signal: FOO",
    "65": "Cannot kill container: c1: The linux daemon does not support signal 65",
    "33": "Cannot kill container: c1: The linux daemon does not support signal 33",
    "-1": "Cannot kill container: c1: The linux daemon does not support signal -1",
  };
  for (const [signal, message] of Object.entries(words)) {
    const { code, stdout, stderr } = await box.$`kill -s ${signal} c1`;
    assertEquals({ code, stdout, stderr }, { code: 1, stdout: "", stderr: `mydocker: ${message}\n` });
  }
  assertEquals(await status(box, "c1"), "running 0");
  await box.ok`kill c1`;
});

test("a signal besides the container's own stop signal leaves its restart policy in force", async (box) => {
  const script = 'trap "exit 4" HUP; trap "exit 5" USR1; echo up; while :; do sleep 0.05; done';
  await detached(box, "c1", script, "--restart", "always", "--stop-signal", "USR1");
  await box.ok`kill -s HUP c1`;
  await until("it was started again", async () => (await box.inspect("c1")).RestartCount === 1);
  await until("its traps are set", async () => (await box.ok`logs c1`) === "up\nup");
  await box.ok`kill -s USR1 c1`;
  assertEquals(await box.ok`wait c1`, "5");
  assertEquals(await status(box, "c1"), "exited 5");
});

test("kill of a container that waits to be started again ends that", async (box) => {
  await box.ok`run -d --name c1 --restart always busybox sh -c 'exit 4'`;
  await until("it was started again a few times", async () => (await box.inspect("c1")).RestartCount >= 3);
  await until("it waits", async () => (await status(box, "c1")) === "restarting 4");
  assertEquals(await box.ok`kill -s HUP c1`, "c1");
  assertEquals(await status(box, "c1"), "exited 4");
});

test("rm -f ends a container with a restart policy, whatever it is doing", async (box) => {
  await detached(box, "c1", POLITE, "--restart", "always");
  assertEquals(await box.ok`rm -f c1`, "c1");
  await box.ok`run -d --name c1 --restart always busybox sh -c 'exit 4'`;
  await until("it was started again a few times", async () => (await box.inspect("c1")).RestartCount >= 3);
  await until("it waits", async () => (await status(box, "c1")) === "restarting 4");
  assertEquals(await box.ok`rm -f c1`, "c1");
  assertEquals(await box.ok`ps -aq`, "");
});

test("a paused container is stopped, killed and restarted like any other", async (box) => {
  await detached(box, "c1", POLITE);
  await box.ok`pause c1`;
  await box.ok`stop c1`;
  assertEquals(await status(box, "c1"), "exited 3");
  for (const command of [["restart", "-t", "0"], ["kill", "-s", "HUP"]]) {
    await box.ok`restart -t 0 c1`;
    await box.ok`pause c1`;
    await box.ok`${command} c1`;
    assertEquals(await status(box, "c1"), "running 0");
  }
  await box.ok`pause c1`;
  await box.ok`kill c1`;
  assertEquals(await status(box, "c1"), "exited 137");
});

test("what stop, kill and restart do is among the events, in docker's order", async (box) => {
  await detached(box, "c1", DEAF);
  await box.ok`stop -t 0 c1`;
  await box.ok`restart c1`;
  await box.ok`kill c1`;
  const format = '{{.Action}} {{index .Actor.Attributes "signal"}}';
  const events = await box.ok`events --since 1h --until 0s --format ${format}`;
  const own = events.split("\n").map((line) => line.trim()).filter((line) =>
    /^(kill|stop|restart)\b/.test(line)
  );
  assertEquals(own, ["kill 15", "kill 9", "stop", "restart", "kill 9"]);
});

test("a container whose keeper was killed is neither stopped nor signalled by number", async (box) => {
  const id = await detached(box, "c1", POLITE);
  const pid = await box.pidOf("c1");
  const keeper = Number(/^PPid:\s*(\d+)$/m.exec(await Deno.readTextFile(`/proc/${pid}/status`))![1]);
  Deno.kill(keeper, "SIGKILL");
  await until("it has ended", async () => (await status(box, "c1")) === "exited 137");
  assertEquals(await box.ok`stop c1`, "c1");
  const { code, stderr } = await box.$`kill c1`;
  assertEquals(code, 1);
  assertEquals(stderr, `mydocker: Cannot kill container: c1: Container ${id} is not running\n`);
  await box.ok`rm c1`; // and the bridge that its keeper could not take down
});

test("restart starts again what runs, what has ended and what never ran", async (box) => {
  await detached(box, "c1", POLITE);
  const before = await box.pidOf("c1");
  assertEquals(await box.ok`restart c1`, "c1");
  assert(await box.pidOf("c1") !== before);
  assertEquals((await box.inspect("c1")).RestartCount, 0);
  await box.ok`stop -t 0 c1`;
  await box.ok`create --name c2 busybox sleep 3210`;
  const result = await box.$`restart c1 nix c2`;
  assertEquals([result.code, result.stdout], [1, "c1\nc2\n"]);
  assertEquals(result.stderr, "mydocker: No such container: nix\n");
  assertEquals([await status(box, "c1"), await status(box, "c2")], ["running 0", "running 0"]);
  await box.ok`restart -s KILL c2`;
  await box.ok`kill c1 c2`;
});

test("restart says why a container could not be started", async (box) => {
  await box.ok`create --name c1 busybox nosuch`;
  const { code, stdout, stderr } = await box.$`restart c1`;
  assertEquals([code, stdout], [1, ""]);
  assertEquals(
    stderr,
    'mydocker: Cannot restart container c1: exec: "nosuch": executable file not found in $PATH\n',
  );
});

test("restart puts a container back under its restart policy", async (box) => {
  await detached(box, "c1", POLITE, "--restart", "on-failure");
  await box.ok`restart c1`;
  const pid = await box.pidOf("c1");
  Deno.kill(pid, "SIGKILL");
  await until("it was started again", async () => (await box.inspect("c1")).RestartCount === 1);
  await box.ok`kill c1`;
});

test("mistakes on the command line are docker's", async (box) => {
  for (const command of ["stop", "restart"]) {
    const { code, stderr } = await box.$`${command} -t x c1`;
    assertEquals(code, 125);
    assertMatch(
      stderr,
      /invalid argument "x" for "-t, --timeout" flag: strconv.ParseInt: parsing "x": invalid syntax/,
    );
  }
  for (const command of ["stop", "kill", "restart", "wait"]) {
    assertMatch((await box.$`${command}`).stderr, /requires at least 1 argument/);
    const { code, stderr } = await box.$`${command} nix`;
    assertEquals(code, 1);
    assertMatch(stderr, /No such container: nix\n$/);
  }
});

test("rm: what appears in the container's directory while it is being removed goes, too", async (box) => {
  const id = await box.ok`create --name c1 busybox true`;
  const entries = [...Deno.readDirSync(`${box.root}/containers/${id}`)].length;
  const slow = ["-e", "trace=unlinkat", "-e", "inject=unlinkat:delay_enter=100000"];
  await using removing = box.start`strace -qq -f -o /dev/null ${slow} ${BIN} rm c1`;
  const grave = await until("its directory is being emptied", () => {
    for (const { name } of Deno.readDirSync(`${box.root}/tmp`)) {
      const dir = `${box.root}/tmp/${name}`;
      if (!Deno.statSync(dir).isDirectory) continue;
      const left = [...Deno.readDirSync(dir)].length;
      if (left > 0 && left < entries) return dir;
    }
    return false;
  });
  Deno.writeTextFileSync(`${grave}/late`, "");
  const { code, stderr } = await removing.end();
  assertEquals([code, stderr], [0, ""]);
}, await requires("strace"));
