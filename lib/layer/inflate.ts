// Decompresses gzip (RFC 1952) and zstd (RFC 8878) with constant memory, whatever the ratio.
//
// Node's zlib streams allocate new memory for every 64 KiB, which is collected late: 500 MB for an archive of
// 2 GB. The native handles below them, in Node and Deno alike, write into memory they are given: 45 MB, in
// half the time. That interface is undocumented. But the runtime is part of the built file, and this module's
// tests use all of it.

import { Failure } from "../base/error.ts";

/** The decompressor of a stream. */
interface Handle {
  /** Called with the error; zstd's handle throws instead. */
  onerror: (message: string) => void;
  /**
   * Consumes and produces as much as it can. `_writeState` then holds the room left in the output and the
   * input left.
   */
  writeSync(
    flush: number,
    input: Uint8Array,
    inputStart: number,
    inputLength: number,
    output: Uint8Array,
    outputStart: number,
    outputLength: number,
  ): void;
  close(): void;
}

/** A stream that exists only for its handle. */
interface Stream {
  _handle: Handle;
  _writeState: ArrayLike<number>;
}

interface State {
  stream: Stream;
  output: Uint8Array;
  /** Input bytes that the last call of `convert` did not consume. */
  rest: number;
  problem?: unknown;
}

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Output that still fits into the processor's cache on its way to the digest and the file. */
const OUTPUT = 1 << 18;
/** zlib's flush modes; zstd's "continue" is 0 too. */
const [CONTINUE, FINISH] = [0, 4];
const NOTHING = new Uint8Array(0);

/**
 * Yields `source` decompressed. Several gzip members are joined; zeros after the last one are ignored. All
 * chunks share one buffer: use a chunk before asking for the next. Throws Failure if data are damaged or
 * cut off.
 */
export async function* gunzipped(source: Chunks): AsyncGenerator<Uint8Array> {
  const { createGunzip } = await import("node:zlib");
  const state = stateOf(createGunzip());
  try {
    for await (const chunk of source) {
      // Data after the zeros are ignored, but read, since the sender may want to write them all.
      if (state.rest === 0) yield* convert(state, "gzip", chunk);
    }
    if (state.rest > 0) return;
    for (const _ of convert(state, "gzip", NOTHING, FINISH));
  } finally {
    state.stream._handle.close();
  }
}

/** A frame with the single byte "x". If it doesn't come out as "x", the frame before it has not ended. */
const PROBE = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 9, 0, 0, 0x78);

/** The same for zstd. Several frames are joined; skippable frames are ignored. */
export async function* unzstded(source: Chunks): AsyncGenerator<Uint8Array> {
  const { createZstdDecompress } = await import("node:zlib");
  const state = stateOf(createZstdDecompress());
  try {
    for await (const chunk of source) yield* convert(state, "zstd", chunk);
    // The decompressor does not report an end in the middle of a frame, not even with the flag for the end.
    if (!isBetweenFrames(state)) throw cutOff("zstd");
  } finally {
    state.stream._handle.close();
  }
}

function isBetweenFrames(state: State): boolean {
  let found = "";
  try {
    for (const chunk of convert(state, "zstd", PROBE)) found += new TextDecoder("latin1").decode(chunk);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return false;
  }
  return found === "x";
}

function stateOf(stream: unknown): State {
  const state: State = { stream: stream as Stream, output: new Uint8Array(OUTPUT), rest: 0 };
  state.stream._handle.onerror = (message) => void (state.problem = message);
  return state;
}

/** Yields the output for `input`. Stops early, with some input left, where the decompressor takes no more. */
function* convert(state: State, kind: string, input: Uint8Array, flush = CONTINUE): Generator<Uint8Array> {
  for (let at = 0;;) {
    const room = write(state, kind, input.subarray(at), flush);
    const taken = input.length - at - state.rest;
    at += taken;
    if (room < OUTPUT) yield state.output.subarray(0, OUTPUT - room);
    if (room > 0 && (state.rest === 0 || taken === 0)) return;
  }
}

/** Makes one call; returns how much room it left in the output. */
function write(state: State, kind: string, input: Uint8Array, flush: number): number {
  const { _handle: handle, _writeState: left } = state.stream;
  try {
    handle.writeSync(flush, input, 0, input.length, state.output, 0, OUTPUT);
  } catch (error) {
    state.problem = (error as Error).message.replace(/^Zstd decompress error: /, "");
  }
  if (state.problem === "unexpected end of file") throw cutOff(kind);
  if (state.problem !== undefined) throw new Failure(`damaged ${kind} data: ${state.problem}`);
  state.rest = left[1];
  return left[0];
}

function cutOff(kind: string): Failure {
  return new Failure(`unexpected end of archive (${kind})`);
}
