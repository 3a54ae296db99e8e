// Which Linux this is.

import { CommandError } from "../cli/error.ts";

/** Whether the running kernel is at least major.minor. */
export function kernelAtLeast(major: number, minor: number): boolean {
  const [thisMajor, thisMinor] = Deno.osRelease().split(/[.-]/).map(Number);
  return thisMajor > major || (thisMajor === major && thisMinor >= minor);
}

/**
 * Throws CommandError on kernels too old for containers: close_range(2) is from 5.9, and 5.10 is the oldest one after
 * it that is still maintained.
 */
export function requireKernel(): void {
  if (!kernelAtLeast(5, 10)) {
    throw new CommandError(
      `Linux ${Deno.osRelease()} is too old to run containers: mydocker needs 5.10 or later`,
    );
  }
}

/** Throws CommandError unless this is root: mounts, namespaces and other people's files need it. */
export function requireRoot(): void {
  if (Deno.uid() !== 0) throw new CommandError("this must be done as root; try: sudo mydocker …");
}
