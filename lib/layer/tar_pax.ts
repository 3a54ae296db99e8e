// PAX extended headers (POSIX pax(1), "pax Extended Header"): records of "LENGTH KEY=VALUE\n" that overrule
// the header after them, or, from a global one, all headers after them.

import { decodeName } from "../../ffi/bytes.ts";
import type { Timespec } from "../../ffi/file.ts";
import { clampTime, tarError } from "./tar_header.ts";
import type { TarEntry } from "./tar_entry.ts";

/** star's prefix for extended attributes, which GNU tar, libarchive and docker adopted. */
export const XATTR = "SCHILY.xattr.";

/** Records by key. GNU.sparse 0.0 repeats its keys, so their values are kept separately, in order. */
export interface PaxRecords {
  values: Map<string, Uint8Array>;
  sparse: { key: string; value: Uint8Array }[];
}

/** An empty set of records. */
export function noRecords(): PaxRecords {
  return { values: new Map(), sparse: [] };
}

/** Adds the records in `bytes` to `records`. A later record replaces an earlier one. */
export function parseRecords(bytes: Uint8Array, records: PaxRecords): void {
  for (let at = 0; at < bytes.length;) {
    // Some tar programs pad with NULs inside the stated size: GNU tar and libarchive stop there too.
    if (bytes[at] === 0) return;
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 || space - at > 10 ? NaN : decimal(bytes.subarray(at, space));
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    if (!(end <= bytes.length) || bytes[end - 1] !== 0x0a || equals < 0 || equals >= end - 1) {
      throw tarError("damaged archive: bad extended header record");
    }
    const key = decodeName(bytes.subarray(space + 1, equals));
    const value = bytes.slice(equals + 1, end - 1);
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") records.sparse.push({ key, value });
    else records.values.set(key, value);
    at = end;
  }
}

/** Digits only; NaN otherwise. */
export function decimal(bytes: Uint8Array): number {
  const digits = decodeName(bytes);
  const value = /^\d{1,19}$/.test(digits) ? Number(digits) : NaN;
  return Number.isSafeInteger(value) ? value : NaN;
}

/**
 * A record's value as a size; undefined where the record is absent or empty (which means: as in the header).
 */
export function paxNumber(records: PaxRecords, key: string): number | undefined {
  const value = records.values.get(key);
  if (!value || value.length === 0) return undefined;
  const number = decimal(value);
  if (Number.isNaN(number)) throw tarError(`damaged archive: bad ${key} in extended header`);
  return number;
}

/** A record's value as a name; undefined where the record is absent or empty. */
export function paxName(records: PaxRecords, key: string): string | undefined {
  const value = records.values.get(key);
  if (!value || value.length === 0) return undefined;
  if (value.includes(0)) throw tarError(`damaged archive: NUL byte in ${key} of extended header`);
  return decodeName(value);
}

/** Applies the records to the entry's names, owner, time and attributes. The reader handles its size. */
export function applyRecords(entry: TarEntry, records: PaxRecords): void {
  if (records.values.size === 0) return;
  // A sparse file's `path` is a substitute for programs that do not know the format.
  entry.path = paxName(records, "GNU.sparse.name") ?? paxName(records, "path") ?? entry.path;
  const isLink = entry.type === "link" || entry.type === "symlink";
  if (isLink) entry.linkPath = paxName(records, "linkpath") ?? entry.linkPath;
  entry.uid = paxNumber(records, "uid") ?? entry.uid;
  entry.gid = paxNumber(records, "gid") ?? entry.gid;
  const time = paxName(records, "mtime");
  if (time !== undefined) entry.modified = parseTime(time);
  for (const [key, value] of records.values) {
    if (key.startsWith(XATTR)) (entry.xattrs ??= new Map()).set(xattrName(key), value);
  }
}

/** GNU tar writes "=" in an attribute's name, which would end the key, as %3D, and so % as %25. */
function xattrName(key: string): string {
  return key.slice(XATTR.length).replaceAll("%3D", "=").replaceAll("%25", "%");
}

/**
 * Parses "[-]SECONDS[.FRACTION]" to seconds rounded down and the nanoseconds above them; clamped to the range
 * of times.
 */
function parseTime(text: string): Timespec {
  const match = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text);
  if (!match) throw tarError("damaged archive: bad mtime in extended header");
  const [, sign, whole, fraction = ""] = match;
  const seconds = clampTime(Number(whole));
  const nanoseconds = Number(fraction.padEnd(9, "0").slice(0, 9));
  if (sign !== "-") return { seconds, nanoseconds };
  if (nanoseconds === 0) return { seconds: 0 - seconds, nanoseconds };
  return { seconds: clampTime(-seconds - 1), nanoseconds: 1e9 - nanoseconds };
}
