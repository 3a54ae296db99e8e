// kill -9 at every step: strace sends the signal when the program is about to make a certain system call, for
// one after another of those that change something. Between two of them nothing changes, so this is every
// moment there is.

import { assert, assertEquals } from "@std/assert";
import { BIN, type Box, until } from "./world.ts";
import { storeProblems } from "./leaks.ts";

/** Calls of mydocker's main thread that change files, mounts or processes. */
export const CALLS =
  "openat,mkdirat,renameat2,symlinkat,unlinkat,linkat,mknodat,fchownat,fchmodat,utimensat,fsetxattr," +
  "fsopen,fsconfig,fsmount,open_tree,move_mount,clone3,vfork,memfd_create,pipe2,fsync,ftruncate,flock,pwrite64,sendto,pidfd_send_signal";

/** The n-th time a process makes a system call. */
export interface Step {
  call: string;
  n: number;
  /** As strace shows it. */
  shown: string;
}

/** The steps of `mydocker ARGS`, from where it opens its root directory; of many alike only some. */
export async function stepsOf(box: Box, args: string[]): Promise<Step[]> {
  const log = box.path("strace");
  const { code, stderr } = await box.exec`strace -o ${log} -e trace=${CALLS} ${BIN} ${args}`;
  assertEquals(code, 0, stderr);
  return stepsIn(box, Deno.readTextFileSync(log));
}

/** The same from what strace wrote. */
export function stepsIn(box: Box, trace: string): Step[] {
  const counts = new Map<string, number>();
  const found = new Map<string, Step[]>();
  let begun = false;
  for (const shown of trace.split("\n")) {
    const call = /^(\w+)\(/.exec(shown)?.[1];
    if (!call) continue;
    const n = (counts.get(call) ?? 0) + 1;
    counts.set(call, n);
    begun ||= shown.includes(`"${box.root}"`);
    if (!begun || (call === "openat" && !shown.includes("O_CREAT")) || shown.includes("CLONE_THREAD")) {
      continue;
    }
    found.set(call, [...found.get(call) ?? [], { call, n, shown: shown.replace(/\s*= .*/, "") }]);
  }
  assert(begun, "strace saw nothing of the root directory");
  return [...found.values()].flatMap((steps) => steps.length <= 4 ? steps : sample(steps));
}

function sample(steps: Step[]): Step[] {
  const middle = steps.length >> 1;
  return [...steps.slice(0, 1), steps[middle], ...steps.slice(-2)];
}

/** Runs `mydocker ARGS` with SIGKILL at a step; answers whether it came to that. */
export async function killedAt(box: Box, { call, n }: Step, args: string[]): Promise<boolean> {
  const inject = `inject=${call}:signal=SIGKILL:when=${n}`;
  const strace = ["strace", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", inject];
  const { code, stderr } = await box.exec`${strace} ${BIN} ${args}`;
  assert(code === 137 || code === 0, `${call} ${n}: ${code} ${stderr}`);
  return code === 137;
}

/** As killedAt, for the keeper and the container's first process, too: calls that only they make. */
export async function childKilledAt(box: Box, { call, n }: Step, args: string[]): Promise<number> {
  const inject = `inject=${call}:signal=SIGKILL:when=${n}`;
  const strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", inject];
  return (await box.exec`${strace} ${BIN} ${args}`).code;
}

/** What must hold after every crash, whatever was being done. */
export async function assertUsable(box: Box, at: string): Promise<void> {
  for (const args of [["ps", "-a"], ["images"]]) {
    const { code, stderr } = await box.$(args);
    assertEquals([code, stderr], [0, ""], `${args.join(" ")} after ${at}`);
  }
  await until(`nothing runs any more after ${at}`, async () => await box.ok`ps -q` === "");
}

/** What must hold once a command has worked again, since that sweeps. */
export async function assertWhole(box: Box, at: string): Promise<void> {
  assertEquals(await storeProblems(box.root), [], `after ${at}`);
}

/** The names of everything in the store, and where tags and names lead. */
export function storeOf(root: string): string[] {
  const found: string[] = [];
  for (const folder of ["containers", "names", "images", "tags", "layers", "volumes", "tmp"]) {
    for (const { name, isSymlink } of Deno.readDirSync(`${root}/${folder}`)) {
      if (name === ".lock") continue;
      const path = `${folder}/${name}`;
      found.push(isSymlink ? `${path} -> ${Deno.readLinkSync(`${root}/${path}`)}` : path);
    }
  }
  return found.sort();
}

/** What the next command that changes anything makes of the store: it sweeps. */
export async function swept(box: Box): Promise<string[]> {
  await box.ok`tag busybox sweeper`;
  await box.ok`rmi sweeper`;
  return storeOf(box.root);
}

/** At most so many of them, evenly. */
export function spread(steps: Step[], most: number): Step[] {
  const stride = Math.max(1, Math.ceil(steps.length / most));
  return steps.filter((_, at) => at % stride === 0);
}

/** Kills `mydocker ARGS` at each of its steps (or only so many), and calls `check` after each. */
export async function crashEverywhere(
  box: Box,
  args: (round: number) => string[],
  check: (at: string, round: number) => Promise<void>,
  prepare: (round: number) => Promise<unknown> = () => Promise.resolve(),
  most = Infinity,
): Promise<void> {
  await prepare(-1);
  const steps = spread(await stepsOf(box, args(-1)), most);
  assert(steps.length >= 3, `only ${steps.length} steps`);
  let hits = 0;
  for (const [round, step] of steps.entries()) {
    await prepare(round);
    if (await killedAt(box, step, args(round))) hits++;
    const at = `the kill at step ${round} of ${steps.length}, ${step.shown}`;
    try {
      await check(at, round);
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${at}`, { cause: error });
    }
  }
  // Not each run makes the same calls: what is taken down late may be somebody else's work by then.
  assert(hits >= Math.floor(steps.length * 0.75), `only ${hits} of ${steps.length} steps were reached`);
}
