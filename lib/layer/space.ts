// The file system's free space, looked at before and while something of unknown size is written.

import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { humanSize } from "../base/human.ts";

/** So much can be written between two looks. */
export const LOOK_EVERY = 32 << 20;
/** What stays free for others: a hundredth of the file system, but not more than this. */
const MOST_KEPT = 256 << 20;

/**
 * Throws Failure unless `bytes` can be written to the file system that `fd` is on, and some is left
 * after.
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

/** Counts what is written to the file system of `fd`, and calls requireSpace now and then. */
export function createSpaceGuard(fd: number): (written: number) => void {
  let since = 0;
  return (written) => {
    since += written;
    if (since < LOOK_EVERY) return;
    since = 0;
    requireSpace(fd, 0);
  };
}
