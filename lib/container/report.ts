// What the keeper tells: 24-byte messages on its pipe to the command that started it, and the same records in files.
//
//   message, and `started` and `exit` in the container's directory: three 64-bit little-endian integers
//     started   1, pid, 0                     file: pid, seconds, nanoseconds
//     failed    2, address of the step, -errno
//     broken    4, pid, 0                     no file: the caller's stdout or stderr was closed
//     exit      3, wait status, 0 or why the caller's stdout or stderr could not be written: -errno
//                                             file: wait status, seconds, nanoseconds

import { readBytes } from "../state/json.ts";

export const MESSAGE_SIZE = 24;
export const STARTED = 1;
export const FAILED = 2;
export const ENDED = 3;
export const BROKEN = 4;

export type Report =
  | { kind: "started"; pid: number }
  | { kind: "failed"; step: number; errno: number }
  | { kind: "broken"; pid: number }
  | { kind: "ended"; status: number; outputError: number };

function integers(bytes: Uint8Array): [number, number, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const at = (offset: number) => Number(view.getBigInt64(offset, true));
  return [at(0), at(8), at(16)];
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

/** A record file: its value and when it was written (milliseconds since 1970); undefined if absent or cut off. */
export function readRecord(
  dir: number,
  name: "started" | "exit",
): { value: number; time: number } | undefined {
  const bytes = readBytes(dir, name);
  if (!bytes || bytes.length !== MESSAGE_SIZE) return undefined;
  const [value, seconds, nanoseconds] = integers(bytes);
  return { value, time: seconds * 1000 + nanoseconds / 1e6 };
}

/** The exit code a shell would give for a wait status (wait(2)): 128+n for signal n. */
export function exitCode(status: number): number {
  const signal = status & 0x7f;
  return signal ? 128 + signal : (status >> 8) & 0xff;
}
