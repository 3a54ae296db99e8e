// The keeper's part of a container's log: writes frames to a file, and begins the next file when that is
// full.

import { CLOCK_REALTIME, EINVAL, F_SETFL, SPLICE_F_NONBLOCK } from "../../ffi/constants.ts";
import * as file from "../../ffi/file.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import { FRAME_HEADER } from "../base/frames.ts";

const SEEK_CUR = 1;

/** A log file: its descriptor, its directory's, and its limits (lib/log/). */
export interface LogPlan {
  fd: number;
  dir: number;
  /** The size of a full file in bytes, and the room left in this one; undefined for no limit. */
  maxSize?: number;
  left: number;
  /** The largest number of files. */
  maxFiles: number;
}

/** Output to log: `length` bytes in `buffer`, of stream 1 or 2. `left` is the room left in the file. */
export interface LogEntry {
  stream: 1 | 2;
  buffer: number;
  length: Cell;
  left: Cell;
}

/**
 * Writes one frame (log/frames.ts) in one write, so that the file has whole frames. A full disk loses frames
 * and nothing else.
 */
export function writeLog(p: Program, plan: LogPlan, { stream, buffer, length, left }: LogEntry): void {
  const header = frameHeader(p, stream, length);
  // struct iovec[2]
  const vector = p.words([header, FRAME_HEADER, buffer, 0]);
  const next = p.label();
  p.set({ address: vector + 24 }, length);
  p.call("writev", [plan.fd, vector, 2], { negative: next });
  p.place(next);
  countLogged(p, plan, length, left);
}

/** Output to log that is in a pipe; `buffer` has room for all of it. */
export interface PipedEntry extends LogEntry {
  pipe: number;
  /** The destination of output that is dropped. */
  devNull: number;
}

/**
 * Writes one frame whose content goes from a pipe to the file without being read, which costs half as much.
 * It is read only if the file does not support that, or the disk is full; then it is written or dropped. The
 * header says in the end how much there is, since a reader would look for a header in what follows a frame
 * that is cut off, and the container could write one there.
 */
export function spliceIntoLog(p: Program, plan: LogPlan, entry: PipedEntry): void {
  const { stream, pipe, buffer, length, left, devNull } = entry;
  const header = frameHeader(p, stream, length);
  const [rest, moved, target, start] = [p.cell(), p.cell(), p.cell(), p.cell()];
  const [more, stopped, lose, copy, short, over, counted] = [...Array(7)].map(() => p.label());
  p.set(start, 0);
  p.set(rest, length);
  p.call("write", [plan.fd, header, FRAME_HEADER], { store: moved, negative: lose });
  p.subtract(moved, FRAME_HEADER, { negative: lose });
  // splice(2) refuses a file opened for appending. The file position is behind the header now.
  p.call("fcntl", [plan.fd, F_SETFL, 0], { negative: lose });
  p.call("lseek", [plan.fd, 0, SEEK_CUR], { store: start, negative: lose });
  p.place(more);
  const results = { store: moved, negative: stopped, zero: short };
  p.call("splice", [pipe, 0, plan.fd, 0, rest, SPLICE_F_NONBLOCK], results);
  p.subtract(rest, moved, { store: rest, positive: more, zero: over });

  p.place(stopped);
  p.set(target, plan.fd);
  p.subtract(moved, -EINVAL, { zero: copy });
  p.place(lose);
  p.set(target, devNull);
  p.place(copy);
  p.call("read", [pipe, buffer, rest], { store: moved, negative: short, zero: short });
  p.subtract(rest, moved, { store: rest });
  p.call("write", [target, buffer, moved], { negative: lose });
  p.subtract(rest, 0, { positive: copy });
  p.place(short);
  correctHeader(p, plan, { header, start, over });
  p.place(over);
  p.call("fcntl", [plan.fd, F_SETFL, file.O_APPEND], { negative: counted });
  p.place(counted);
  countLogged(p, plan, length, left);
}

/** Writes into the frame that begins before `start` how long it is: up to the file's position. */
function correctHeader(
  p: Program,
  plan: LogPlan,
  { header, start, over }: { header: number; start: Cell; over: Label },
): void {
  const at = p.cell();
  p.subtract(start, 0, { zero: over });
  p.call("lseek", [plan.fd, 0, SEEK_CUR], { store: at, negative: over });
  p.subtract(at, start, { store: { address: header + 24 } });
  p.subtract(start, FRAME_HEADER, { store: at });
  p.call("pwrite64", [plan.fd, header, FRAME_HEADER, at], { negative: over });
}

/** Makes a frame's header in memory with the present time; returns its address. */
function frameHeader(p: Program, stream: number, length: Cell): number {
  const header = p.words([0, 0, stream, 0]);
  const next = p.label();
  p.call("clock_gettime", [CLOCK_REALTIME, header], { negative: next });
  p.place(next);
  p.set({ address: header + 24 }, length);
  return header;
}

/** Begins the next file if this one is full. */
function countLogged(p: Program, plan: LogPlan, length: Cell, left: Cell): void {
  const { maxSize } = plan;
  if (maxSize === undefined) return;
  const next = p.label();
  p.subtract(left, FRAME_HEADER, { store: left });
  p.subtract(left, length, { store: left, positive: next, zero: next });
  p.set(left, maxSize);
  rotateLog(p, plan);
  p.place(next);
}

/**
 * Rotates the log: the full file becomes log.1, that log.2 and so on. The last is removed, and a new file
 * takes the descriptor.
 */
function rotateLog(p: Program, plan: LogPlan): void {
  const done = p.label();
  const fd = p.cell();
  const name = p.string("log");
  const flags = file.O_WRONLY | file.O_CREAT | file.O_APPEND | file.O_CLOEXEC;
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
