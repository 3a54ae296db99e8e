// Moments as text.

import { now, type Time } from "../../ffi/clock.ts";

/** RFC 3339, UTC, always with nine digits after the point; by default of now. */
export function timestamp({ seconds, nanoseconds }: Time = now()): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(nanoseconds).padStart(9, "0")}Z`;
}
