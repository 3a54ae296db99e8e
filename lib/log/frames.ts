// A container's log: frames appended by its keeper to `log`, and the full files before it (files.ts).
//
// A frame (base/frames.ts) says its stream: 1 for stdout, 2 for stderr. A frame is one read of the output, so
// it may end in the middle of a line or character.
//
// A crash or a full disk may cut a frame off, also one that others follow. So a frame counts as whole only if
// what follows it looks like another frame.

import * as file from "../../ffi/file.ts";
import { FRAME_HEADER } from "../base/frames.ts";
import { type LogFile, type LogPlace, newestFile, nextFile } from "./files.ts";
import type { Container } from "../model/container.ts";

/** More than any keeper reads at once: a greater length means that this is no frame. */
const MAX_LENGTH = 1 << 17;
/** What a keeper reads at once of much output. */
const FULL = 1 << 16;
/** Room for any frame and the header after it; and for four full ones, so that little is read twice. */
const CHUNK = 4 * (FRAME_HEADER + FULL) + FRAME_HEADER;

export interface Frame {
  seconds: number;
  nanoseconds: number;
  /** 1 for stdout, 2 for stderr. */
  stream: number;
  /** Valid until the next frame is asked for. */
  data: Uint8Array;
}

/** A position in a log. */
export interface LogPosition extends LogPlace {
  /** Undefined before the oldest file. */
  file?: LogFile;
  /** The offset of a frame in that file. */
  offset: number;
}

/** A limit for reading: this many bytes of a file, whatever is appended later. */
export interface LogEnd {
  inode: bigint;
  size: number;
}

/** The position before the oldest frame. */
export function logBeginning({ dir, config }: Container): LogPosition {
  return { dir, maxFiles: config.log.maxFiles, offset: 0 };
}

/** The position after the last frame that is complete now. */
export function logEnd(container: Container): LogPosition {
  const position = logBeginning(container);
  position.file = newestFile(position);
  for (const _ of framesOfFile(position));
  return position;
}

/** The present end; undefined where there is no log. */
export function presentEnd(place: LogPlace): LogEnd | undefined {
  const newest = newestFile(place);
  if (!newest) return undefined;
  const { inode, size } = file.stat(newest.fd, "");
  file.close(newest.fd);
  return { inode, size };
}

/** Yields the complete frames from `position` on, oldest first, through all files; `position` advances. */
export function* readFrames(position: LogPosition, end?: LogEnd): Generator<Frame> {
  for (;;) {
    yield* framesOfFile(position, end);
    if (end && position.file?.inode === end.inode) return;
    const next = nextFile(position, position.file);
    if (!next) return;
    // More may have been written before the file was renamed.
    yield* framesOfFile(position, end);
    if (position.file) file.close(position.file.fd);
    position.file = next;
    position.offset = 0;
  }
}

/** Yields the complete frames from `position` to the end of its file. */
export function* framesOfFile(position: LogPosition, end?: LogEnd): Generator<Frame> {
  if (!position.file) return;
  const { fd, inode } = position.file;
  const limit = end?.inode === inode ? end.size : Infinity;
  const buffer = new Uint8Array(CHUNK);
  for (;;) {
    const room = Math.max(0, Math.min(CHUNK, limit - position.offset));
    const length = file.pread(fd, buffer.subarray(0, room), position.offset);
    const view = new DataView(buffer.buffer, 0, length);
    const isLast = length < CHUNK;
    for (let at = 0;;) {
      const start = isHeader(view, at) ? at : findHeader(view, at);
      const next = start === undefined ? undefined : frameEnd(view, start, isLast);
      if (start === undefined || next === undefined) {
        // Bytes that are no frame are skipped, except the last ones, in which a header may begin.
        position.offset += (start ?? Math.max(at, length - FRAME_HEADER + 1)) - at;
        break;
      }
      position.offset += next - at;
      yield frameIn(view, start, buffer.subarray(start + FRAME_HEADER, next));
      at = next;
    }
    if (isLast) return;
  }
}

function frameIn(view: DataView, at: number, data: Uint8Array): Frame {
  const seconds = view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
  return { seconds, nanoseconds: view.getUint32(at + 8, true), stream: view.getUint32(at + 16, true), data };
}

/**
 * The end of the frame at `at`: by its length, or where it was cut off and another frame follows; undefined
 * if that is beyond the view.
 */
function frameEnd(view: DataView, at: number, isLast: boolean): number | undefined {
  const end = at + FRAME_HEADER + view.getUint32(at + 24, true);
  if (end + FRAME_HEADER <= view.byteLength) {
    // No header behind it: this frame was cut off and the next header is within it, or what follows was.
    return isHeader(view, end) ? end : Math.min(end, findHeader(view, at + FRAME_HEADER) ?? end);
  }
  if (!isLast) return undefined;
  return end <= view.byteLength ? end : findHeader(view, at + FRAME_HEADER);
}

/**
 * Whether a frame may begin there: its time is before the year 2500, and its numbers are as small as in
 * frames.
 */
function isHeader(view: DataView, at: number): boolean {
  if (at + FRAME_HEADER > view.byteLength) return false;
  const word = (index: number) => view.getUint32(at + 4 * index, true);
  return word(1) < 4 && word(2) < 1e9 && (word(4) === 1 || word(4) === 2) && word(6) <= MAX_LENGTH &&
    (word(3) | word(5) | word(7)) === 0;
}

/** The next header that is unmistakable, because its time is after the year 2000. */
function findHeader(view: DataView, from: number): number | undefined {
  for (let at = from; at + FRAME_HEADER <= view.byteLength; at++) {
    if (isHeader(view, at) && view.getUint32(at, true) > 1e9) return at;
  }
  return undefined;
}
