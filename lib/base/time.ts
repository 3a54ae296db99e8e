// Points in time as text.

import { now } from "../../ffi/clock.ts";
import type { Time } from "../../ffi/time.ts";

/** RFC 3339 in UTC with nine digits after the point; by default the present time. */
export function timestamp({ seconds, nanoseconds }: Time = now()): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(nanoseconds).padStart(9, "0")}Z`;
}

/** RFC 3339 in the caller's time zone (TZ, /etc/localtime), with nine digits; "Z" for UTC. */
export function localTimestamp({ seconds, nanoseconds }: Time): string {
  const offset = -new Date(seconds * 1000).getTimezoneOffset();
  const local = timestamp({ seconds: seconds + offset * 60, nanoseconds });
  if (offset === 0) return local;
  const minutes = Math.abs(offset);
  const digits = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return local.replace("Z", `${offset < 0 ? "-" : "+"}${digits(minutes / 60)}:${digits(minutes % 60)}`);
}
