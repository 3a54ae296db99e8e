// Follows a container's log until the container has ended.

import { now } from "../../ffi/clock.ts";
import { close } from "../../ffi/file.ts";
import { changes, watchDirectory } from "../../ffi/inotify.ts";
import { type Frame, type LogPosition, readFrames } from "./frames.ts";
import { keeperLives } from "../container/state.ts";
import type { Container } from "../model/container.ts";
import type { Time } from "../../ffi/time.ts";

/** Milliseconds. */
const [FIRST_RECHECK, LAST_RECHECK] = [2, 500];

/**
 * Yields the frames from `position` on, which advances: existing ones, and those that are appended until the
 * container has ended and its restart policy does not start it again, or `isOver` returns true, or the time
 * is `until`. A frame is valid until the next one is asked for.
 */
export async function* followLog(
  { dir }: Container,
  position: LogPosition,
  until?: Time,
  isOver = () => !keeperLives(dir),
): AsyncGenerator<Frame> {
  // The watch comes first, so that no change is missed between reading and waiting.
  const watch = watchDirectory(dir);
  try {
    // The keeper's descriptor of `lock` is closed a moment before the lock is free.
    let recheck = Infinity;
    for (;;) {
      const left = until ? millisecondsTo(until) : Infinity;
      // Asked before reading: when a container has ended, everything it wrote is there.
      const isLast = left <= 0 || isOver();
      yield* readFrames(position);
      if (isLast) return;
      const changed = await changes(watch, Math.min(recheck, left));
      if (changed.has("lock") || changed.has("")) recheck = FIRST_RECHECK;
      else if (changed.size === 0) recheck = recheck < LAST_RECHECK ? recheck * 2 : Infinity;
    }
  } finally {
    close(watch);
  }
}

/** Milliseconds until the time; 0 or less once it has come. */
function millisecondsTo(moment: Time): number {
  const { seconds, nanoseconds } = now();
  return Math.ceil((moment.seconds - seconds) * 1000 + (moment.nanoseconds - nanoseconds) / 1e6);
}
