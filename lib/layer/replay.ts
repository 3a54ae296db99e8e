// Restores a layer's archive from its skeleton and its files.

import { decodeName } from "../../ffi/bytes.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { BLOCK_LENGTH, DATA, FILE, LITERAL, type Replaced } from "./skeleton.ts";

const BUFFER = 1 << 20;

interface State {
  layer: number;
  buffer: Uint8Array;
  used: number;
  replaced: Replaced[];
  /** Indexes into `replaced` by path, of those still to come. */
  pending: Map<string, number[]>;
  files: number;
  /**
   * The path of the last file record's file below the layer's directory, and its descriptor once it was
   * needed.
   */
  path: string;
  fd: number;
}

/**
 * Yields the archive of the layer whose directory `layer` is open. All chunks share one buffer. The caller
 * checks the digest. Throws Failure where the skeleton or a file is damaged or missing.
 */
export async function replay(layer: number, replaced: Replaced[]): Promise<Generator<Uint8Array>> {
  const { inflateRawSync } = await import("node:zlib");
  const inflate = (bytes: Uint8Array) => inflateRawSync(bytes, { maxOutputLength: BLOCK_LENGTH });
  return chunks(layer, replaced, inflate);
}

function* chunks(
  layer: number,
  replaced: Replaced[],
  inflate: (bytes: Uint8Array) => Uint8Array,
): Generator<Uint8Array> {
  const pending = new Map<string, number[]>();
  replaced.forEach(([, path], i) => pending.set(path, [...pending.get(path) ?? [], i]));
  const buffer = new Uint8Array(BUFFER);
  const state: State = { layer, buffer, used: 0, replaced, pending, files: 0, path: "", fd: -1 };
  const skeleton = file.openat(layer, "skeleton", file.O_RDONLY);
  try {
    for (let block; (block = readBlock(skeleton, inflate));) yield* recordsIn(state, block);
    if (state.used > 0) yield state.buffer.subarray(0, state.used);
  } finally {
    file.close(skeleton);
    if (state.fd >= 0) file.close(state.fd);
  }
}

function readBlock(fd: number, inflate: (bytes: Uint8Array) => Uint8Array): Uint8Array | undefined {
  const head = new Uint8Array(8);
  const length = readFully(fd, head);
  if (length === 0) return undefined;
  const view = new DataView(head.buffer);
  const compressed = new Uint8Array(Math.min(view.getUint32(0, true), 2 * BLOCK_LENGTH));
  if (length < head.length || readFully(fd, compressed) < compressed.length) throw damaged();
  try {
    return inflate(compressed);
  } catch (error) {
    throw damaged({ cause: error });
  }
}

function readFully(fd: number, buffer: Uint8Array): number {
  let filled = 0;
  for (let done; filled < buffer.length && (done = file.read(fd, buffer.subarray(filled))) > 0;) {
    filled += done;
  }
  return filled;
}

function damaged(options?: ErrorOptions): Failure {
  return new Failure("its skeleton is damaged", options);
}

function* recordsIn(state: State, block: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  for (let at = 0; at < block.length;) {
    const kind = block[at++];
    if (kind === LITERAL) {
      const end = at + 4 + view.getUint32(at, true);
      yield* literal(state, block.subarray(at + 4, end));
      at = end;
    } else if (kind === FILE) {
      const end = block.indexOf(0, at);
      startFile(state, decodeName(block.subarray(at, end)));
      at = end + 1;
    } else if (kind === DATA) {
      yield* data(state, Number(view.getBigUint64(at, true)), Number(view.getBigUint64(at + 8, true)));
      at += 16;
    } else {
      throw damaged();
    }
  }
}

function* literal(state: State, bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const length = Math.min(bytes.length - at, BUFFER - state.used);
    state.buffer.set(bytes.subarray(at, at + length), state.used);
    state.used += length;
    at += length;
    if (state.used === BUFFER) yield* full(state);
  }
}

function* full(state: State): Generator<Uint8Array> {
  yield state.buffer.subarray(0, state.used);
  state.used = 0;
}

function startFile(state: State, path: string): void {
  state.files++;
  if (state.fd >= 0) file.close(state.fd);
  state.fd = -1;
  state.path = state.pending.size === 0 ? `diff/${path}` : placeOf(state, path);
}

/**
 * The present path of a file: its own, or a path in replaced/ if the file or a directory above it was
 * replaced after it was written.
 */
function placeOf({ replaced, pending, files }: State, path: string): string {
  let first = Infinity;
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
    const list = pending.get(path.slice(0, end));
    while (list && list.length > 0 && replaced[list[0]][0] < files) list.shift();
    if (list && list.length > 0) first = Math.min(first, list[0]);
  }
  if (first === Infinity) return `diff/${path}`;
  return `replaced/${first}${path.slice(replaced[first][1].length)}`;
}

function* data(state: State, position: number, length: number): Generator<Uint8Array> {
  if (state.fd < 0) state.fd = openContent(state);
  while (length > 0) {
    const wanted = Math.min(length, BUFFER - state.used);
    const done = file.pread(state.fd, state.buffer.subarray(state.used, state.used + wanted), position);
    if (done === 0) throw new Failure(`${JSON.stringify(state.path)} is shorter than it was`);
    state.used += done;
    position += done;
    length -= done;
    if (state.used === BUFFER) yield* full(state);
  }
}

function openContent({ layer, path }: State): number {
  try {
    return file.openat(layer, path, file.O_RDONLY | file.O_NOFOLLOW | file.O_NONBLOCK);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) throw error;
    throw new Failure(`${JSON.stringify(path)} is missing`, { cause: error });
  }
}
