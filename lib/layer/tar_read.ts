// Reads tar archives as a stream: push chunks of any length, and the handler is called with entries and their
// data. Knows ustar, v7, PAX (pax(1)), GNU's long names and sparse files. File data are neither kept nor
// copied.

import { decodeName } from "../../ffi/bytes.ts";
import { BLOCK, paddingOf, type TarEntry } from "./tar_entry.ts";
import {
  checksumMatches,
  type Header,
  isZeroBlock,
  parseHeader,
  readNumber,
  tarError,
} from "./tar_header.ts";
import { applyRecords, noRecords, parseRecords, paxNumber, type PaxRecords } from "./tar_pax.ts";
import {
  checkMap,
  type MapReader,
  paxSparse,
  readMapBlock,
  readOldPairs,
  type SparseMap,
} from "./tar_sparse.ts";

/** The receiver of an archive. The calls for one entry are: entry, data any number of times, finish. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  /** `chunk[start..end]` belongs at byte `position` of the file. The chunk may be reused after the call. */
  data(chunk: Uint8Array, start: number, end: number, position: number): void;
  finish(): void;
}

/** Extended headers hold names and attributes; a longer one would be an attack on our memory. */
const MAX_META = 8 << 20;

interface State {
  handler: TarHandler;
  /** Bytes of the archive consumed so far. */
  offset: number;
  /**
   * block: a whole 512-byte block comes next. collect: data of an extended header. data: data of a file.
   * skip: ignored data and padding. end: the archive is over, and the rest is ignored.
   */
  phase: "block" | "collect" | "data" | "skip" | "end";
  /** Handles the next block. */
  onBlock: (state: State, bytes: Uint8Array, at: number) => void;
  /** A block that arrives in pieces, and how much of it has arrived. */
  block: Uint8Array;
  filled: number;
  /** Bytes until the end of this phase. */
  left: number;
  /** The extended header being collected, and its type flag. */
  meta: Uint8Array;
  metaFlag: string;
  global: PaxRecords;
  local?: PaxRecords;
  longPath?: string;
  longLink?: string;
  /**
   * The file being read: its name for messages, the rest of its data in the archive, the position of its next
   * byte.
   */
  entry?: TarEntry;
  dataSize: number;
  position: number;
  map?: SparseMap;
  /** The part of `map` being read. */
  part: number;
  mapReader?: MapReader;
}

/** See createTarReader. */
export interface TarReader {
  /**
   * Consumes the next bytes of the archive. Throws Failure if they are damaged, and what the handler
   * throws.
   */
  push(chunk: Uint8Array): void;
  /** The number of bytes that come next and can be skipped: a file's data or padding. */
  pending(): number;
  /** Treats `pending` bytes as read without seeing them; the handler is not called for them. */
  skip(length: number): void;
  /** Must be called after the last chunk: throws Failure if the archive was cut off. */
  end(): void;
}

/**
 * A reader that calls `handler` for the archive pushed into it. An archive may end without the two blocks of
 * zeros, but not in the middle of a file's data. An empty archive has no entries, as in docker.
 */
export function createTarReader(handler: TarHandler): TarReader {
  const state: State = {
    handler,
    offset: 0,
    phase: "block",
    onBlock: onHeader,
    block: new Uint8Array(BLOCK),
    filled: 0,
    left: 0,
    meta: new Uint8Array(0),
    metaFlag: "",
    global: noRecords(),
    dataSize: 0,
    position: 0,
    part: 0,
  };
  return {
    push: (chunk) => push(state, chunk),
    pending: () => state.phase === "data" || state.phase === "skip" ? state.left : 0,
    skip(length) {
      state.offset += length;
      state.left -= length;
      if (state.left === 0) finishPhase(state);
    },
    end: () => end(state),
  };
}

function push(state: State, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length && state.phase !== "end";) {
    const taken = state.phase === "block" ? takeBlock(state, chunk, at) : takeBytes(state, chunk, at);
    at += taken;
    state.offset += taken;
  }
}

/**
 * Processes a whole block, in place if it is there in one piece; returns how many bytes of the chunk it took.
 */
function takeBlock(state: State, chunk: Uint8Array, at: number): number {
  if (state.filled === 0 && chunk.length - at >= BLOCK) {
    state.onBlock(state, chunk, at);
    return BLOCK;
  }
  const taken = Math.min(BLOCK - state.filled, chunk.length - at);
  state.block.set(chunk.subarray(at, at + taken), state.filled);
  state.filled += taken;
  if (state.filled === BLOCK) {
    state.filled = 0;
    state.onBlock(state, state.block, 0);
  }
  return taken;
}

function takeBytes(state: State, chunk: Uint8Array, at: number): number {
  const taken = Math.min(state.left, chunk.length - at);
  if (state.phase === "collect") {
    state.meta.set(chunk.subarray(at, at + taken), state.meta.length - state.left);
  } else if (state.phase === "data") {
    deliver(state, chunk, at, at + taken);
  }
  state.left -= taken;
  if (state.left === 0) finishPhase(state);
  return taken;
}

/** Passes the file's data to the handler; those of a sparse file part by part. */
function deliver(state: State, chunk: Uint8Array, start: number, end: number): void {
  const { handler, map } = state;
  if (!map) {
    handler.data(chunk, start, end, state.position);
    state.position += end - start;
    return;
  }
  while (start < end) {
    const partEnd = map[state.part] + map[state.part + 1];
    if (state.position === partEnd) {
      state.part += 2;
      state.position = map[state.part];
      continue;
    }
    const length = Math.min(end - start, partEnd - state.position);
    handler.data(chunk, start, start + length, state.position);
    start += length;
    state.position += length;
  }
}

function finishPhase(state: State): void {
  const { phase } = state;
  const padding = phase === "data" ? paddingOf(state.dataSize) : paddingOf(state.meta.length);
  if (phase === "collect") finishMeta(state);
  if (phase === "data") finishEntry(state);
  if (phase !== "skip" && padding > 0) skip(state, padding);
  else wantHeader(state);
}

function skip(state: State, length: number): void {
  state.phase = "skip";
  state.left = length;
}

function wantHeader(state: State): void {
  state.phase = "block";
  state.onBlock = onHeader;
}

function finishEntry(state: State): void {
  state.handler.finish();
  state.entry = undefined;
}

function finishMeta(state: State): void {
  const { meta, metaFlag } = state;
  const end = meta.indexOf(0);
  const name = () => decodeName(end < 0 ? meta : meta.subarray(0, end));
  if (metaFlag === "g") parseRecords(meta, state.global);
  else if (metaFlag === "L") state.longPath = name();
  else if (metaFlag === "K") state.longLink = name();
  else parseRecords(meta, state.local = noRecords());
}

function onHeader(state: State, bytes: Uint8Array, at: number): void {
  if (isZeroBlock(bytes, at)) {
    state.phase = "end";
    return;
  }
  if (!checksumMatches(bytes, at)) throw badChecksum(state);
  const header = parseHeader(bytes, at, headerOffset(state));
  if ("xXgLK".includes(header.flag)) startMeta(state, header);
  else if (header.flag === "V") startIgnored(state, header);
  else if (header.entry.type === undefined) throw unknownType(header);
  else startEntry(state, header, bytes, at);
}

/**
 * The position of the header being read. It may have begun in an earlier chunk; that is good enough for a
 * message.
 */
function headerOffset(state: State): number {
  return Math.floor(state.offset / BLOCK) * BLOCK;
}

function badChecksum(state: State): Error {
  if (headerOffset(state) === 0) return tarError("not a tar archive");
  return tarError(`damaged archive: bad checksum in header at byte ${headerOffset(state)}`);
}

function unknownType(header: Header): Error {
  const code = header.flag.charCodeAt(0);
  const shown = code > 0x20 && code < 0x7f ? `"${header.flag}"` : code;
  return tarError(`can't unpack ${JSON.stringify(header.entry.path)}: unknown type ${shown} in the archive`);
}

function startMeta(state: State, { flag, size }: Header): void {
  if (size > MAX_META) throw tarError(`damaged archive: extended header of ${size} bytes`);
  state.phase = "collect";
  state.meta = new Uint8Array(size);
  state.metaFlag = flag;
  state.left = size;
  if (size === 0) finishPhase(state);
}

/** Skips GNU's volume label. */
function startIgnored(state: State, { size }: Header): void {
  forgetMeta(state);
  if (size > 0) skip(state, size + paddingOf(size));
}

function forgetMeta(state: State): void {
  state.local = undefined;
  state.longPath = undefined;
  state.longLink = undefined;
}

/** Combines the header and the extended headers before it, and starts on the data. */
function startEntry(state: State, { entry, flag, size }: Header, bytes: Uint8Array, at: number): void {
  entry.path = state.longPath ?? entry.path;
  if (flag === "1" || flag === "2") entry.linkPath = state.longLink ?? entry.linkPath;
  const records = allRecords(state);
  applyRecords(entry, records);
  const hasData = entry.type === "file" || flag === "D";
  const dataSize = hasData ? paxNumber(records, "size") ?? size : 0;
  // Before POSIX, a slash behind the name marked directories.
  if (flag === "0" && entry.path.endsWith("/")) entry.type = "directory";
  state.entry = entry;
  state.dataSize = dataSize;
  state.map = undefined;
  entry.size = entry.type === "file" ? dataSize : 0;
  forgetMeta(state);
  const sparse = entry.type === "file" ? paxSparse(records) : undefined;
  if (flag === "S") return startOldSparse(state, bytes, at);
  if (!sparse) return startData(state);
  entry.size = sparse.size;
  entry.sparse = true;
  state.map = sparse.map;
  if (!sparse.mapInData) return startData(state);
  state.mapReader = { numbers: [], digits: "" };
  state.phase = "block";
  state.onBlock = onMapBlock;
}

function allRecords({ global, local }: State): PaxRecords {
  if (!local) return global;
  if (global.values.size === 0) return local;
  return { values: new Map([...global.values, ...local.values]), sparse: local.sparse };
}

/** Old GNU: up to 4 parts in the header itself, more in blocks after it. */
function startOldSparse(state: State, bytes: Uint8Array, at: number): void {
  const entry = state.entry!;
  entry.sparse = true;
  entry.size = readNumber(bytes, at + 483, 12);
  state.map = [];
  readOldPairs(bytes, at + 386, 4, state.map);
  if (bytes[at + 482] === 0) return startData(state);
  state.phase = "block";
  state.onBlock = onExtensionBlock;
}

function onExtensionBlock(state: State, bytes: Uint8Array, at: number): void {
  readOldPairs(bytes, at, 21, state.map!);
  if (bytes[at + 504] === 0) startData(state);
}

/** Format 1.0 counts the map's blocks as data. */
function onMapBlock(state: State, bytes: Uint8Array, at: number): void {
  state.dataSize -= BLOCK;
  if (state.dataSize < 0) throw tarError("damaged archive: bad map of a sparse file");
  if (!readMapBlock(state.mapReader!, bytes, at)) return;
  state.map = state.mapReader!.numbers.slice(1);
  startData(state);
}

function startData(state: State): void {
  const { map, dataSize } = state;
  const entry = state.entry!;
  if (map) checkMap(map, entry.size, dataSize);
  state.part = 0;
  state.position = map?.[0] ?? 0;
  wantHeader(state);
  state.handler.entry(entry);
  if (entry.type !== "file" && dataSize > 0) {
    finishEntry(state);
    return skip(state, dataSize + paddingOf(dataSize));
  }
  if (dataSize === 0) return finishEntry(state);
  state.phase = "data";
  state.left = dataSize;
}

function end(state: State): void {
  const { phase, filled, entry, left } = state;
  const headerDone = phase === "block" && state.onBlock === onHeader;
  if (phase === "end" || (headerDone && filled === 0 && !state.local && state.longPath === undefined)) return;
  // The last file's padding is missing, nothing else.
  if (phase === "skip" && left < BLOCK && !state.local) return;
  if (state.offset < BLOCK) throw tarError("not a tar archive");
  throw tarError(`unexpected end of archive${entry ? ` in ${JSON.stringify(entry.path)}` : ""}`);
}
