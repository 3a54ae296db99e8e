// attach: connects the caller's terminal or streams to a running container. Its output comes from its log,
// from now on.

import { isErrno } from "../../../ffi/errno.ts";
import { close, O_RDONLY, openat } from "../../../ffi/file.ts";
import { fetchDescriptor } from "../../../ffi/process.ts";
import { nudgeWindowSize } from "../../../ffi/terminal.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { print, printError } from "../../base/output.ts";
import { DETACHED, giveTerminal, proxySignals, pumpKeys } from "../../lifecycle/attach.ts";
import { pumpInput } from "../../lifecycle/input.ts";
import { parseDetachKeys } from "../../flags/detach_keys.ts";
import { findContainer } from "../../container/find.ts";
import { emitContainer } from "../../events/emit.ts";
import { followLog } from "../../log/follow.ts";
import { logEnd, type LogPosition } from "../../log/frames.ts";
import { exitCode, readRecords, type StartRecord } from "../../keeper/report.ts";
import { containerState, keeperLives } from "../../container/state.ts";
import { requireLock } from "../../container/lost_lock.ts";
import { DETACH_KEYS, SIG_PROXY } from "../../flags/attach_flags.ts";
import type { Container } from "../../model/container.ts";

export const spec: CommandSpec = {
  name: "attach",
  usage: "[OPTIONS] CONTAINER",
  summary: "Attach local standard input, output, and error streams to a running container",
  aliases: ["container attach"],
  flags: [
    DETACH_KEYS,
    { name: "no-stdin", kind: "bool", help: "Do not attach STDIN" },
    SIG_PROXY,
  ],
  args: [1, 1],
};

/** What the caller passes to the container. */
export interface Wishes {
  stdin: boolean;
  signals: boolean;
  detachKeys: number[];
}

export async function run(parsed: Parsed): Promise<number> {
  const detachKeys = parseDetachKeys(parsed.text("detach-keys")!);
  const container = findContainer(parsed.args[0]);
  const wishes = { stdin: !parsed.bool("no-stdin"), signals: parsed.bool("sig-proxy"), detachKeys };
  const result = await attachTo(container, wishes);
  if (result === DETACHED) throw new Failure("read escape sequence");
  return result;
}

/**
 * Follows a running container to its end. Returns its exit code, or DETACHED if the user typed the keys.
 * Throws Failure.
 */
export async function attachTo(container: Container, wishes: Wishes): Promise<number | typeof DETACHED> {
  requireRunning(container);
  requireLock(container);
  const { config } = container;
  const stdin = wishes.stdin && config.stdin;
  if (stdin && config.tty && !Deno.stdin.isTerminal()) {
    throw new Failure("the input device is not a TTY", { kind: "no terminal" });
  }
  // A terminal's signals come as keys from whoever has its input. Any other client may leave by Ctrl-C.
  const passSignalsTo = proxySignals(wishes.signals && !config.tty);
  const lock = openat(container.dir, "lock", O_RDONLY);
  const position = logEnd(container);
  const { start } = readRecords(lock);
  const streams = start && streamsOf(start, stdin);
  // Only now is it certain that the descriptors were the keeper's, and not those of a process with a reused
  // number.
  requireRunning(container);
  if (!start || readRecords(lock).start?.time !== start.time) return await attachTo(container, wishes);
  if (!streams) throw new Failure("You cannot attach to a container that has closed its terminal");
  const { terminal, input } = streams;
  emitContainer(container, "attach");
  passSignalsTo({ pid: start.pid, messages: -1, terminal });
  const takeTerminalBack = giveTerminal(config.tty && stdin);
  try {
    if (terminal !== undefined) nudgeWindowSize(0, terminal);
    return await Promise.race([
      showUntilEnd(container, position, lock, start),
      ...input === undefined ? [] : [passInput(input, input === terminal, wishes.detachKeys)],
    ]);
  } finally {
    takeTerminalBack();
  }
}

function requireRunning({ dir }: Container): void {
  const { status } = containerState(dir);
  if (status === "running") return;
  const [state, way] = status === "paused"
    ? ["paused", "unpause it first"]
    : status === "restarting"
    ? ["restarting", "wait until it is running"]
    : ["stopped", "start it first"];
  throw new Failure(`You cannot attach to a ${state} container, ${way}`);
}

/** Copies of the keeper's descriptors; undefined where the keeper is gone. */
function streamsOf({ keeper, terminal, stdin }: StartRecord, wantsInput: boolean) {
  const fetch = (fd: number | undefined) => fd === undefined ? undefined : fetchDescriptor(keeper, fd);
  try {
    const own = fetch(terminal);
    return { terminal: own, input: wantsInput ? own ?? fetch(stdin) : undefined };
  } catch (error) {
    if (isErrno(error, "ESRCH", "EBADF")) return undefined;
    throw error;
  }
}

/** The end of the caller's input is not passed on, since others may attach. */
async function passInput(input: number, isTerminal: boolean, keys: number[]): Promise<typeof DETACHED> {
  if (isTerminal) return await pumpKeys(input, keys);
  await pumpInput(input);
  close(input);
  return await new Promise(() => {});
}

/** Shows the output until this run of the container has ended, even if it will be started again. */
async function showUntilEnd(
  container: Container,
  position: LogPosition,
  lock: number,
  start: StartRecord,
): Promise<number> {
  const hasEnded = () => {
    const now = readRecords(lock);
    return now.end !== undefined || now.start?.time !== start.time || !keeperLives(container.dir);
  };
  for await (const { stream, data } of followLog(container, position, undefined, hasEnded)) {
    (stream === 2 ? printError : print)(data);
  }
  const { end } = readRecords(lock);
  // 137 is SIGKILL's exit code: the keeper was killed before it could record the end.
  return end ? exitCode(end.status) : 137;
}
