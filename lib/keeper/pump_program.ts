// The loop of a keeper: passes a process's output on, to a log and to whoever started it, until the process has ended.

import * as file from "../../ffi/file.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import { FRAME_HEADER } from "../log/frames.ts";
import { BROKEN, MESSAGE_SIZE } from "./report.ts";

const POLLIN = 1;
const POLLOUT = 4;

/** Output of the container that the keeper reads: its end of a pipe, or the terminal's. */
export interface Source {
  fd: number;
  /** What the log calls it: 1 for stdout or a terminal, 2 for stderr. */
  stream: 1 | 2;
  /** Whether it goes to the caller's stream of that number, too. */
  passed: boolean;
}

/** A log file: its descriptor, its directory's, and its limits (lib/log/). */
export interface LogPlan {
  fd: number;
  dir: number;
  /** Bytes that go into a file, and that still go into this one; no limit where undefined. */
  maxSize?: number;
  left: number;
  /** How many files there are at most. */
  maxFiles: number;
}

/** What of a container's or a command's output is to be done with. */
export interface PumpPlan {
  sources: Source[];
  log?: LogPlan;
  /** The write end of the pipe to the command that started it, and /dev/null. */
  messages: number;
  devNull: number;
}

/** struct pollfd[]: the sources, init's pidfd, the pipe to the command (whose closed end is an error, never input). */
export interface PollTable {
  address: number;
  count: number;
  /** Where the pidfd is to be stored. */
  init: number;
  entry(index: number): Cell;
  messages: Cell;
}

const POLLFD_SIZE = 8;
/** A struct pollfd that poll(2) skips: descriptor -1, POLLIN. */
const NO_POLLFD = 2 ** 32 + 0xffffffff;

/** With no descriptor for the pidfd yet, which goes to `init`. */
export function pollTable(p: Program, plan: PumpPlan): PollTable {
  const sources = plan.sources.flatMap(({ fd }) => [fd, POLLIN]);
  const address = p.ints([...sources, -1, POLLIN, plan.messages, 0]);
  const entry = (index: number) => ({ address: address + POLLFD_SIZE * index });
  const count = plan.sources.length + 2;
  return { address, count, entry, init: entry(count - 2).address, messages: entry(count - 1) };
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

/** Memory that passing output on needs. */
export interface PumpMemory {
  /** Page-aligned, as the first that is reserved. */
  buffer: number;
  /** Not 0: more of it than its first page has been written to. */
  used: Cell;
  /** One struct pollfd to ask about, and no time to wait. */
  probe: Cell;
  now: number;
  /** What the last write to the caller came to; and the negated errno once one failed for good. */
  result: Cell;
  broken: Cell;
  logLeft: Cell;
  /** Room for a message, and the first process's pid to put there. */
  message: number;
  pid: Cell;
}

/** A pipe's. A quarter of it would pass on a third less in a second; its pages are given back once it is quiet. */
const BUFFER_SIZE = 65536;
/** What may stay: most output is lines. */
const PAGE_SIZE = 4096;
/** Seconds without output after which it is quiet. */
const QUIET = 1;

/** What is known once the first process has ended and its output is passed on: wait status, and why that failed. */
export interface Pumped {
  status: Cell;
  broken: Cell;
  memory: PumpMemory;
}

/** Until the process has ended: waits for output and passes it on. Then what is left of it. */
export function pump(
  p: Program,
  plan: PumpPlan,
  poll: PollTable,
  { pid, message, spent }: { pid: Cell; message: number; spent?: [from: Label, to: Label] },
): Pumped {
  const memory: PumpMemory = {
    ...{ buffer: p.reserve(BUFFER_SIZE), used: p.cell() },
    probe: p.cell(),
    now: p.words([0, 0]),
    ...{ result: p.cell(), broken: p.cell() },
    logLeft: p.cell(plan.log?.left ?? 0),
    ...{ message, pid },
  };
  const status = p.cell();
  const lives = p.cell();
  const wait = p.label();
  const ended = p.label();
  p.set(lives, { address: poll.init });
  p.place(wait);
  waitForOutput(p, poll, memory, wait, spent);
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
  unlessReady(p, { address: poll.init }, lives, wait);
  const WNOHANG = 1;
  p.call("wait4", [pid, status.address, WNOHANG, 0], { zero: wait, positive: ended, negative: ended });

  p.place(ended);
  plan.sources.forEach((source, index) => {
    const more = p.label();
    const done = p.label();
    p.place(more);
    probe(p, memory, poll.entry(index), done);
    pass(p, plan, source, poll.entry(index), memory, done);
    p.goto(more);
    p.place(done);
  });
  return { status, broken: memory.broken, memory };
}

/**
 * Waits for as long as it takes; but after much output for a while first, and gives its memory back: with that of steps
 * that are `spent`, which the kernel maps again when it maps those around.
 */
function waitForOutput(
  p: Program,
  poll: PollTable,
  memory: PumpMemory,
  again: Label,
  spent?: [from: Label, to: Label],
): void {
  const [lean, woken] = [p.label(), p.label()];
  p.subtract(memory.used, 0, { zero: lean });
  // Each time anew: the kernel leaves there what is left of it.
  const quiet = p.words([0, 0]);
  p.set({ address: quiet }, QUIET);
  p.set({ address: quiet + 8 }, 0);
  p.call("ppoll", [poll.address, poll.count, quiet, 0, 8], { negative: again, positive: woken });
  p.set(memory.used, 0);
  const rest = memory.buffer + PAGE_SIZE;
  p.call("madvise", [rest, BUFFER_SIZE - PAGE_SIZE, 4 /* MADV_DONTNEED */], { negative: lean });
  if (spent) p.release(...spent);
  p.place(lean);
  p.call("ppoll", [poll.address, poll.count, 0, 0, 8], { negative: again });
  p.place(woken);
}

/** What a struct pollfd's events are to it as one integer. */
const EVENTS = 2 ** 32;

/** To `nothing` where the last poll found nothing for an entry, which then is as it was before, or is one to skip. */
function unlessReady(p: Program, entry: Cell, idle: Cell | number, nothing: Label): void {
  p.subtract(entry, NO_POLLFD, { zero: nothing });
  p.subtract(entry, idle, { zero: nothing });
}

/** Asks whether a descriptor has something without waiting; goes on if so, to `nothing` if not. */
function probe(p: Program, memory: PumpMemory, fd: Cell, nothing: Label): void {
  p.set(memory.probe, fd);
  p.call("ppoll", [memory.probe.address, 1, memory.now, 0, 8], { zero: nothing, negative: nothing });
}

/** Passes one buffer of output on to the log and the caller; to `nothing` where that was the end of it. */
function pass(
  p: Program,
  plan: PumpPlan,
  source: Source,
  entry: Cell,
  memory: PumpMemory,
  nothing: Label,
): void {
  const stop = p.label();
  const length = p.cell();
  p.call("read", [source.fd, memory.buffer, BUFFER_SIZE], { store: length, negative: stop, zero: stop });
  const few = p.label();
  p.subtract(length, PAGE_SIZE, { negative: few, zero: few });
  p.set(memory.used, 1);
  p.place(few);
  if (plan.log) writeLog(p, plan.log, source, memory, length);
  const done = p.label();
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
  // The end of the output (of a terminal: EIO), or nobody left to read it: the container's next write finds out.
  p.place(stop);
  p.set(entry, NO_POLLFD);
  p.call("close", [source.fd]);
  p.goto(nothing);
  p.place(done);
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
  p.subtract(result, -11, /* EAGAIN */ { zero: wait, negative: broken, positive: broken });
  p.place(wait);
  p.call("ppoll", [p.ints([fd, POLLOUT]), 1, 0, 0, 8], { positive: again, zero: again, negative: again });
}

/** One frame (log/frames.ts) in one write, so that what is in the file is whole frames; a full disk loses frames, no more. */
function writeLog(p: Program, plan: LogPlan, source: Source, memory: PumpMemory, length: Cell): void {
  const header = p.words([0, 0, source.stream, 0]);
  // struct iovec[2]
  const vector = p.words([header, FRAME_HEADER, memory.buffer, 0]);
  const next = p.label();
  p.call("clock_gettime", [0, /* CLOCK_REALTIME */ header]);
  p.set({ address: header + 24 }, length);
  p.set({ address: vector + 24 }, length);
  p.call("writev", [plan.fd, vector, 2], { negative: next });
  const { maxSize } = plan;
  if (maxSize !== undefined) {
    p.subtract(memory.logLeft, FRAME_HEADER, { store: memory.logLeft });
    p.subtract(memory.logLeft, length, { store: memory.logLeft, positive: next, zero: next });
    rotateLog(p, plan, memory, maxSize);
  }
  p.place(next);
}

/** The full file becomes log.1, that log.2 and so on; the last is dropped, and a new one takes its descriptor. */
function rotateLog(p: Program, plan: LogPlan, memory: PumpMemory, maxSize: number): void {
  const done = p.label();
  const fd = p.cell();
  const name = p.string("log");
  const flags = file.O_WRONLY | file.O_CREAT | file.O_APPEND | file.O_CLOEXEC;
  p.set(memory.logLeft, maxSize);
  for (let number = plan.maxFiles - 1; number > 0; number--) {
    const next = p.label();
    const from = number > 1 ? p.string(`log.${number - 1}`) : name;
    p.call("renameat2", [plan.dir, from, plan.dir, p.string(`log.${number}`), 0], { negative: next });
    p.place(next);
  }
  if (plan.maxFiles === 1) p.call("unlinkat", [plan.dir, name, 0], { negative: done });
  p.call("openat", [plan.dir, name, flags, 0o600], { store: fd, negative: done });
  p.call("dup3", [fd, plan.fd, file.O_CLOEXEC], { negative: done });
  p.call("close", [fd], { negative: done });
  p.place(done);
}

/** The command is gone, so its streams are given up: whoever reads them must see their end. */
function letCallerGo(p: Program, plan: PumpPlan, poll: PollTable): void {
  const given = p.label();
  for (const fd of [0, 1, 2]) p.call("dup3", [plan.devNull, fd, 0], { negative: given });
  p.place(given);
  p.set(poll.messages, NO_POLLFD);
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
