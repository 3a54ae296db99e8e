// gzip (RFC 1952) and zstd (RFC 8878) in memory of one size, however much comes out of however little.
//
// Node's zlib streams make new memory for every 64 KiB, which is collected late: 500 MB for an archive of 2
// GB. What is below them, in Node and Deno alike, writes into memory it is given: 45 MB, in half the time. It
// is no documented interface; but the runtime is a part of the file that is built, and the tests of this
// module use all of it.

import { Failure } from "../base/error.ts";

/** The decompressor of a stream. */
interface Handle {
  /** Hears of what is wrong; zstd's throws instead. */
  onerror: (message: string) => void;
  /**
   * Takes and gives as much as it can, and leaves in `_writeState` how much room and how much input is left.
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

/** A stream that is never used as one. */
interface Stream {
  _handle: Handle;
  _writeState: ArrayLike<number>;
}

interface State {
  stream: Stream;
  output: Uint8Array;
  /** Input that was not taken by the last call of `convert`. */
  rest: number;
  problem?: unknown;
}

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** What stays in the processor's cache on its way to the digest and the file. */
const OUTPUT = 1 << 18;
/** zlib's flush modes; zstd's "continue" is 0 too. */
const [CONTINUE, FINISH] = [0, 4];
const NOTHING = new Uint8Array(0);

/**
 * What `source` is, decompressed: of several gzip members one after the other, of zeros behind the last
 * nothing. All chunks are the same memory: done with one, ask for the next. Throws Failure for data that
 * are damaged or cut off.
 */
export async function* gunzipped(source: Chunks): AsyncGenerator<Uint8Array> {
  const { createGunzip } = await import("node:zlib");
  const state = stateOf(createGunzip());
  try {
    for await (const chunk of source) {
      // Behind the zeros is nobody's business, but whoever feeds us may want to see all of it pass.
      if (state.rest === 0) yield* convert(state, "gzip", chunk);
    }
    if (state.rest > 0) return;
    for (const _ of convert(state, "gzip", NOTHING, FINISH));
  } finally {
    state.stream._handle.close();
  }
}

/** A frame of the one byte "x": where it does not come out as such, the frame before it is not at its end. */
const PROBE = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 1, 9, 0, 0, 0x78);

/** The same for zstd: of several frames one after the other, of skippable ones nothing. */
export async function* unzstded(source: Chunks): AsyncGenerator<Uint8Array> {
  const { createZstdDecompress } = await import("node:zlib");
  const state = stateOf(createZstdDecompress());
  try {
    for await (const chunk of source) yield* convert(state, "zstd", chunk);
    // An end in the middle of a frame is no error to it, not even with a flag for the end.
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

/** What comes out of `input`. Stops early, with some of it left, where the decompressor takes no more. */
function* convert(state: State, kind: string, input: Uint8Array, flush = CONTINUE): Generator<Uint8Array> {
  for (let at = 0;;) {
    const room = write(state, kind, input.subarray(at), flush);
    const taken = input.length - at - state.rest;
    at += taken;
    if (room < OUTPUT) yield state.output.subarray(0, OUTPUT - room);
    if (room > 0 && (state.rest === 0 || taken === 0)) return;
  }
}

/** One call: returns how much room it left in the output. */
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
