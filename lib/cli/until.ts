// until= of --filter: only what was made before.

import { now } from "../../ffi/clock.ts";
import { Failure } from "../base/error.ts";
import type { Filters } from "./filter.ts";
import { parseWhen } from "../template/when.ts";

/** Milliseconds since 1970 before which something must have been made; Infinity where nobody says so. */
export function untilOf(filters: Filters): number {
  const [text, ...more] = filters.get("until") ?? [];
  if (text === undefined) return Infinity;
  if (more.length > 0) throw new Failure("more than one until filter specified");
  const { seconds, nanoseconds } = parseWhen(text, now());
  return seconds * 1000 + nanoseconds / 1e6;
}
