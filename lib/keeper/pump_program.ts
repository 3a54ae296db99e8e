// The keeper's loop: passes a process's output on, to a log and to the caller, until both the process and its
// output have ended.

import { EAGAIN, MADV_DONTNEED } from "../../ffi/constants.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import { EVENTS, NO_POLLFD, POLLIN, type PollTable, unlessReady } from "./poll_program.ts";
import {
  BUFFER_SIZE,
  endSource,
  neverWait,
  PAGE_SIZE,
  pass,
  type PumpMemory,
  type PumpPlan,
  shrinkPipes,
} from "./source_program.ts";

/** Seconds without output after which the process counts as quiet. */
const QUIET = 1;
/**
 * Seconds that other processes with the same stdout or stderr may continue to write after its end, as in
 * docker.
 */
const PATIENCE = 2;
/** Nanoseconds after which a process held by its tracer is checked again. */
const HELD_RECHECK = 100e6;
/**
 * The number of buffers that are read then without waiting: as much as a pipe can hold
 * (/proc/sys/fs/pipe-max-size, 1 MB).
 */
const LAST_BUFFERS = 16;

/**
 * The result after the first process has ended and its output has been passed on: the wait status, and why
 * passing on failed.
 */
export interface Pumped {
  status: Cell;
  broken: Cell;
  memory: PumpMemory;
}

export interface PumpOptions {
  pid: Cell;
  message: number;
  /** Steps whose memory can be released. */
  spent?: [from: Label, to: Label];
  /** Its output is a terminal, which ends with the process, as in docker, even if others have it open. */
  tty: boolean;
  /** Steps to run as soon as the process has ended. */
  atEnd?: () => void;
}

/**
 * Waits for output and passes it on until the process has ended and its output is closed. It waits for the
 * latter for a limited time only, and then passes on what has been written by then.
 */
export function pump(p: Program, plan: PumpPlan, poll: PollTable, options: PumpOptions): Pumped {
  const { pid, message } = options;
  const memory: PumpMemory = {
    buffer: p.reserve(BUFFER_SIZE),
    used: p.cell(),
    grown: p.cell(),
    probe: p.cell(),
    now: p.words([0, 0]),
    result: p.cell(),
    broken: p.cell(),
    logLeft: p.cell(plan.log?.left ?? 0),
    open: p.cell(plan.sources.length),
    message,
    pid,
  };
  const status = p.cell();
  /**
   * The value of entry `init` when nothing is ready; whether it is the timer's by now; how long ppoll waits,
   * and how often it may.
   */
  const [idle, ended, timeout, left] = [p.cell(), p.cell(), p.cell(), p.cell()];
  const [wait, woken, held] = [p.label(), p.label(), p.label()];
  const [exited, overdue, next, over] = [p.label(), p.label(), p.label(), p.label()];
  p.set(idle, { address: poll.init });
  neverWait(p, plan.sources);
  p.releaseStrings();
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
  // Before that, it counts from 0 downwards.
  p.subtract(left, 1, { store: left, zero: over });
  p.goto(wait);
  p.place(over);
  return { status, broken: memory.broken, memory };
}

/**
 * A process has ended, but its tracer does not release it. Nobody else can wait for it, while its pidfd is
 * always ready. So only the sources are polled until it is checked again.
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

/** Makes an entry that becomes ready after PATIENCE; goes to `refused` if that is impossible. */
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
 * Reads and drops output as long as other processes write it, since SIGPIPE would kill them. Goes to `done`
 * after that, or when the process with the pidfd `guardian` has ended.
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
    const [failed, end, next] = [p.label(), p.label(), p.label()];
    const length = p.cell();
    unlessReady(p, poll.entry(index), source.fd + POLLIN * EVENTS, next);
    const results = { store: length, positive: next, zero: end, negative: failed };
    p.call("read", [source.fd, memory.buffer, PAGE_SIZE], results);
    p.place(failed);
    p.subtract(length, -EAGAIN, { zero: next });
    p.place(end);
    endSource(p, source, poll.entry(index), memory);
    p.place(next);
  });
  unlessReady(p, { address: poll.init }, idle, wait);
  p.goto(done);
}

/**
 * Waits for `timeout` (an address; 0 for no limit), then goes to `nothing`. After much output, it first waits
 * for a short time and then releases the buffer's memory, and that of steps that are `spent`; the kernel maps
 * these again along with their neighbours.
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
  // Set each time, because the kernel stores the remaining time there.
  const quiet = p.words([0, 0]);
  p.set({ address: quiet }, QUIET);
  p.set({ address: quiet + 8 }, 0);
  p.call("ppoll", [poll.address, poll.count, quiet, 0, 8], { negative: again, positive: woken });
  p.set(memory.used, 0);
  shrinkPipes(p, plan.sources, memory);
  giveBack(p, memory, lean);
  if (spent) p.release(...spent);
  p.releaseStrings();
  p.place(lean);
  p.call("ppoll", [poll.address, poll.count, timeout, 0, 8], { negative: again, zero: nothing });
  p.place(woken);
}

/** Releases the buffer's memory except its first page; goes to `refused` if the kernel refuses. */
function giveBack(p: Program, { buffer }: PumpMemory, refused: Label): void {
  p.call("madvise", [buffer + PAGE_SIZE, BUFFER_SIZE - PAGE_SIZE, MADV_DONTNEED], { negative: refused });
}

/** The command is gone, so its streams are closed: their readers must see the end. */
function letCallerGo(p: Program, plan: PumpPlan, poll: PollTable): void {
  const given = p.label();
  for (const fd of [0, 1, 2]) p.call("dup3", [plan.devNull, fd, 0], { negative: given });
  p.place(given);
  p.set(poll.messages, NO_POLLFD);
}

/** Polls a descriptor without waiting; continues if it is ready, else goes to `nothing`. */
function probe(p: Program, memory: PumpMemory, fd: Cell, nothing: Label): void {
  p.set(memory.probe, fd);
  p.call("ppoll", [memory.probe.address, 1, memory.now, 0, 8], { zero: nothing, negative: nothing });
}

/** Continues only if nobody reads the messages any more; else goes to `attended`. */
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
