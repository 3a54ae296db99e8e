// Writes tar archives: ustar (POSIX), with PAX extended headers (pax(1)) for what does not fit: long names,
// big numbers, fractions of seconds, extended attributes. The same entries always give the same bytes.

import { encodeName } from "../../ffi/bytes.ts";
import type { Timespec } from "../../ffi/file.ts";
import { BLOCK, paddingOf, type TarEntry, type TarType } from "./tar_entry.ts";
import { XATTR } from "./tar_pax.ts";
import type { SparseMap } from "./tar_sparse.ts";

/** Receives the next bytes of the archive. The memory may be reused after the call. */
export type Sink = (chunk: Uint8Array) => void;

/**
 * See createTarWriter. After `entry` of a file, exactly `size` bytes must follow, by `room` and `advance` or
 * by `data`.
 */
export interface TarWriter {
  entry(entry: TarEntry): void;
  /**
   * Writes the entry of a file with holes. Only the data of the parts in `map` follow, one after another;
   * returns their total length.
   */
  sparse(entry: TarEntry, map: SparseMap): number;
  /** Free memory of at least one byte. The next bytes of the file's data go to its beginning. */
  room(): Uint8Array;
  /** Tells how many bytes were put there. */
  advance(length: number): void;
  /** Copies the next bytes of the file's data. */
  data(bytes: Uint8Array): void;
  /** Pads the last block of a file's data; to be called after the last byte of a file of `size` bytes. */
  pad(size: number): void;
  /** Ends the archive. */
  end(): void;
}

const FLAGS: Record<TarType, string> = {
  file: "0",
  link: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};

const BUFFER = 1 << 20;
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

/** A writer that collects the archive in one buffer and passes it to `sink` whenever that is full. */
export function createTarWriter(sink: Sink): TarWriter {
  const buffer = new Uint8Array(BUFFER);
  let used = 0;
  const flush = () => {
    if (used > 0) sink(buffer.subarray(0, used));
    used = 0;
  };
  const append = (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length;) {
      if (used === BUFFER) flush();
      const length = Math.min(bytes.length - at, BUFFER - used);
      buffer.set(bytes.subarray(at, at + length), used);
      used += length;
      at += length;
    }
  };
  return {
    entry: (entry) => headersOf(entry).forEach(append),
    sparse(entry, map) {
      sparseHeaders(entry, map).forEach(append);
      return sumOfParts(map);
    },
    room() {
      if (used === BUFFER) flush();
      return buffer.subarray(used);
    },
    advance(length) {
      used += length;
    },
    data: append,
    pad: (size) => append(new Uint8Array(paddingOf(size))),
    end() {
      append(new Uint8Array(2 * BLOCK));
      flush();
    },
  };
}

/** The blocks before an entry's data. */
function headersOf(entry: TarEntry, more: Uint8Array[] = []): Uint8Array[] {
  const path = encodeName(entry.path);
  const link = encodeName(entry.linkPath);
  const split = splitPath(path);
  const records = [
    ...(split ? [] : [record("path", path)]),
    ...(link.length <= 100 ? [] : [record("linkpath", link)]),
    ...numberRecords(entry),
    ...[...entry.xattrs ?? []].sort(([a], [b]) => a < b ? -1 : 1).map(([name, value]) =>
      record(XATTR + name.replaceAll("%", "%25").replaceAll("=", "%3D"), value)
    ),
    ...more,
  ];
  const { name, prefix } = split ?? { name: path.subarray(0, 100), prefix: new Uint8Array(0) };
  const header = headerBlock(entry, FLAGS[entry.type], entry.size, {
    name,
    prefix,
    link: link.subarray(0, 100),
  });
  return records.length === 0 ? [header] : [...extendedHeader(path, join(records)), header];
}

/** GNU tar's sparse format 1.0: the map precedes the data, in decimal, padded to whole blocks. */
function sparseHeaders(entry: TarEntry, map: SparseMap): Uint8Array[] {
  const text = encodeName([map.length / 2, ...map].map((number) => `${number}\n`).join(""));
  const padding = new Uint8Array(paddingOf(text.length));
  const add = (key: string, value: string) => record(`GNU.sparse.${key}`, encodeName(value));
  const size = text.length + padding.length + sumOfParts(map);
  const format = [add("major", "1"), add("minor", "0"), add("name", entry.path)];
  const records = [...format, add("realsize", String(entry.size))];
  return [...headersOf({ ...entry, size }, records), text, padding];
}

function sumOfParts(map: SparseMap): number {
  return map.reduce((sum, length, index) => index % 2 === 0 ? sum : sum + length, 0);
}

/**
 * Splits a path at a slash into ustar's name and prefix, neither empty; undefined where that is impossible.
 */
function splitPath(path: Uint8Array): { name: Uint8Array; prefix: Uint8Array } | undefined {
  if (path.length <= 100) return { name: path, prefix: new Uint8Array(0) };
  // A directory's closing slash has to stay with the name.
  const slash = path.indexOf(0x2f, path.length - 101);
  if (slash <= 0 || slash > 155 || slash >= path.length - 1) return undefined;
  return { name: path.subarray(slash + 1), prefix: path.subarray(0, slash) };
}

function numberRecords({ uid, gid, size, modified }: TarEntry): Uint8Array[] {
  const records: Uint8Array[] = [];
  const add = (key: string, value: string) => records.push(record(key, encodeName(value)));
  if (uid > MAX_OCTAL_7) add("uid", String(uid));
  if (gid > MAX_OCTAL_7) add("gid", String(gid));
  if (size > MAX_OCTAL_11) add("size", String(size));
  const { seconds, nanoseconds } = modified;
  if (nanoseconds !== 0 || seconds < 0 || seconds > MAX_OCTAL_11) add("mtime", timeText(modified));
  return records;
}

/** Decimal seconds with as many fractional digits as are needed. */
function timeText({ seconds, nanoseconds }: Timespec): string {
  const negative = seconds < 0;
  const whole = negative && nanoseconds > 0 ? -seconds - 1 : Math.abs(seconds);
  const rest = negative && nanoseconds > 0 ? 1e9 - nanoseconds : nanoseconds;
  const fraction = rest === 0 ? "" : `.${String(rest).padStart(9, "0").replace(/0+$/, "")}`;
  return `${negative ? "-" : ""}${whole}${fraction}`;
}

/** "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
function record(key: string, value: Uint8Array): Uint8Array {
  const rest = encodeName(` ${key}=`);
  const length = rest.length + value.length + 1;
  let total = length + String(length).length;
  if (String(total).length > String(length).length) total++;
  return join([encodeName(String(total)), rest, value, encodeName("\n")]);
}

function extendedHeader(path: Uint8Array, records: Uint8Array): Uint8Array[] {
  const entry: TarEntry = {
    path: "",
    type: "file",
    linkPath: "",
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: records.length,
    modified: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
    sparse: false,
  };
  // The name is for programs that don't know PAX and unpack this as a file.
  const base = path.subarray(path.lastIndexOf(0x2f, path.length - 2) + 1);
  const name = join([encodeName("PaxHeaders.0/"), base.subarray(0, 80)]);
  const nothing = new Uint8Array(0);
  const header = headerBlock(entry, "x", records.length, { name, prefix: nothing, link: nothing });
  return [header, records, new Uint8Array(paddingOf(records.length))];
}

type Names = Record<"name" | "prefix" | "link", Uint8Array>;

/** A ustar header. A number that does not fit is written as 0; its PAX record has it. */
function headerBlock(entry: TarEntry, flag: string, size: number, names: Names): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const octal = (at: number, digits: number, value: number) => {
    const fits = value >= 0 && value < 8 ** digits;
    block.set(encodeName((fits ? value : 0).toString(8).padStart(digits, "0")), at);
  };
  block.set(names.name, 0);
  octal(100, 7, entry.mode);
  octal(108, 7, entry.uid);
  octal(116, 7, entry.gid);
  octal(124, 11, size);
  octal(136, 11, entry.modified.seconds);
  block[156] = flag.charCodeAt(0);
  block.set(names.link, 157);
  block.set(encodeName("ustar\x0000"), 257);
  octal(329, 7, entry.major);
  octal(337, 7, entry.minor);
  block.set(names.prefix, 345);
  block.fill(0x20, 148, 156);
  octal(148, 6, block.reduce((sum, byte) => sum + byte));
  block[154] = 0;
  return block;
}

function join(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
