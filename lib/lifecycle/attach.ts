// Follows a container in the foreground: its input, the terminal's size, signals, and its end. Its output
// needs no code here, because the keeper writes it.

import { EPIPE, SIGWINCH } from "../../ffi/constants.ts";
import { errnoText } from "../../ffi/errno.ts";
import { close } from "../../ffi/file.ts";
import { kill, readLater, writeLater } from "../../ffi/process.ts";
import { copyWindowSize, makeRaw } from "../../ffi/terminal.ts";
import { Failure } from "../base/error.ts";
import { decodeReport, exitCode, MESSAGE_SIZE } from "../keeper/report.ts";
import { forwardSignals } from "../container/signals.ts";
import { pumpInput, readInput } from "./input.ts";
import type { Running } from "./start.ts";

/** The code that a shell reports for a program that wrote to a closed pipe. */
const SIGPIPE_EXIT = 141;

/**
 * Catches signals from now on, so that none ends this process half-way, and passes them on to the container
 * that is given to the returned function; earlier ones at once. Unless `all`, only the terminal's size is
 * passed on. `passed` is called for each signal passed on.
 */
export function proxySignals(
  all = true,
  passed?: (signal: number, running: Running) => void,
): (running: Running) => void {
  let target: Running | undefined;
  const early: number[] = [];
  const deliver = (signal: number, running: Running) => {
    const { pid, terminal } = running;
    if (signal === SIGWINCH && terminal !== undefined) copyWindowSize(0, terminal);
    else if (all) {
      kill(pid, signal);
      passed?.(signal, running);
    }
  };
  forwardSignals(all ? undefined : ["SIGWINCH"], (signal) => {
    if (target) deliver(signal, target);
    else early.push(signal);
  });
  return (running) => {
    target = running;
    for (const signal of early) deliver(signal, running);
  };
}

/**
 * Connects the caller's terminal, if it has one, to a container's terminal: it passes on every key, and shows
 * all output as it is. Call it before the container can write. Returns a function that restores the terminal.
 */
export function giveTerminal(wanted: boolean): () => void {
  return wanted && Deno.stdin.isTerminal() ? makeRaw(0) : () => {};
}

/**
 * Follows the container until it ends. Returns mydocker's exit code, or DETACHED if the user typed the keys.
 */
export async function attach(running: Running, detachKeys: number[]): Promise<number | typeof DETACHED> {
  const { input, terminal } = running;
  const end = waitForEnd(running.messages);
  if (input === undefined) return await end;
  if (input !== terminal) {
    pumpInput(input).then(() => close(input));
    return await end;
  }
  return await Promise.race([end, pumpKeys(input, detachKeys)]);
}

/** Bytes read from a terminal at once; what is pasted may be long. */
const KEYS = 1 << 16;

/** The container was left running. */
export const DETACHED = "detached";

/** Copies the caller's keys to the container's terminal until the detach keys are typed. */
export async function pumpKeys(terminal: number, detachKeys: number[]): Promise<typeof DETACHED> {
  const { detachScanner } = await import("./detach_keys.ts");
  const scan = detachScanner(Deno.stdin.isTerminal() ? detachKeys : []);
  const buffer = new Uint8Array(KEYS);
  for (let goesOn = true; goesOn;) {
    const length = await readInput(buffer);
    const { pass, detach } = scan(buffer.subarray(0, length));
    goesOn = length > 0 && (pass.length === 0 || await writeLater(terminal, pass));
    if (detach) return DETACHED;
  }
  return await new Promise(() => {}); // input has ended, and says nothing
}

async function waitForEnd(messages: number): Promise<number> {
  const buffer = new Uint8Array(MESSAGE_SIZE);
  const next = async () => decodeReport(buffer.subarray(0, await readLater(messages, buffer)));
  let report = await next();
  let watching: Promise<void> | undefined;
  while (report?.kind === "broken") {
    // Reported for each stream, but the process is watched only once.
    const { endByBrokenPipe } = await import("./broken_pipe.ts");
    watching ??= endByBrokenPipe(report.pid);
    [report] = await Promise.all([next(), watching]);
  }
  if (report?.kind !== "ended") {
    throw new Failure("the container's keeper was killed, and the container with it", { kind: "killed" });
  }
  if (report.outputError === EPIPE) return SIGPIPE_EXIT;
  if (report.outputError) {
    throw new Failure(`write to stdout or stderr: ${errnoText(report.outputError)}`, { kind: "output lost" });
  }
  return exitCode(report.status);
}
