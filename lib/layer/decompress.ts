// Decompresses archives: plain, gzip (RFC 1952), zstd (RFC 8878), xz or bzip2, recognized by their first
// bytes.

import { KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { awaitReadable } from "../../ffi/input.ts";
import { Failure } from "../base/error.ts";
import { gunzipped, unzstded } from "./inflate.ts";

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const BUFFER = 1 << 20;

type Kind = "gzip" | "zstd" | "xz" | "bzip2";

const MAGIC: [kind: Kind, bytes: (number | undefined)[]][] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["zstd", [undefined, 0x2a, 0x4d, 0x18]], // a skippable frame, which pzstd puts first
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];
/** Number of bytes that isCompressed needs to see. */
export const LONGEST_MAGIC = 6;

/**
 * Yields everything that can be read from `fd`. All chunks share one buffer: use a chunk before asking for
 * the next.
 */
export function* chunksOf(fd: number, what: string): Generator<Uint8Array> {
  const buffer = new Uint8Array(BUFFER);
  for (;;) {
    let length: number;
    try {
      length = file.read(fd, buffer);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      if (error.errno === "EAGAIN") {
        awaitReadable(fd); // a pipe may be set to O_NONBLOCK by its other users
        continue;
      }
      throw new Failure(`can't read ${what}: ${error.message}`, { cause: error });
    }
    if (length === 0) return;
    yield buffer.subarray(0, length);
  }
}

/**
 * Yields the archive in `source`, decompressed if necessary. Chunks of a plain archive are those of `source`.
 * Throws Failure if compressed data are damaged or cut off.
 */
export async function* decompressed(source: Chunks): AsyncGenerator<Uint8Array> {
  const [head, rest] = await withHead(source);
  const kind = kindOf(head);
  const all = prepended(head, rest);
  if (!kind) return yield* all;
  if (kind === "xz" || kind === "bzip2") {
    const { decompressedBy } = await import("./decompress_program.ts");
    return yield* decompressedBy(kind, all);
  }
  yield* kind === "gzip" ? gunzipped(all) : unzstded(all);
}

/** Whether data that begin with `head` are compressed. */
export function isCompressed(head: Uint8Array): boolean {
  return kindOf(head) !== undefined;
}

function kindOf(head: Uint8Array): Kind | undefined {
  return MAGIC.find(([, bytes]) => bytes.every((byte, i) => byte === undefined || head[i] === byte))?.[0];
}

/** The first chunk or, if that is very short, the first few chunks joined. */
async function withHead(source: Chunks): Promise<[Uint8Array, AsyncIterator<Uint8Array>]> {
  const iterator = (async function* () {
    yield* source;
  })();
  let head = new Uint8Array(0);
  while (head.length < LONGEST_MAGIC) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = head.length === 0 ? value as Uint8Array<ArrayBuffer> : new Uint8Array([...head, ...value]);
    if (head.length < LONGEST_MAGIC) head = head.slice();
  }
  return [head, iterator];
}

async function* prepended(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let next; !(next = await rest.next()).done;) yield next.value;
}
