// Waiting for the end of a process.

import { anyReadable } from "../../ffi/process.ts";

/** Waits until the process has ended; false if it has not after so many milliseconds. */
export async function hasEnded(pidfd: number, milliseconds = Infinity): Promise<boolean> {
  const until = performance.now() + milliseconds;
  for (let left = milliseconds; left >= 0; left = until - performance.now()) {
    if (await anyReadable([pidfd], left)) return true;
  }
  return await anyReadable([pidfd], 0);
}
