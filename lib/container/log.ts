// A container's log: frames appended by its keeper to `log`, and `log.1` before it.
//
//   frame: i64 seconds, i64 nanoseconds since 1970, u64 stream (1 stdout, 2 stderr), u64 length, then the bytes;
//   little endian. One frame is one read of the output, so it may end in mid-line or mid-character.

import { readBytes } from "../state/json.ts";

export const FRAME_HEADER = 32;

export interface Frame {
  seconds: number;
  nanoseconds: number;
  stream: number;
  data: Uint8Array;
}

/** All whole frames of a container's log, oldest first; what a crash cut off at the end is left out. */
export function* readFrames(dir: number): Generator<Frame> {
  for (const name of ["log.1", "log"]) {
    const bytes = readBytes(dir, name);
    if (bytes) yield* framesIn(bytes);
  }
}

function* framesIn(bytes: Uint8Array): Generator<Frame> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + FRAME_HEADER <= bytes.length;) {
    const length = Number(view.getBigUint64(at + 24, true));
    const end = at + FRAME_HEADER + length;
    if (end > bytes.length) return;
    yield {
      seconds: Number(view.getBigInt64(at, true)),
      nanoseconds: Number(view.getBigInt64(at + 8, true)),
      stream: Number(view.getBigUint64(at + 16, true)),
      data: bytes.subarray(at + FRAME_HEADER, end),
    };
    at = end;
  }
}
