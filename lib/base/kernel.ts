// The version of the running kernel.

import { Failure } from "./error.ts";

/** Whether the running kernel is at least major.minor. */
export function kernelAtLeast(major: number, minor: number): boolean {
  const [thisMajor, thisMinor] = Deno.osRelease().split(/[.-]/).map(Number);
  return thisMajor > major || (thisMajor === major && thisMinor >= minor);
}

/**
 * Throws Failure on kernels too old for containers: mount_setattr(2) is from 5.12. Without it, no mount could
 * be made private or read-only before others see it.
 */
export function requireKernel(): void {
  if (!kernelAtLeast(5, 12)) {
    throw new Failure(`Linux ${Deno.osRelease()} is too old to run containers: mydocker needs 5.12 or later`);
  }
}

/** Throws Failure unless this is root, which mounts, namespaces and other users' files require. */
export function requireRoot(): void {
  if (Deno.uid() !== 0) throw new Failure("this must be done as root; try: sudo mydocker …");
}
