// One 512-byte tar header: ustar as in POSIX pax(1), the older v7, and the GNU and star variants of it.

import { decodeName } from "../../ffi/bytes.ts";
import { Failure } from "../base/error.ts";
import { BLOCK, type TarEntry, type TarType } from "./tar_entry.ts";

/** A header's fields, before extended headers overrule them. */
export interface Header {
  entry: TarEntry;
  /** The type flag as a character; "0" for v7's NUL. */
  flag: string;
  /** Bytes of data that follow in the archive. */
  size: number;
}

const TYPES: Record<string, TarType> = {
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "D": "directory", // GNU's incremental backups: the data list its files
  "6": "fifo",
  "7": "file", // contiguous, which means nothing here
  "S": "file", // GNU sparse
};

const CHECKSUM = 148;

/** The error for an archive that can't be read; docker exits with 1 where an import fails. */
export function tarError(problem: string): Failure {
  return new Failure(problem);
}

/**
 * Seconds, limited to numbers that are exact. The kernel clamps times too, to the range of each file system.
 */
export function clampTime(seconds: number): number {
  return Math.min(Math.max(seconds, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

/** Whether the block at `at` is all zeros, like the two that end an archive. */
export function isZeroBlock(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + BLOCK; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Whether the checksum is right; some old tars summed signed bytes, so that counts as well. */
export function checksumMatches(bytes: Uint8Array, at: number): boolean {
  let unsigned = 8 * 0x20;
  let negative = 0;
  for (let i = 0; i < BLOCK; i++) {
    if (i === CHECKSUM) i += 8;
    const byte = bytes[at + i];
    unsigned += byte;
    if (byte > 127) negative++;
  }
  const stored = octal(bytes, at + CHECKSUM, 8);
  return stored === unsigned || stored === unsigned - 256 * negative;
}

/**
 * Reads the header at `at`, whose checksum has been verified. `offset` is its position in the archive, for
 * messages. Throws Failure for numbers that are malformed, negative or impossibly large.
 */
export function parseHeader(bytes: Uint8Array, at: number, offset: number): Header {
  const number = (field: string, start: number, length: number) => {
    const value = readNumber(bytes, at + start, length);
    if (!Number.isSafeInteger(value)) {
      throw tarError(`damaged archive: bad ${field} in header at byte ${offset}`);
    }
    return value;
  };
  const flag = bytes[at + 156] === 0 ? "0" : String.fromCharCode(bytes[at + 156]);
  const size = number("size", 124, 12);
  if (size < 0) throw tarError(`damaged archive: negative size in header at byte ${offset}`);
  const time = clampTime(readNumber(bytes, at + 136, 12));
  if (Number.isNaN(time)) throw tarError(`damaged archive: bad mtime in header at byte ${offset}`);
  // v7 has nothing there. GNU's magic continues with spaces.
  const isUstar = hasText(bytes, at + 257, USTAR.slice(0, 5));
  const device = isUstar && (flag === "3" || flag === "4");
  const entry: TarEntry = {
    path: headerPath(bytes, at),
    type: TYPES[flag],
    linkPath: flag === "1" || flag === "2" ? text(bytes, at + 157, 100) : "",
    mode: number("mode", 100, 8) & 0o7777,
    uid: number("uid", 108, 8),
    gid: number("gid", 116, 8),
    size: 0,
    modified: { seconds: time, nanoseconds: 0 },
    major: device ? number("device", 329, 8) : 0,
    minor: device ? number("device", 337, 8) : 0,
    sparse: false,
  };
  return { entry, flag, size };
}

/**
 * The name: ustar keeps its first part in "prefix", where v7 has nothing, and GNU has times and sparse maps.
 */
function headerPath(bytes: Uint8Array, at: number): string {
  const name = text(bytes, at, 100);
  if (bytes[at + 345] === 0 || !hasText(bytes, at + 257, USTAR)) return name;
  const prefix = text(bytes, at + 345, hasText(bytes, at + 508, STAR) ? 131 : 155);
  return `${prefix}/${name}`;
}

const USTAR = [0x75, 0x73, 0x74, 0x61, 0x72, 0];
const STAR = [0x74, 0x61, 0x72, 0];

function hasText(bytes: Uint8Array, at: number, wanted: number[]): boolean {
  return wanted.every((byte, i) => bytes[at + i] === byte);
}

/** The name in a field of `length` bytes, which a NUL may end early. */
export function text(bytes: Uint8Array, at: number, length: number): string {
  let end = at;
  while (end < at + length && bytes[end] !== 0) end++;
  return decodeName(bytes.subarray(at, end));
}

/**
 * A number as octal digits or, if the first bit is set, as GNU's big-endian two's complement; NaN if neither.
 */
export function readNumber(bytes: Uint8Array, at: number, length: number): number {
  return bytes[at] & 0x80 ? base256(bytes, at, length) : octal(bytes, at, length);
}

function base256(bytes: Uint8Array, at: number, length: number): number {
  const negative = (bytes[at] & 0x40) !== 0;
  let value = bytes[at] & 0x3f;
  if (negative) value -= 0x40;
  for (let i = 1; i < length; i++) value = value * 256 + bytes[at + i];
  return value;
}

/** Octal digits between spaces or NULs; none at all is 0, as in the device fields of some tars. */
function octal(bytes: Uint8Array, at: number, length: number): number {
  let i = at;
  const end = at + length;
  while (i < end && (bytes[i] === 0x20 || bytes[i] === 0)) i++;
  let value = 0;
  for (; i < end && bytes[i] >= 0x30 && bytes[i] <= 0x37; i++) value = value * 8 + bytes[i] - 0x30;
  for (; i < end; i++) if (bytes[i] !== 0x20 && bytes[i] !== 0) return NaN;
  return value;
}
