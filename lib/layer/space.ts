// Checks the file system's free space before and while something of unknown size is written.

import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { humanSize } from "../base/human.ts";

/** Bytes that may be written between two checks. */
export const LOOK_EVERY = 32 << 20;
/** The upper bound of what stays free for others, which is a hundredth of the file system. */
const MOST_KEPT = 256 << 20;

/**
 * Throws Failure unless `bytes` can be written to the file system of `fd` and some space is left after
 * that.
 */
export function requireSpace(fd: number, bytes: number): void {
  const { free, total } = file.space(fd);
  const kept = Math.min(total / 100, MOST_KEPT);
  if (free - bytes >= kept) return;
  const wanted = bytes > 0 ? `${humanSize(bytes)} are needed and ` : "";
  throw new Failure(
    `no space left on device: ${wanted}${humanSize(free)} are free, of which ${humanSize(kept)} are kept`,
  );
}

/** Counts what is written to the file system of `fd`, and calls requireSpace from time to time. */
export function createSpaceGuard(fd: number): (written: number) => void {
  let since = 0;
  return (written) => {
    since += written;
    if (since < LOOK_EVERY) return;
    since = 0;
    requireSpace(fd, 0);
  };
}
