// Enters a PID namespace that has other processes. From its first moment there, a process can be inspected
// and traced by the others, as far as they have the right (CAP_SYS_PTRACE). So it must never have anything
// that they may not have. All steps that need more are done outside, by a process that they can't see, which
// then makes the command's process with memory of its own.
//
//   the host's PID namespace                        the container's
//   helper ──clone, shared memory──▶ set-up ──clone, copied memory──▶ the command
//     ▲      (waits until it ends)     joins, opens, drops all rights      │
//     └────────────── pipe: its end closed by execve, or why not ─────────┘

import { EINTR, ETIMEDOUT, SIGKILL } from "../../ffi/constants.ts";
import { SIBLING } from "../../ffi/clone.ts";
import * as file from "../../ffi/file.ts";
import { type Cell, FAILED_STEP, FAILURE, type Label, type Program } from "../../ffi/program.ts";
import { attempt } from "./mount_program.ts";

/**
 * The pipe by which the command's process reports why it executed nothing. Everything read from it is
 * hostile.
 */
export interface Crossing {
  read: Cell;
  write: Cell;
  /** The command's PID as seen outside; 0 while there is none. */
  pid: Cell;
}

/** The command's only descriptor besides 0 to 2: the pipe's write end. */
export const REPORT = 3;
/**
 * The descriptor in its place in an init of --init in another's PID namespace: a pidfd of the command, which
 * is its only child.
 */
export const COMMAND_PIDFD = REPORT;
/** FAILED_STEP and FAILURE, which follow each other. */
const REPORT_SIZE = 16;
/** Seconds for executing a command: more than a busy disk needs. */
const PATIENCE = 30;

/** In the helper, before it makes the set-up process. */
export function openCrossing(p: Program): Crossing {
  const [F_DUPFD_CLOEXEC, ABOVE_STDIO] = [1030, 3];
  const pipe = p.words([0, 0]);
  const read = p.cell();
  p.call("pipe2", [pipe, file.O_CLOEXEC], { what: "the command's pipe" });
  // The pipe's two descriptors are 32-bit numbers in one word. The kernel takes 32 bits of an argument;
  // polling needs 64.
  p.call("fcntl", [{ address: pipe }, F_DUPFD_CLOEXEC, ABOVE_STDIO], { store: read });
  p.call("close", [{ address: pipe }]);
  return { read, write: { address: pipe + 4 }, pid: p.cell() };
}

/**
 * In the set-up process, which has dropped all rights that the command may not have, has only 0 to 2 and
 * REPORT open, and has joined the PID namespace. Makes the command's process, which runs the next step, and
 * ends.
 */
export function cross(p: Program, { pid }: Crossing): void {
  const inside = p.label();
  p.call("clone", [SIBLING, 0, 0, 0, 0], { store: pid, zero: inside, what: "the command" });
  p.call("exit_group", [0]);
  p.place(inside);
}

/** In the command's process, after a step has failed. */
export function reportFailure(p: Program): void {
  attempt(p, "write", [REPORT, FAILED_STEP.address, REPORT_SIZE]);
  p.call("exit_group", [1]);
}

/**
 * In the helper, after the set-up process has ended: opens a pidfd of the process it made, in the struct
 * pollfd at `init`.
 */
export function adopt(p: Program, { pid }: Crossing, init: number): void {
  const made = p.label();
  p.subtract(pid, 0, { positive: made });
  // It was killed, for example for lack of memory, before it could report.
  p.fail("clone", -EINTR, "the command");
  p.place(made);
  // It is a child of this process, so its PID is not reused before it is waited for.
  const pidfd = p.cell();
  p.call("pidfd_open", [pid, 0], { store: pidfd });
  setPollfd(p, init, pidfd);
}

/** struct pollfd in eight bytes: descriptor and events. */
function setPollfd(p: Program, address: number, fd: Cell): void {
  const [POLLIN, EVENTS] = [1, 2 ** 32];
  p.subtract(fd, -POLLIN * EVENTS, { store: { address } });
}

/**
 * In the helper: waits until the command is executed, and kills `pid` otherwise. Others in the namespace may
 * stop the command before that, so this also ends when nobody reads `messages` any more, and after a time
 * limit. A failure goes to `failed`.
 */
export function awaitExecution(
  p: Program,
  { read, write }: Crossing,
  { pid, messages, failed }: { pid: Cell; messages: number; failed: Label },
): void {
  const [wait, ready, gone, executed, refused] = Array.from({ length: 5 }, () => p.label());
  const [poll, report] = [p.words([0, 0]), p.words([0, 0])];
  const caller = { address: poll + 8 };
  p.call("close", [write]);
  setPollfd(p, poll, read);
  p.set(caller, messages);
  const time = p.words([PATIENCE, 0]);
  p.place(wait);
  // The kernel stores the remaining time there.
  p.call("ppoll", [poll, 2, time, 0, 8], { negative: wait, positive: ready });
  endCommand(p, pid);
  p.fail("ppoll", -ETIMEDOUT, "the command");
  p.place(ready);
  p.subtract(caller, messages, { negative: gone, positive: gone });
  p.call("read", [read, report, REPORT_SIZE], { zero: executed, positive: refused });
  p.place(gone);
  endCommand(p, pid);
  p.fail("ppoll", -EINTR, "the command");
  p.place(refused);
  // A tracer may have faked this report and let the process continue.
  endCommand(p, pid);
  // The order matters: a negative result overwrites both.
  p.set(FAILURE, { address: report + 8 });
  p.set(FAILED_STEP, { address: report });
  p.goto(failed);
  p.place(executed);
  p.call("close", [read]);
}

/** It is not waited for: a tracer would be told first, and might not pass that on. */
function endCommand(p: Program, pid: Cell): void {
  attempt(p, "kill", [pid, SIGKILL]);
}
