// Events as they are stored in the root directory's files `events` and `events.1`, which has the older ones.
//
// A frame (base/frames.ts) holds JSON. Its third number is the wait status of "die" and "exec_die", and 0 for
// others.

import { now } from "../../ffi/clock.ts";
import { FRAME_HEADER } from "../base/frames.ts";
import type { Time } from "../../ffi/time.ts";

/** An event in docker's shape (Engine API, "Monitor events"), without the time. */
export interface Event {
  Type: "container" | "image" | "network" | "volume";
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
}

/** An event that was read. */
export interface StoredEvent extends Event {
  time: Time;
}

/** The beginning of every event's JSON: Type comes first. */
export const JSON_START = '{"Type":"';

/** The frames of events that happen now, with wait status 0, to be appended in one write. */
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
