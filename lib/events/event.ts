// Events as they are kept, in the root directory's files `events` and, before it, `events.1`.
//
//   frame: i64 seconds, i64 nanoseconds since 1970, u64 wait status ("die", "exec_die"; else 0), u64 length, then JSON;
//   little endian. The header is that of a log's frames, so that a keeper fills it in the same way.

import { now, type Time } from "../../ffi/clock.ts";

/** What happened, in docker's shape (Engine API, "Monitor events"), but for the time. */
export interface Event {
  Type: "container" | "image" | "volume";
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

/** The frame of an event that happens now, with wait status 0, to be appended to `events` in one write. */
export function frameOf({ Type, Action, Actor }: Event): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify({ Type, Action, Actor }));
  const frame = new Uint8Array(FRAME_HEADER + json.length);
  const view = new DataView(frame.buffer);
  const { seconds, nanoseconds } = now();
  view.setBigInt64(0, BigInt(seconds), true);
  view.setBigInt64(8, BigInt(nanoseconds), true);
  view.setBigUint64(24, BigInt(json.length), true);
  frame.set(json, FRAME_HEADER);
  return frame;
}
