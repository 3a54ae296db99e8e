// Going along with a container's log until the container has ended.

import { now, type Time } from "../../ffi/clock.ts";
import { close } from "../../ffi/file.ts";
import { changes, watchDirectory } from "../../ffi/inotify.ts";
import { type Frame, type LogPosition, readFrames } from "./frames.ts";
import { keeperLives } from "../container/state.ts";
import type { Container } from "../model/container.ts";

/** Milliseconds. */
const [FIRST_RECHECK, LAST_RECHECK] = [2, 500];

/**
 * The frames from `position` on, which goes along: those that are there, and those that are appended until
 * the container has ended and will not be started again by its restart policy, or `isOver` for another
 * reason, or until the moment `until`. A frame is good until the next is asked for.
 */
export async function* followLog(
  { dir }: Container,
  position: LogPosition,
  until?: Time,
  isOver = () => !keeperLives(dir),
): AsyncGenerator<Frame> {
  // First of all, so that nothing happens unseen between looking and waiting.
  const watch = watchDirectory(dir);
  try {
    // A keeper's descriptor of `lock` is closed a moment before the lock is free.
    let recheck = Infinity;
    for (;;) {
      const left = until ? millisecondsTo(until) : Infinity;
      // Asked before reading: what a container wrote is there when it has ended.
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

/** 0 or less once the moment has come. */
function millisecondsTo(moment: Time): number {
  const { seconds, nanoseconds } = now();
  return Math.ceil((moment.seconds - seconds) * 1000 + (moment.nanoseconds - nanoseconds) / 1e6);
}
