// Into a PID namespace that others are in already: from its first moment there a process can be looked into
// and traced by them, as far as they have the right (CAP_SYS_PTRACE). So it has, from its first moment,
// nothing that they may not have: all that takes more is done outside, by a process that they can't see,
// which then makes it with memory of its own.
//
//   the host's PID namespace                        the container's
//   helper ──clone, shared memory──▶ set-up ──clone, copied memory──▶ the command
//     ▲      (waits until it ends)     joins, opens, drops all rights      │
//     └────────────── pipe: its end closed by execve, or why not ─────────┘

import { SIBLING } from "../../ffi/clone.ts";
import * as file from "../../ffi/file.ts";
import { type Cell, FAILED_STEP, FAILURE, type Label, type Program } from "../../ffi/program.ts";
import { attempt } from "./mount_program.ts";

/**
 * The pipe on which the command's process says why it executed nothing. All that is read from it is hostile.
 */
export interface Crossing {
  read: Cell;
  write: Cell;
  /** That process's ID as seen outside; 0 as long as there is none. */
  pid: Cell;
}

/** Its only descriptor besides 0 to 2: the pipe's write end. */
export const REPORT = 3;
/**
 * What is there instead in an init of --init whose PID namespace is not its own: a pidfd of the command,
 * which then is its only child.
 */
export const COMMAND_PIDFD = REPORT;
/** FAILED_STEP and FAILURE, which follow each other. */
const REPORT_SIZE = 16;
/** Seconds that it may take to execute a command: longer than a busy disk needs. */
const PATIENCE = 30;
const [EINTR, ETIMEDOUT] = [-4, -110];
const SIGKILL = 9;

/** In the helper, before it makes the set-up process. */
export function openCrossing(p: Program): Crossing {
  const [F_DUPFD_CLOEXEC, ABOVE_STDIO] = [1030, 3];
  const pipe = p.words([0, 0]);
  const read = p.cell();
  p.call("pipe2", [pipe, file.O_CLOEXEC], { what: "the command's pipe" });
  // Two numbers of 32 bits came, of which the kernel takes no more from an argument; one of 64 is needed to
  // poll.
  p.call("fcntl", [{ address: pipe }, F_DUPFD_CLOEXEC, ABOVE_STDIO], { store: read });
  p.call("close", [{ address: pipe }]);
  return { read, write: { address: pipe + 4 }, pid: p.cell() };
}

/**
 * In the set-up process, with all rights dropped that the command may not have, nothing open but 0 to 2 and
 * REPORT, and the PID namespace joined: makes the command's process, in which the next step is run, and ends.
 */
export function cross(p: Program, { pid }: Crossing): void {
  const inside = p.label();
  p.call("clone", [SIBLING, 0, 0, 0, 0], { store: pid, zero: inside, what: "the command" });
  p.call("exit_group", [0]);
  p.place(inside);
}

/** In the command's process, where a step has failed. */
export function reportFailure(p: Program): void {
  attempt(p, "write", [REPORT, FAILED_STEP.address, REPORT_SIZE]);
  p.call("exit_group", [1]);
}

/**
 * In the helper, once the set-up process has ended: opens a pidfd of what it made, in the struct pollfd at
 * `init`.
 */
export function adopt(p: Program, { pid }: Crossing, init: number): void {
  const made = p.label();
  p.subtract(pid, 0, { positive: made });
  // Killed, as for want of memory, before it could say anything.
  p.fail("clone", EINTR, "the command");
  p.place(made);
  // A child of this process, whose number is its own until it is waited for.
  const pidfd = p.cell();
  p.call("pidfd_open", [pid, 0], { store: pidfd });
  setPollfd(p, init, pidfd);
}

/** struct pollfd in eight bytes: a descriptor, and the event. */
function setPollfd(p: Program, address: number, fd: Cell): void {
  const [POLLIN, EVENTS] = [1, 2 ** 32];
  p.subtract(fd, -POLLIN * EVENTS, { store: { address } });
}

/**
 * In the helper: waits until the command is executed, for `pid` to be killed otherwise. Its neighbours may
 * stop it before that: so it ends when whoever reads `messages` goes away, too, and after a while. A failure
 * goes to `failed`.
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
  // The kernel leaves there what is left of the time.
  p.call("ppoll", [poll, 2, time, 0, 8], { negative: wait, positive: ready });
  endCommand(p, pid);
  p.fail("ppoll", ETIMEDOUT, "the command");
  p.place(ready);
  p.subtract(caller, messages, { negative: gone, positive: gone });
  p.call("read", [read, report, REPORT_SIZE], { zero: executed, positive: refused });
  p.place(gone);
  endCommand(p, pid);
  p.fail("ppoll", EINTR, "the command");
  p.place(refused);
  // Whoever traces it may have said so, and let it go on.
  endCommand(p, pid);
  // In this order: a negative result overwrites both.
  p.set(FAILURE, { address: report + 8 });
  p.set(FAILED_STEP, { address: report });
  p.goto(failed);
  p.place(executed);
  p.call("close", [read]);
}

/** Not waited for: whoever traces it would be told first, and may keep that to himself. */
function endCommand(p: Program, pid: Cell): void {
  attempt(p, "kill", [pid, SIGKILL]);
}
