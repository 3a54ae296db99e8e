// kill -9 of mydocker at each step of what begins and ends a container's life: what is said afterwards is
// true, all can be done again, and nothing is left.

import { assert, assertEquals } from "@std/assert";
import { assertWhole, CALLS, crashEverywhere, spread, stepsIn } from "../world/crash.ts";
import { type Box, requires, test, until } from "../world/world.ts";
import { processesOf } from "../world/leaks.ts";

/** Of the steps of one command. */
const MOST = 7;
const needs = { ...await requires("strace"), seconds: 120 };

const SLEEP = ["busybox", "sh", "-c", "echo said; exec sleep 1000"];

/** Keepers that live, by the titles they give themselves. */
const keepers = (box: Box) =>
  processesOf(box.dir).filter(({ command }) => command.startsWith("mydocker: keeper of")).length;

/** Nobody is starting anything any more. */
async function settled(box: Box): Promise<void> {
  const starting = () =>
    processesOf(box.dir).some(({ command }) => /^\/.*mydocker|start-again/.test(command));
  await until("it has settled", () => !starting());
}

/**
 * The state of the container `main`, which is what ps, inspect and the processes there are agree on; "" where
 * there is none.
 */
async function truth(box: Box): Promise<string> {
  await settled(box);
  let state = "";
  await until("all say the same", async () => {
    const lived = keepers(box);
    const { code, stdout, stderr } = await box.$`ps -a --format {{.State}}`;
    assertEquals([code, stderr], [0, ""]);
    state = stdout.trim();
    return lived === keepers(box) && (state === "running") === (lived === 1);
  }, 5);
  const inspected = await box.$`inspect -f '{{.State.Status}} {{.State.Pid}}' main`;
  if (state === "") {
    assertEquals(inspected.code, 1);
    return "";
  }
  const [status, pid] = inspected.stdout.trim().split(" ");
  assertEquals(status, state);
  assertEquals(Number(pid) > 0, state === "running");
  if (state === "running") {
    assert(processesOf(box.dir).some((process) => process.pid === Number(pid)), `${pid} is no process of it`);
  }
  const logs = await box.$`logs main`;
  assertEquals([logs.code, logs.stderr], [0, ""]);
  if (state === "exited") assertEquals(new Set(logs.stdout.trim().split("\n")), new Set(["said"]));
  return state;
}

/** After whatever crash it can be started, if it is still there, and removed; its name can be had again. */
async function livesOn(box: Box, at: string, state: string): Promise<void> {
  if (state === "") await box.ok`create --name main ${SLEEP}`;
  assertEquals(await box.ok`start main`, "main", at);
  await box.ok`rm -f main`;
  // A keeper looks after the bridge for a moment.
  await until(`no process is left after ${at}`, () => processesOf(box.dir).length === 0, 20);
  await assertWhole(box, at);
}

/** With the bridge gone, so that a start takes the same steps every time. */
const absent = async (box: Box) => {
  await box.$`rm -f main`;
  await box.ok`network ls`; // makes the default network, if it is not there yet
  await until("no process is left", () => processesOf(box.dir).length === 0, 20);
};

const running = async (box: Box) => {
  await absent(box);
  await box.ok`run -d --name main ${SLEEP}`;
  await until("it has said so", async () => await box.ok`logs main` === "said");
};

const ended = async (box: Box) => {
  await running(box);
  await box.ok`kill main`;
  await until("no process is left", () => processesOf(box.dir).length === 0, 20);
};

/** What a command may leave, besides what was there before, when it was killed: the container's state. */
const CASES: Record<string, [string[], (box: Box) => Promise<unknown>, string[]]> = {
  "run -d": [["run", "-d", "--name", "main", ...SLEEP], absent, [
    "",
    "created",
    "running",
  ]],
  "start": [["start", "main"], ended, ["exited", "created", "running"]],
  "stop": [["stop", "-t", "0", "main"], running, ["running", "exited"]],
  "kill": [["kill", "main"], running, ["running", "exited"]],
  "rm -f": [["rm", "-f", "main"], running, ["running", "exited", ""]],
  "restart": [["restart", "-t", "0", "main"], running, ["running", "exited", "created"]],
  "exec": [["exec", "main", "true"], running, ["running"]],
  "pause": [["pause", "main"], running, ["running", "paused"]],
};

for (const [name, [args, prepare, states]] of Object.entries(CASES)) {
  test(`${name}: kill -9 at each step`, async (box) => {
    await crashEverywhere(
      box,
      () => args,
      async (at) => {
        if (name === "pause") await box.$`unpause main`;
        const state = await truth(box);
        assert(states.includes(state), `${state} after ${at}`);
        await livesOn(box, at, state);
      },
      () => prepare(box),
      MOST,
    );
  }, needs);
}

/** Has the restart policy start the container again under strace. */
async function startAgain(box: Box, strace: string[]): Promise<void> {
  await box.$`rm -f main`;
  await box.ok`run -d --name main --restart always ${SLEEP}`;
  await until("it has said so", async () => await box.ok`logs main` === "said");
  const init = await box.pidOf("main");
  const status = (pid: number | string) => Deno.readTextFileSync(`/proc/${pid}/status`);
  const keeper = /^PPid:\s*(\d+)$/m.exec(status(init))![1];
  await using tracer = box.start`strace -qq -p ${keeper} ${strace}`;
  await until("strace has the keeper", () => !/^TracerPid:\s*0$/m.test(status(keeper)));
  Deno.kill(init, "SIGKILL");
  // The keeper becomes mydocker, which ends when another keeper has the container.
  await tracer.end();
}

test("start-again: kill -9 at each step", async (box) => {
  const log = box.path("strace");
  await startAgain(box, ["-o", log, "-e", `trace=${CALLS}`]);
  const steps = spread(stepsIn(box, Deno.readTextFileSync(log)), MOST);
  assert(steps.length > 5, `only ${steps.length} steps`);
  assertEquals(await truth(box), "running");
  const states: string[] = [];
  for (const { call, n, shown } of steps) {
    const inject = `inject=${call}:signal=SIGKILL:when=${n}`;
    await startAgain(box, ["-o", "/dev/null", "-e", `trace=${call}`, "-e", inject]);
    const state = await truth(box);
    states.push(state);
    assert(state === "running" || state === "exited", `${state} after ${shown}`);
    if (state === "exited") assertEquals(await box.ok`restore`, "main", shown);
    await livesOn(box, shown, await truth(box));
  }
  assert(states.filter((state) => state === "exited").length > steps.length / 2, states.join(" "));
}, needs);
