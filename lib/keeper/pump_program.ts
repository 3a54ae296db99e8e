// The loop of a keeper: passes a process's output on, to a log and to whoever started it, until the process
// has ended and its output has, too.

import type { Cell, Label, Program } from "../../ffi/program.ts";
import { EVENTS, NO_POLLFD, POLLIN, type PollTable, unlessReady } from "./poll_program.ts";
import {
  BUFFER_SIZE,
  endSource,
  PAGE_SIZE,
  pass,
  type PumpMemory,
  type PumpPlan,
  shrinkPipes,
} from "./source_program.ts";

/** Seconds without output after which it is quiet. */
const QUIET = 1;
/**
 * Seconds that others who have the process's stdout or stderr may go on writing after its end, as docker has
 * it.
 */
const PATIENCE = 2;
/** Nanoseconds after which a process that its tracer has kept is looked at again. */
const HELD_RECHECK = 100e6;
/**
 * What is read then without waiting, in buffers: as much as a pipe can hold (/proc/sys/fs/pipe-max-size, 1
 * MB).
 */
const LAST_BUFFERS = 16;

/**
 * What is known once the first process has ended and its output is passed on: wait status, and why that
 * failed.
 */
export interface Pumped {
  status: Cell;
  broken: Cell;
  memory: PumpMemory;
}

export interface PumpOptions {
  pid: Cell;
  message: number;
  /** Steps whose memory can be given back. */
  spent?: [from: Label, to: Label];
  /** Its output is a terminal: that ends with the process, as docker has it, whoever else has it open. */
  tty: boolean;
  /** Steps to be run as soon as the process has ended. */
  atEnd?: () => void;
}

/**
 * Waits for output and passes it on until the process has ended and all who have its output have closed that;
 * for so long at most after its end, and then what has been written by then.
 */
export function pump(p: Program, plan: PumpPlan, poll: PollTable, options: PumpOptions): Pumped {
  const { pid, message } = options;
  const memory: PumpMemory = {
    ...{ buffer: p.reserve(BUFFER_SIZE), used: p.cell(), grown: p.cell() },
    probe: p.cell(),
    now: p.words([0, 0]),
    ...{ result: p.cell(), broken: p.cell() },
    logLeft: p.cell(plan.log?.left ?? 0),
    open: p.cell(plan.sources.length),
    ...{ message, pid },
  };
  const status = p.cell();
  /**
   * What entry `init` is when nothing is ready; not 0 once it is the timer's; how long ppoll waits, and how
   * often it may.
   */
  const [idle, ended, timeout, left] = [p.cell(), p.cell(), p.cell(), p.cell()];
  const [wait, woken, held] = [p.label(), p.label(), p.label()];
  const [exited, overdue, next, over] = [p.label(), p.label(), p.label(), p.label()];
  p.set(idle, { address: poll.init });
  p.place(wait);
  waitForOutput(p, plan, poll, memory, { timeout, again: wait, nothing: over, spent: options.spent });
  p.place(woken);
  plan.sources.forEach((source, index) => {
    const next = p.label();
    unlessReady(p, poll.entry(index), source.fd + POLLIN * EVENTS, next);
    pass(p, plan, source, poll.entry(index), memory, next);
    p.place(next);
  });
  const attended = p.label();
  unlessReady(p, poll.messages, plan.messages, attended);
  letCallerGo(p, plan, poll);
  p.place(attended);
  unlessReady(p, { address: poll.init }, idle, next);
  p.subtract(ended, 0, { positive: overdue });
  const WNOHANG = 1;
  p.call("wait4", [pid, status.address, WNOHANG, 0], { zero: held, positive: exited, negative: exited });
  p.place(held);
  passOnWhileHeld(p, poll, idle);
  p.goto(woken);

  p.place(exited);
  options.atEnd?.();
  p.set(ended, 1);
  if (!options.tty) {
    startTimer(p, { address: poll.init }, overdue);
    p.set(idle, { address: poll.init });
    p.goto(next);
  }
  p.place(overdue);
  p.set({ address: poll.init }, NO_POLLFD);
  p.set(timeout, memory.now);
  p.set(left, LAST_BUFFERS + 1);

  p.place(next);
  p.subtract(ended, 0, { zero: wait });
  p.subtract(memory.open, 0, { zero: over });
  // It counts from 0 downwards before.
  p.subtract(left, 1, { store: left, zero: over });
  p.goto(wait);
  p.place(over);
  return { status, broken: memory.broken, memory };
}

/**
 * A process that has ended, and whose tracer does not let go of it: it is nobody else's to wait for, while
 * its pidfd is ready all the time. So the sources alone are waited for, until it is looked at again.
 */
function passOnWhileHeld(p: Program, poll: PollTable, idle: Cell): void {
  const polled = p.label();
  const timeout = p.words([0, 0]);
  p.set({ address: poll.init }, NO_POLLFD);
  p.set({ address: timeout + 8 }, HELD_RECHECK);
  p.call("ppoll", [poll.address, poll.count, timeout, 0, 8], { negative: polled });
  p.place(polled);
  p.set({ address: poll.init }, idle);
}

/** Makes an entry that gets ready after PATIENCE; to `refused` where there is none to be had. */
function startTimer(p: Program, entry: Cell, refused: Label): void {
  const [CLOCK_MONOTONIC, TFD_CLOEXEC] = [1, 0o2000000];
  const timer = p.cell();
  // struct itimerspec: no interval.
  const time = p.words([0, 0, PATIENCE, 0]);
  p.call("timerfd_create", [CLOCK_MONOTONIC, TFD_CLOEXEC], { store: timer, negative: refused });
  p.call("timerfd_settime", [timer, 0, time, 0], { negative: refused });
  p.subtract(timer, -POLLIN * EVENTS, { store: entry });
}

/**
 * Reads on, and drops it, for as long as anybody has the output of a process that has ended: they would die
 * of SIGPIPE. To `done` after that, or when the process whose pidfd is `guardian` has ended.
 */
export function dropOutput(
  p: Program,
  plan: PumpPlan,
  poll: PollTable,
  { memory, guardian, done }: { memory: PumpMemory; guardian: Cell | number; done: Label },
): void {
  const [wait, idle] = [p.label(), p.cell()];
  letCallerGo(p, plan, poll);
  p.subtract(guardian, -POLLIN * EVENTS, { store: idle });
  p.set({ address: poll.init }, idle);
  giveBack(p, memory, wait);
  p.place(wait);
  p.subtract(memory.open, 0, { zero: done });
  p.call("ppoll", [poll.address, poll.count, 0, 0, 8], { negative: wait });
  plan.sources.forEach((source, index) => {
    const [end, next] = [p.label(), p.label()];
    unlessReady(p, poll.entry(index), source.fd + POLLIN * EVENTS, next);
    p.call("read", [source.fd, memory.buffer, PAGE_SIZE], { positive: next, zero: end, negative: end });
    p.place(end);
    endSource(p, source, poll.entry(index), memory);
    p.place(next);
  });
  unlessReady(p, { address: poll.init }, idle, wait);
  p.goto(done);
}

/**
 * Waits for `timeout` (an address, 0 for as long as it takes), then to `nothing`; but after much output for a
 * while first, and gives its memory back: with that of steps that are `spent`, which the kernel maps again
 * when it maps those around.
 */
function waitForOutput(
  p: Program,
  plan: PumpPlan,
  poll: PollTable,
  memory: PumpMemory,
  { timeout, again, nothing, spent }: {
    timeout: Cell;
    again: Label;
    nothing: Label;
    spent?: [from: Label, to: Label];
  },
): void {
  const [lean, woken] = [p.label(), p.label()];
  p.subtract(memory.used, 0, { zero: lean });
  p.subtract(timeout, 0, { positive: lean });
  // Each time anew: the kernel leaves there what is left of it.
  const quiet = p.words([0, 0]);
  p.set({ address: quiet }, QUIET);
  p.set({ address: quiet + 8 }, 0);
  p.call("ppoll", [poll.address, poll.count, quiet, 0, 8], { negative: again, positive: woken });
  p.set(memory.used, 0);
  shrinkPipes(p, plan.sources, memory);
  giveBack(p, memory, lean);
  if (spent) p.release(...spent);
  p.place(lean);
  p.call("ppoll", [poll.address, poll.count, timeout, 0, 8], { negative: again, zero: nothing });
  p.place(woken);
}

/** Gives the buffer's memory back but for its first page; to `refused` where the kernel does not take it. */
function giveBack(p: Program, { buffer }: PumpMemory, refused: Label): void {
  const MADV_DONTNEED = 4;
  p.call("madvise", [buffer + PAGE_SIZE, BUFFER_SIZE - PAGE_SIZE, MADV_DONTNEED], { negative: refused });
}

/** The command is gone, so its streams are given up: whoever reads them must see their end. */
function letCallerGo(p: Program, plan: PumpPlan, poll: PollTable): void {
  const given = p.label();
  for (const fd of [0, 1, 2]) p.call("dup3", [plan.devNull, fd, 0], { negative: given });
  p.place(given);
  p.set(poll.messages, NO_POLLFD);
}

/** Asks whether a descriptor has something without waiting; goes on if so, to `nothing` if not. */
function probe(p: Program, memory: PumpMemory, fd: Cell, nothing: Label): void {
  p.set(memory.probe, fd);
  p.call("ppoll", [memory.probe.address, 1, memory.now, 0, 8], { zero: nothing, negative: nothing });
}

/** Goes on only where nobody reads the messages any more; to `attended` otherwise. */
export function ifAlone(
  p: Program,
  plan: PumpPlan,
  poll: PollTable,
  memory: PumpMemory,
  attended: Label,
): void {
  const alone = p.label();
  p.subtract(poll.messages, NO_POLLFD, { zero: alone });
  probe(p, memory, poll.messages, attended);
  letCallerGo(p, plan, poll);
  p.place(alone);
}
