// Which Linux this is.

import { Failure } from "./error.ts";

/** Whether the running kernel is at least major.minor. */
export function kernelAtLeast(major: number, minor: number): boolean {
  const [thisMajor, thisMinor] = Deno.osRelease().split(/[.-]/).map(Number);
  return thisMajor > major || (thisMajor === major && thisMinor >= minor);
}

/**
 * Throws Failure on kernels too old for containers: mount_setattr(2) is from 5.12, and before it there
 * was no way to make a mount private or read-only before others could see it.
 */
export function requireKernel(): void {
  if (!kernelAtLeast(5, 12)) {
    throw new Failure(`Linux ${Deno.osRelease()} is too old to run containers: mydocker needs 5.12 or later`);
  }
}

/** Throws Failure unless this is root: mounts, namespaces and other people's files need it. */
export function requireRoot(): void {
  if (Deno.uid() !== 0) throw new Failure("this must be done as root; try: sudo mydocker …");
}
