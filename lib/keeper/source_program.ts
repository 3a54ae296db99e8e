// Passes output on: reads it from the container's pipe or terminal, and writes it to the log and the caller.

import { EAGAIN, F_SETFL, F_SETPIPE_SZ, SPLICE_F_NONBLOCK } from "../../ffi/constants.ts";
import { O_NONBLOCK } from "../../ffi/file.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import { type LogPlan, spliceIntoLog, writeLog } from "./log_program.ts";
import { NO_POLLFD } from "./poll_program.ts";
import { BROKEN, MESSAGE_SIZE } from "./report.ts";

const POLLOUT = 4;
const FIONREAD = 0x541b;

/** Output of the container that the keeper reads: its end of a pipe or terminal. */
export interface Source {
  fd: number;
  /** Its number in the log: 1 for stdout or a terminal, 2 for stderr. */
  stream: 1 | 2;
  /** Whether it also goes to the caller's stream of that number. */
  passed: boolean;
  /** Whether it is a pipe rather than a terminal. */
  piped: boolean;
}

/** What to do with the output of a container or command. */
export interface PumpPlan {
  sources: Source[];
  log?: LogPlan;
  /** The write end of the pipe to the command that started it, and /dev/null. */
  messages: number;
  devNull: number;
}

/** Memory for passing output on. */
export interface PumpMemory {
  /** Page-aligned, because it is reserved first. */
  buffer: number;
  /** Not 0 if more than its first page was written to. */
  used: Cell;
  /** Not 0 if the pipe of a source that was full has been enlarged. */
  grown: Cell;
  /** A struct pollfd for one query, and a time of zero. */
  probe: Cell;
  now: number;
  /** The result of the last write to the caller; and the negated errno after one failed for good. */
  result: Cell;
  broken: Cell;
  logLeft: Cell;
  /** The number of sources that have not ended. */
  open: Cell;
  /** Room for a message, and the first process's PID for it. */
  message: number;
  pid: Cell;
}

/**
 * The size of a pipe. A quarter of it would pass on a third less per second. Its pages are released when the
 * output is quiet.
 */
export const BUFFER_SIZE = 65536;
/** The part that is kept, since most output is lines. */
export const PAGE_SIZE = 4096;
/** The size of the pipe of a source that was full. */
const GROWN_PIPE = 4 * BUFFER_SIZE;
/** From this size on, moving from a pipe to a pipe and a file is faster than reading and writing. */
const WORTH_MOVING = 4 * PAGE_SIZE;

/**
 * Whoever writes to a pipe can also open it for reading, and empty it at any moment: in a container,
 * /proc/self/fd/1. So nothing may wait for output but poll. (The flag is of the keeper's own end.)
 */
export function neverWait(p: Program, sources: Source[]): void {
  for (const { fd, piped } of sources) {
    const next = p.label();
    if (piped) p.call("fcntl", [fd, F_SETFL, O_NONBLOCK], { negative: next });
    p.place(next);
  }
}

/**
 * Passes one buffer of output to the log and the caller; goes to `nothing` at the end of the output, and if
 * there is none after all.
 */
export function pass(
  p: Program,
  plan: PumpPlan,
  source: Source,
  entry: Cell,
  memory: PumpMemory,
  nothing: Label,
): void {
  const [unread, stop, done] = [p.label(), p.label(), p.label()];
  const length = p.cell();
  move(p, plan, source, memory, done);
  p.call("read", [source.fd, memory.buffer, BUFFER_SIZE], { store: length, negative: unread, zero: stop });
  const few = p.label();
  p.subtract(length, PAGE_SIZE, { negative: few, zero: few });
  p.set(memory.used, 1);
  p.place(few);
  const { buffer, logLeft: left } = memory;
  if (plan.log) writeLog(p, plan.log, { stream: source.stream, buffer, length, left });
  if (source.passed) {
    const [failed, hungUp, broken] = [p.label(), p.label(), p.label()];
    write(p, source.stream, memory.buffer, length, memory.result, done, failed);
    p.place(failed);
    p.subtract(memory.result, -5, /* EIO */ { zero: hungUp, positive: broken, negative: broken });
    // The caller's terminal is gone, for example a lost connection: the container continues without it.
    p.place(hungUp);
    p.call("dup3", [plan.devNull, source.stream, 0], { negative: broken });
    p.goto(done);
    p.place(broken);
    p.set(memory.broken, memory.result);
    send(p, plan.messages, memory.message, BROKEN, memory.pid, 0);
  } else p.goto(done);
  p.place(unread);
  p.subtract(length, -EAGAIN, { zero: nothing });
  // The end of the output (of a terminal: EIO), or nobody left to read it.
  p.place(stop);
  endSource(p, source, entry, memory);
  p.goto(nothing);
  p.place(done);
}

/**
 * Moves a buffer of output without reading it, then goes to `done`. Smaller amounts, output from or to
 * terminals and files, and output without a receiver are left to be read.
 */
function move(
  p: Program,
  { log, devNull }: PumpPlan,
  { fd, stream, passed, piped }: Source,
  { buffer, used, grown, logLeft: left }: PumpMemory,
  done: Label,
): void {
  if (!piped || (!passed && !log)) return;
  const [fits, again, unmoved, refused] = [p.label(), p.label(), p.label(), p.label()];
  // An int from the kernel: the other half of the cell stays 0.
  const [available, rest, length] = [p.cell(), p.cell(), p.cell()];
  p.call("ioctl", [fd, FIONREAD, available.address], { negative: unmoved });
  p.subtract(available, WORTH_MOVING, { negative: unmoved });
  p.set(rest, available);
  p.subtract(available, BUFFER_SIZE, { negative: fits });
  p.set(rest, BUFFER_SIZE);
  growPipe(p, fd, grown);
  p.place(fits);
  // The pipe has been enlarged, and the log may need the buffer.
  p.set(used, 1);
  p.place(again);
  p.set(length, rest);
  const results = { store: length, negative: refused, zero: unmoved };
  if (passed && log) p.call("tee", [fd, stream, rest, SPLICE_F_NONBLOCK], results);
  else if (passed) p.call("splice", [fd, 0, stream, 0, rest, SPLICE_F_NONBLOCK], results);
  if (log) spliceIntoLog(p, log, { stream, pipe: fd, buffer, length, left, devNull });
  // The caller's pipe did not have room for all of it.
  p.subtract(rest, length, { store: rest, positive: again, zero: done });
  p.place(refused);
  p.subtract(length, -EAGAIN, { positive: unmoved, negative: unmoved });
  // The caller's pipe is full, or somebody has emptied the source.
  const room = p.label();
  p.call("ppoll", [p.ints([stream, POLLOUT]), 1, 0, 0, 8], { negative: room });
  p.place(room);
  p.call("ioctl", [fd, FIONREAD, available.address], { negative: unmoved });
  p.subtract(available, 0, { zero: done, positive: again });
  p.place(unmoved);
}

/** Enlarges the pipe once, so that the writer can continue while a buffer is passed on. */
function growPipe(p: Program, fd: number, grown: Cell): void {
  const next = p.label();
  p.subtract(grown, 0, { positive: next });
  p.set(grown, 1);
  p.call("fcntl", [fd, F_SETPIPE_SZ, GROWN_PIPE], { negative: next });
  p.place(next);
}

/** Restores the sizes of the sources' pipes, because the total is limited for each user. */
export function shrinkPipes(p: Program, sources: Source[], { grown }: PumpMemory): void {
  for (const { fd } of sources) {
    const next = p.label();
    p.call("fcntl", [fd, F_SETPIPE_SZ, BUFFER_SIZE], { negative: next });
    p.place(next);
  }
  p.set(grown, 0);
}

/** Closes a source that has ended or that nobody wants; then its writer notices. */
export function endSource(p: Program, { fd }: Source, entry: Cell, { open }: PumpMemory): void {
  p.set(entry, NO_POLLFD);
  p.call("close", [fd]);
  p.subtract(open, 1, { store: open });
}

/** Writes everything, even if the caller's descriptor is non-blocking. */
function write(
  p: Program,
  fd: number,
  buffer: number,
  length: Cell,
  result: Cell,
  done: Label,
  broken: Label,
): void {
  const [from, left, negated] = [p.cell(), p.cell(), p.cell()];
  const [again, failed, wait] = [p.label(), p.label(), p.label()];
  const advanced = p.label();
  p.set(from, buffer);
  p.set(left, length);
  p.place(again);
  p.call("write", [fd, from, left], { store: result, negative: failed });
  p.subtract(0, result, { store: negated, negative: advanced });
  p.place(advanced);
  p.subtract(from, negated, { store: from });
  p.subtract(left, result, { store: left, zero: done, positive: again });
  p.place(failed);
  p.subtract(result, -EAGAIN, { zero: wait, negative: broken, positive: broken });
  p.place(wait);
  p.call("ppoll", [p.ints([fd, POLLOUT]), 1, 0, 0, 8], { positive: again, zero: again, negative: again });
}

/** Writes a message, which may have no reader. */
export function send(
  p: Program,
  pipe: number,
  message: number,
  kind: number,
  first: Cell,
  second: Cell | number,
): void {
  const next = p.label();
  p.set({ address: message }, kind);
  p.set({ address: message + 8 }, first);
  p.set({ address: message + 16 }, second);
  p.call("write", [pipe, message, MESSAGE_SIZE], { negative: next });
  p.place(next);
}
