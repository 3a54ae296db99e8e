// The time, as exact as the kernel has it.

import { KernelError } from "./errno.ts";
import { raw, scratchAddress, scratchView } from "./libc.ts";
import { NR } from "./nr.ts";
import type { Time } from "./time.ts";

/** Now (CLOCK_REALTIME, clock_gettime(2)). */
export function now(): Time {
  const result = raw(NR.clock_gettime, 0, scratchAddress);
  if (result < 0) throw new KernelError("clock_gettime", "", -result);
  return {
    seconds: Number(scratchView.getBigInt64(0, true)),
    nanoseconds: Number(scratchView.getBigInt64(8, true)),
  };
}
