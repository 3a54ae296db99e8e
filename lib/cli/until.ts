// until= of --filter: only objects that were created before that time.

import { now } from "../../ffi/clock.ts";
import { Failure } from "../base/error.ts";
import type { Filters } from "./filter.ts";
import { parseWhen } from "../template/when.ts";

/** The time in milliseconds since 1970 before which objects must have been created; Infinity if not given. */
export function untilOf(filters: Filters): number {
  const [text, ...more] = filters.get("until") ?? [];
  if (text === undefined) return Infinity;
  if (more.length > 0) throw new Failure("more than one until filter specified");
  const { seconds, nanoseconds } = parseWhen(text, now());
  return seconds * 1000 + nanoseconds / 1e6;
}
