// Events as they are kept, in the root directory's files `events` and, before it, `events.1`.
//
//   frame: i64 seconds, i64 nanoseconds since 1970, u64 wait status ("die", "exec_die"; else 0), u64 length, then JSON;
//   little endian. The header is that of a log's frames, so that a keeper fills it in the same way.

import { now, type Time } from "../../ffi/clock.ts";

/** What happened, in docker's shape (Engine API, "Monitor events"), but for the time. */
export interface Event {
  Type: "container" | "image" | "network" | "volume";
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
}

/** An event as it was read. */
export interface StoredEvent extends Event {
  time: Time;
}

/** Bytes before the JSON. A keeper fills in the time at 0 (clock_gettime's struct) and the wait status at 16. */
export const FRAME_HEADER = 32;

/** How the JSON of every event begins: Type comes first. */
export const JSON_START = '{"Type":"';
/** What follows a container's name in its events: it is the last of the attributes. */
export const NAME_END = '"}}}';

/** The frames of events that happen now, one after another, with wait status 0: to be appended in one write. */
export function framesOf(events: Event[]): Uint8Array {
  const encoder = new TextEncoder();
  const texts = events.map(({ Type, Action, Actor }) =>
    encoder.encode(JSON.stringify({ Type, Action, Actor }))
  );
  const frames = new Uint8Array(texts.reduce((sum, { length }) => sum + FRAME_HEADER + length, 0));
  const view = new DataView(frames.buffer);
  const { seconds, nanoseconds } = now();
  let at = 0;
  for (const json of texts) {
    view.setBigInt64(at, BigInt(seconds), true);
    view.setBigInt64(at + 8, BigInt(nanoseconds), true);
    view.setBigUint64(at + 24, BigInt(json.length), true);
    frames.set(json, at + FRAME_HEADER);
    at += FRAME_HEADER + json.length;
  }
  return frames;
}

/** Where each of the frames begins. */
export function frameOffsets(frames: Uint8Array): number[] {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.length);
  const offsets: number[] = [];
  for (let at = 0; at < frames.length; at += FRAME_HEADER + view.getUint32(at + 24, true)) offsets.push(at);
  return offsets;
}
