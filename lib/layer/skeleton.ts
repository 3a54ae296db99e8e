// A layer's skeleton: all of its archive that is not in the unpacked files, so that the archive can be put
// together again bit for bit. layers/HEX/skeleton is a sequence of blocks: u32 compressed length, u32 length,
// and then records as deflate (RFC 1951). Numbers are little-endian. A record begins with a byte that says
// what it is:
//   0  literal: u32 length, and as many bytes of the archive
//   1  file: the path of the file that data records after it are about, below diff/, and a NUL
//   2  data: u64 position, u64 length: that much of the archive is in the file from that position on
// A file that a later entry of the archive takes the place of is moved to layers/HEX/replaced/N.

import { encodeNameInto } from "../../ffi/bytes.ts";
import * as file from "../../ffi/file.ts";

export const LITERAL = 0;
export const FILE = 1;
export const DATA = 2;

/**
 * What was moved to replaced/N, where N is the index in a list of these: `path`, after `files` file records.
 */
export type Replaced = [files: number, path: string];

/** Records an archive's skeleton. The calls follow the order of the archive. */
export interface Recorder {
  /** Starts on the next bytes of the archive, which may change after `done`. */
  begin(chunk: Uint8Array): void;
  /** The data that follow belong to this file: its path below diff/, without symlinks. */
  file(path: string): void;
  /** chunk[start..end] is stored in that file at byte `position`. */
  data(start: number, end: number, position: number): void;
  /** Ends the chunk. All of it that `data` was not called for becomes part of the skeleton. */
  done(): void;
  /**
   * Moves `name` in the open directory `dir`, which is diff/`path`, to replaced/, because its content is
   * still needed.
   */
  replace(dir: number, name: string, path: string): void;
  /** Writes what is left; returns the length of the archive, and what was replaced. */
  end(): { archive: number; replaced: Replaced[] };
  close(): void;
}

export const BLOCK_LENGTH = 1 << 20;
/** Room for the longest path there is, and for the numbers before it. */
const MARGIN = 1 << 14;

interface State {
  layer: number;
  fd: number;
  deflate: (bytes: Uint8Array) => Uint8Array;
  block: Uint8Array;
  view: DataView;
  used: number;
  chunk: Uint8Array;
  /** How much of the chunk has been recorded. */
  at: number;
  /** A data record that may still become longer. */
  position: number;
  length: number;
  files: number;
  archive: number;
  replaced: Replaced[];
}

/** A recorder that writes into the open directory of a layer; its methods throw KernelError. */
export async function createRecorder(layer: number): Promise<Recorder> {
  const { deflateRawSync } = await import("node:zlib");
  const block = new Uint8Array(BLOCK_LENGTH);
  const state: State = {
    layer,
    fd: file.openat(layer, "skeleton", file.O_WRONLY | file.O_CREAT | file.O_EXCL, 0o600),
    deflate: (bytes) => deflateRawSync(bytes, { level: 1 }),
    block,
    view: new DataView(block.buffer),
    used: 0,
    chunk: new Uint8Array(0),
    at: 0,
    position: 0,
    length: 0,
    files: 0,
    archive: 0,
    replaced: [],
  };
  return {
    begin(chunk) {
      state.chunk = chunk;
      state.at = 0;
      state.archive += chunk.length;
    },
    file: (path) => recordFile(state, path),
    data: (start, end, position) => recordData(state, start, end, position),
    done: () => recordLiteral(state, state.chunk.length),
    replace: (dir, name, path) => replace(state, dir, name, path),
    end: () => end(state),
    close: () => file.close(state.fd),
  };
}

function recordFile(state: State, path: string): void {
  endData(state);
  makeRoom(state, MARGIN);
  state.block[state.used] = FILE;
  state.used = encodeNameInto(path, state.block, state.used + 1);
  state.files++;
}

function recordData(state: State, start: number, end: number, position: number): void {
  recordLiteral(state, start);
  state.at = end;
  if (state.length > 0 && position !== state.position + state.length) endData(state);
  if (state.length === 0) state.position = position;
  state.length += end - start;
}

function endData(state: State): void {
  if (state.length === 0) return;
  makeRoom(state, 17);
  state.block[state.used] = DATA;
  state.view.setBigUint64(state.used + 1, BigInt(state.position), true);
  state.view.setBigUint64(state.used + 9, BigInt(state.length), true);
  state.used += 17;
  state.length = 0;
}

/** Records the chunk up to `end` as literal bytes. */
function recordLiteral(state: State, end: number): void {
  if (state.at < end) endData(state);
  while (state.at < end) {
    makeRoom(state, MARGIN);
    const length = Math.min(end - state.at, BLOCK_LENGTH - state.used - 5);
    state.block[state.used] = LITERAL;
    state.view.setUint32(state.used + 1, length, true);
    state.block.set(state.chunk.subarray(state.at, state.at + length), state.used + 5);
    state.used += 5 + length;
    state.at += length;
  }
}

function makeRoom(state: State, length: number): void {
  if (BLOCK_LENGTH - state.used < length) flush(state);
}

function flush(state: State): void {
  const compressed = state.deflate(state.block.subarray(0, state.used));
  const head = new DataView(new ArrayBuffer(8));
  head.setUint32(0, compressed.length, true);
  head.setUint32(4, state.used, true);
  file.write(state.fd, new Uint8Array(head.buffer), "skeleton");
  file.write(state.fd, compressed, "skeleton");
  state.used = 0;
}

/** Only files have content, and directories files. */
function replace(state: State, dir: number, name: string, path: string): void {
  const type = file.stat(dir, name).mode & file.S_IFMT;
  if (type !== file.S_IFREG && type !== file.S_IFDIR) return file.unlinkat(dir, name);
  if (state.replaced.length === 0) file.mkdirat(state.layer, "replaced", 0o700);
  file.renameat2(dir, name, state.layer, `replaced/${state.replaced.length}`);
  state.replaced.push([state.files, path]);
}

function end(state: State): { archive: number; replaced: Replaced[] } {
  endData(state);
  if (state.used > 0) flush(state);
  return { archive: state.archive, replaced: state.replaced };
}
