// The keeper's reports: messages by its pipe to the command that started it, and records in the file whose
// lock it holds. Processes that have the file open learn of the end by getting the lock, and can read the
// records even if the container is removed at that moment. The records' space is allocated from the start, so
// a full disk does not matter.
//
//   all are 64-bit little-endian integers
//   message   three:  started   1, pid, 0
//                     failed    2, address of the step, -errno
//                     broken    4, pid, 0: the caller's stdout or stderr was closed
//                     ended     3, wait status, 0 or why the caller's stdout or stderr could not be written:
//                               -errno
//   `lock`    nine:   the end: wait status, seconds, nanoseconds
//                     the start: pid, seconds, nanoseconds, the keeper's pid, and there the descriptors of
//                     the terminal and of stdin's write end, or -1
//             without a time, it has not ended, or never started

import * as file from "../../ffi/file.ts";

export const MESSAGE_SIZE = 24;
/** Offsets in `lock`, and its size. */
export const RECORDS = { end: 0, start: 24, size: 72 };
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
  const numbers: number[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    // They are read by the thousand, and a bigint costs more than two halves.
    numbers.push(view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true));
  }
  return numbers;
}

/** Decodes a message; undefined if it is invalid. */
export function decodeReport(bytes: Uint8Array): Report | undefined {
  if (bytes.length < MESSAGE_SIZE) return undefined;
  const [kind, first, second] = integers(bytes);
  if (kind === STARTED) return { kind: "started", pid: first };
  // These may come from a process that others could trace, and so be any number.
  if (kind === FAILED) {
    return { kind: "failed", step: first, errno: second < 0 && second > -4096 ? -second : 0 };
  }
  if (kind === BROKEN) return { kind: "broken", pid: first };
  if (kind === ENDED) return { kind: "ended", status: first, outputError: -second };
  return undefined;
}

/** Waits for the next message; undefined at the end. */
export function readReport(messages: number): Report | undefined {
  const buffer = new Uint8Array(MESSAGE_SIZE);
  return decodeReport(buffer.subarray(0, file.read(messages, buffer)));
}

/** The process that runs or ran, its start in ms since 1970, and the keeper's descriptors of its streams. */
export interface StartRecord {
  pid: number;
  time: number;
  keeper: number;
  /** Descriptors of the keeper. */
  terminal?: number;
  stdin?: number;
}

/** How a container ended: the wait status, and the time in ms since 1970. */
export interface EndRecord {
  status: number;
  time: number;
}

/**
 * Opens `lock`, for reading unless the caller takes the lock: processes that follow the container watch for
 * the closing of descriptors that were open for writing (log/follow.ts). Undefined where there is no such
 * regular file.
 */
export function openRecords(dir: number, path = "lock", access = file.O_RDONLY): number | undefined {
  const fd = file.openIfAny(dir, path, access | file.O_NONBLOCK);
  if (fd === undefined || file.isRegular(fd)) return fd;
  file.close(fd);
  return undefined;
}

/** The records of the last start in the open file `lock`; for a damaged file, nothing else. */
export function readRecords(lock: number): { start?: StartRecord; end?: EndRecord; damaged?: boolean } {
  const bytes = file.readShort(lock, 0).subarray(0, RECORDS.size);
  if (bytes.length !== RECORDS.size) return { damaged: true };
  const [status, ended, endedNs, pid, started, startedNs, keeper, terminal, stdin] = integers(bytes);
  const isTime = (seconds: number, nanoseconds: number) =>
    seconds >= 0 && seconds < 2 ** 34 && nanoseconds >= 0 && nanoseconds < 1e9;
  if (!isTime(ended, endedNs) || !isTime(started, startedNs)) return { damaged: true };
  const descriptor = (fd: number) => fd < 0 ? undefined : fd;
  const time = (seconds: number, nanoseconds: number) => seconds * 1000 + nanoseconds / 1e6;
  return {
    end: ended === 0 ? undefined : { status, time: time(ended, endedNs) },
    start: started === 0 ? undefined : {
      pid,
      time: time(started, startedNs),
      keeper,
      terminal: descriptor(terminal),
      stdin: descriptor(stdin),
    },
  };
}

/** The last start of the container whose directory is `dir`. */
export function readStarted(dir: number): StartRecord | undefined {
  const fd = openRecords(dir);
  if (fd === undefined) return undefined;
  try {
    return readRecords(fd).start;
  } finally {
    file.close(fd);
  }
}

/** Clears the records of the open file `lock`: nothing was started. */
export function clearRecords(lock: number): void {
  file.pwrite(lock, new Uint8Array(RECORDS.size), 0);
}

/**
 * Records in the open file `lock` that the container has ended now, with the wait status `status`, unless its
 * end is recorded. The caller holds the lock and is no keeper, so to others the container seems to run.
 */
export function noteEnd(lock: number, status: number): void {
  const { start, end } = readRecords(lock);
  if (!start || end) return;
  const record = new BigInt64Array([BigInt(status), BigInt(Math.floor(Date.now() / 1000)), 0n]);
  file.pwrite(lock, new Uint8Array(record.buffer), RECORDS.end);
}

/** The exit code that a shell gives for a wait status (wait(2)): 128+n for signal n. */
export function exitCode(status: number): number {
  const signal = status & 0x7f;
  return signal ? 128 + signal : (status >> 8) & 0xff;
}
