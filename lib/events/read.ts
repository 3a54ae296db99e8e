// Reads events: existing ones, and then new ones.

import * as file from "../../ffi/file.ts";
import { warn } from "../base/notice.ts";
import { exitCode } from "../keeper/report.ts";
import { rootFd, rootPath } from "../store/root.ts";
import { EVENTS, OLDER_EVENTS } from "./append.ts";
import { type Event, JSON_START, type StoredEvent } from "./event.ts";
import { FRAME_HEADER } from "../base/frames.ts";
import type { Time } from "../../ffi/time.ts";

/** A file of events that is being read. */
interface Source {
  fd: number;
  inode: bigint;
  /** Bytes that were read and are not complete yet. */
  rest: Uint8Array;
}

/** The files opened by newEvents, for its next call; empty at first. */
export type Sources = Source[];

/**
 * Yields the events that were appended since the last call with these sources; on the first call, all events.
 * Files not written since `since` are skipped. An incomplete frame is left for the next call; damaged bytes
 * between events are reported on stderr, once. A file that was rotated away is read as long as it has a name,
 * since a process that opened it before may still append to it.
 */
export function* newEvents(sources: Sources, since: Time): Generator<StoredEvent> {
  sources.push(...openUnknown(sources, since));
  for (const source of sources) yield* drain(source);
  for (const gone of sources.filter(({ fd }) => file.stat(fd, "").links === 0)) {
    sources.splice(sources.indexOf(gone), 1);
    file.close(gone.fd);
  }
}

/** The newest file is opened first. If it is rotated meanwhile, it occurs twice and no file is missed. */
function openUnknown(sources: Sources, since: Time): Source[] {
  const found: Source[] = [];
  for (const name of [EVENTS, OLDER_EVENTS]) {
    const fd = file.openIfAny(rootFd(), name, file.O_RDONLY);
    if (fd === undefined) continue;
    const { inode, modified, size } = file.stat(fd, "");
    if ([...sources, ...found].some((known) => known.inode === inode)) {
      file.close(fd);
      continue;
    }
    // The file system's clock is some milliseconds behind.
    if (modified.seconds + 1 < since.seconds) file.lseek(fd, size, file.SEEK_SET);
    found.unshift({ fd, inode, rest: new Uint8Array() });
  }
  return found;
}

const buffer = new Uint8Array(1 << 18);

function* drain(source: Source): Generator<StoredEvent> {
  let damaged = 0;
  for (let length; (length = file.read(source.fd, buffer)) > 0;) {
    const decoded = decodeEvents(joined(source.rest, buffer.subarray(0, length)));
    source.rest = decoded.rest;
    damaged += decoded.damaged;
    yield* decoded.events;
  }
  if (damaged > 0) {
    warn(`${damaged} bytes of ${rootPath()}/${EVENTS} are no events: left out`);
  }
}

interface Decoded {
  events: StoredEvent[];
  /** The bytes after the last event: none, or the beginning of one. */
  rest: Uint8Array;
  /** The number of bytes before and between events that are not part of any. */
  damaged: number;
}

/** All events in the bytes. A frame that was cut off by a full disk or a crash is the only one lost. */
function decodeEvents(bytes: Uint8Array): Decoded {
  const events: StoredEvent[] = [];
  let damaged = 0;
  for (let at = 0;;) {
    const length = frameLength(bytes, at);
    const event = length === undefined ? undefined : decodeFrame(bytes.subarray(at, at + length));
    if (event) events.push(event);
    const next = event ? at + length! : nextHeader(bytes, at + 1);
    if (next === undefined) return { events, rest: bytes.slice(at), damaged };
    if (!event) damaged += next - at;
    at = next;
  }
}

/** The length of the frame at `at` with its header; undefined if none begins there or it is incomplete. */
function frameLength(bytes: Uint8Array, at: number): number | undefined {
  if (!isHeader(bytes, at)) return undefined;
  const length = FRAME_HEADER + Number(viewOf(bytes).getBigUint64(at + 24, true));
  return at + length > bytes.length ? undefined : length;
}

const START = new TextEncoder().encode(JSON_START);

/**
 * Whether a frame begins at `at`. A header has many zero bytes and JSON has none, so no header can be within
 * another frame.
 */
function isHeader(bytes: Uint8Array, at: number): boolean {
  if (at + FRAME_HEADER + START.length > bytes.length) return false;
  if (!START.every((byte, index) => bytes[at + FRAME_HEADER + index] === byte)) return false;
  const view = viewOf(bytes);
  return view.getBigUint64(at + 8, true) < 1_000_000_000n && view.getBigUint64(at + 16, true) < 0x10000n &&
    view.getUint32(at + 4, true) < 0x100 && view.getUint32(at + 28, true) === 0;
}

function nextHeader(bytes: Uint8Array, from: number): number | undefined {
  for (let brace = from + FRAME_HEADER; (brace = bytes.indexOf(START[0], brace)) >= 0; brace++) {
    if (isHeader(bytes, brace - FRAME_HEADER)) return brace - FRAME_HEADER;
  }
  return undefined;
}

/** Undefined where the frame's content is no event, because it was cut off and another one begins in it. */
function decodeFrame(frame: Uint8Array): StoredEvent | undefined {
  const view = viewOf(frame);
  const time = { seconds: Number(view.getBigInt64(0, true)), nanoseconds: Number(view.getBigInt64(8, true)) };
  try {
    const event: Event = JSON.parse(new TextDecoder().decode(frame.subarray(FRAME_HEADER)));
    if (!event.Actor?.Attributes) return undefined;
    if (event.Action === "die" || event.Action === "exec_die") {
      // The keeper writes the wait status after the JSON was made.
      event.Actor.Attributes.exitCode ??= String(exitCode(Number(view.getBigUint64(16, true))));
    }
    return { ...event, time };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function joined(before: Uint8Array, after: Uint8Array): Uint8Array {
  if (before.length === 0) return after;
  const whole = new Uint8Array(before.length + after.length);
  whole.set(before);
  whole.set(after, before.length);
  return whole;
}
