// What the keeper tells: 24-byte messages on its pipe to the command that started it, and the same records in files.
//
//   message, and `started` and `exit` in the container's directory: three 64-bit little-endian integers
//     started   1, pid, 0                     file: pid, seconds, nanoseconds, and three more: the keeper's pid, and
//                                             there the descriptors of the terminal and of stdin's write end, or -1
//     failed    2, address of the step, -errno
//     broken    4, pid, 0                     no file: the caller's stdout or stderr was closed
//     exit      3, wait status, 0 or why the caller's stdout or stderr could not be written: -errno
//                                             file: wait status, seconds, nanoseconds

import { readBytes } from "../state/json.ts";

export const MESSAGE_SIZE = 24;
/** Of the file `started`. */
export const STARTED_SIZE = 48;
export const STARTED = 1;
export const FAILED = 2;
export const ENDED = 3;
export const BROKEN = 4;

export type Report =
  | { kind: "started"; pid: number }
  | { kind: "failed"; step: number; errno: number }
  | { kind: "broken"; pid: number }
  | { kind: "ended"; status: number; outputError: number };

function integers(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return Array.from({ length: bytes.length >> 3 }, (_, index) => Number(view.getBigInt64(8 * index, true)));
}

/** Decodes a message; undefined for anything that is none. */
export function decodeReport(bytes: Uint8Array): Report | undefined {
  if (bytes.length < MESSAGE_SIZE) return undefined;
  const [kind, first, second] = integers(bytes);
  if (kind === STARTED) return { kind: "started", pid: first };
  if (kind === FAILED) return { kind: "failed", step: first, errno: -second };
  if (kind === BROKEN) return { kind: "broken", pid: first };
  if (kind === ENDED) return { kind: "ended", status: first, outputError: -second };
  return undefined;
}

/** The file `started`: what runs, since when (milliseconds since 1970), and where its keeper has its streams. */
export interface StartRecord {
  pid: number;
  time: number;
  keeper: number;
  /** Descriptors of the keeper. */
  terminal?: number;
  stdin?: number;
}

/** Undefined if absent or cut off. */
export function readStarted(dir: number): StartRecord | undefined {
  const bytes = readBytes(dir, "started");
  if (bytes?.length !== STARTED_SIZE) return undefined;
  const [pid, seconds, nanoseconds, keeper, terminal, stdin] = integers(bytes);
  const descriptor = (fd: number) => fd < 0 ? undefined : fd;
  return {
    ...{ pid, time: seconds * 1000 + nanoseconds / 1e6, keeper },
    ...{ terminal: descriptor(terminal), stdin: descriptor(stdin) },
  };
}

/** The file `exit`: the wait status, and when that was (milliseconds since 1970); undefined if absent or cut off. */
export function readExit(dir: number): { status: number; time: number } | undefined {
  const bytes = readBytes(dir, "exit");
  if (bytes?.length !== MESSAGE_SIZE) return undefined;
  const [status, seconds, nanoseconds] = integers(bytes);
  return { status, time: seconds * 1000 + nanoseconds / 1e6 };
}

/** The exit code a shell would give for a wait status (wait(2)): 128+n for signal n. */
export function exitCode(status: number): number {
  const signal = status & 0x7f;
  return signal ? 128 + signal : (status >> 8) & 0xff;
}
