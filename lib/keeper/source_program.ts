// Output on its way: read from the container's pipe or terminal, written to the log and to the caller.

import type { Cell, Label, Program } from "../../ffi/program.ts";
import { type LogPlan, spliceIntoLog, writeLog } from "./log_program.ts";
import { NO_POLLFD } from "./poll_program.ts";
import { BROKEN, MESSAGE_SIZE } from "./report.ts";

const EAGAIN = -11;
const POLLOUT = 4;
const FIONREAD = 0x541b;
const F_SETPIPE_SZ = 1031;

/** Output of the container that the keeper reads: its end of a pipe, or the terminal's. */
export interface Source {
  fd: number;
  /** What the log calls it: 1 for stdout or a terminal, 2 for stderr. */
  stream: 1 | 2;
  /** Whether it goes to the caller's stream of that number, too. */
  passed: boolean;
  /** A pipe, not a terminal. */
  piped: boolean;
}

/** What of a container's or a command's output is to be done with. */
export interface PumpPlan {
  sources: Source[];
  log?: LogPlan;
  /** The write end of the pipe to the command that started it, and /dev/null. */
  messages: number;
  devNull: number;
}

/** Memory that passing output on needs. */
export interface PumpMemory {
  /** Page-aligned, as the first that is reserved. */
  buffer: number;
  /** Not 0: more of it than its first page has been written to. */
  used: Cell;
  /** Not 0: a source that was full has a larger pipe. */
  grown: Cell;
  /** One struct pollfd to ask about, and no time to wait. */
  probe: Cell;
  now: number;
  /** What the last write to the caller came to; and the negated errno once one failed for good. */
  result: Cell;
  broken: Cell;
  logLeft: Cell;
  /** How many of the sources have not ended. */
  open: Cell;
  /** Room for a message, and the first process's pid to put there. */
  message: number;
  pid: Cell;
}

/**
 * A pipe's. A quarter of it would pass on a third less in a second; its pages are given back once it is
 * quiet.
 */
export const BUFFER_SIZE = 65536;
/** What may stay: most output is lines. */
export const PAGE_SIZE = 4096;
/** That of a source which was full. */
const GROWN_PIPE = 4 * BUFFER_SIZE;
/** As much is moved from pipe to pipe and file in less time than it is read and written. */
const WORTH_MOVING = 4 * PAGE_SIZE;

/** Passes one buffer of output on to the log and the caller; to `nothing` where that was the end of it. */
export function pass(
  p: Program,
  plan: PumpPlan,
  source: Source,
  entry: Cell,
  memory: PumpMemory,
  nothing: Label,
): void {
  const [stop, done] = [p.label(), p.label()];
  const length = p.cell();
  move(p, plan, source, memory, done);
  p.call("read", [source.fd, memory.buffer, BUFFER_SIZE], { store: length, negative: stop, zero: stop });
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
    // The caller's terminal is gone, as when a connection is lost: the container goes on without it.
    p.place(hungUp);
    p.call("dup3", [plan.devNull, source.stream, 0], { negative: broken });
    p.goto(done);
    p.place(broken);
    p.set(memory.broken, memory.result);
    send(p, plan.messages, memory.message, BROKEN, memory.pid, 0);
  } else p.goto(done);
  // The end of the output (of a terminal: EIO), or nobody left to read it.
  p.place(stop);
  endSource(p, source, entry, memory);
  p.goto(nothing);
  p.place(done);
}

/**
 * Moves a bufferful of output on without reading it, then to `done`. What is less, or comes from or goes to a
 * terminal or a file, or finds nobody who takes it, is left to be read.
 */
function move(
  p: Program,
  { log, devNull }: PumpPlan,
  { fd, stream, passed, piped }: Source,
  { buffer, used, grown, logLeft: left }: PumpMemory,
  done: Label,
): void {
  if (!piped || (!passed && !log)) return;
  const [fits, again, unmoved] = [p.label(), p.label(), p.label()];
  // An int from the kernel: the other half of the cell stays 0.
  const [available, rest, length] = [p.cell(), p.cell(), p.cell()];
  p.call("ioctl", [fd, FIONREAD, available.address], { negative: unmoved });
  p.subtract(available, WORTH_MOVING, { negative: unmoved });
  p.set(rest, available);
  p.subtract(available, BUFFER_SIZE, { negative: fits });
  p.set(rest, BUFFER_SIZE);
  growPipe(p, fd, grown);
  p.place(fits);
  // The pipe has grown, and the log may need the buffer.
  p.set(used, 1);
  p.place(again);
  p.set(length, rest);
  const results = { store: length, negative: unmoved, zero: unmoved };
  if (passed && log) p.call("tee", [fd, stream, rest, 0], results);
  else if (passed) p.call("splice", [fd, 0, stream, 0, rest, 0], results);
  if (log) spliceIntoLog(p, log, { stream, pipe: fd, buffer, length, left, devNull });
  // The caller's pipe had not room for all of it.
  p.subtract(rest, length, { store: rest, positive: again, zero: done });
  p.place(unmoved);
}

/** So that who writes can go on while a bufferful is passed on: done once, until it shrinks. */
function growPipe(p: Program, fd: number, grown: Cell): void {
  const next = p.label();
  p.subtract(grown, 0, { positive: next });
  p.set(grown, 1);
  p.call("fcntl", [fd, F_SETPIPE_SZ, GROWN_PIPE], { negative: next });
  p.place(next);
}

/** Makes the sources' pipes as large as they were: what pipes may hold is limited for each user. */
export function shrinkPipes(p: Program, sources: Source[], { grown }: PumpMemory): void {
  for (const { fd } of sources) {
    const next = p.label();
    p.call("fcntl", [fd, F_SETPIPE_SZ, BUFFER_SIZE], { negative: next });
    p.place(next);
  }
  p.set(grown, 0);
}

/** There is no more of it, or nobody wants it: then whoever writes it finds out. */
export function endSource(p: Program, { fd }: Source, entry: Cell, { open }: PumpMemory): void {
  p.set(entry, NO_POLLFD);
  p.call("close", [fd]);
  p.subtract(open, 1, { store: open });
}

/** Writes all of it, also where the caller's descriptor is a non-blocking one. */
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
  p.subtract(result, EAGAIN, { zero: wait, negative: broken, positive: broken });
  p.place(wait);
  p.call("ppoll", [p.ints([fd, POLLOUT]), 1, 0, 0, 8], { positive: again, zero: again, negative: again });
}

/** Writes a message; nobody may be there to read it. */
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
