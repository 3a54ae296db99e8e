// When to try again. Only these functions use timers; waiting for a network has loaded far more code already.

// @ts-types="../cli/std.d.ts"
import { delay } from "@std/async/delay";
import { BrokenConnection, RegistryError } from "./failure.ts";

/** The number of attempts in a row without progress. */
const TRIES = 6;
/** Milliseconds before the second attempt; the pause doubles each time. */
const FIRST_PAUSE = 250;
/** The longest wait, in seconds, that a registry may ask for. */
const LONGEST_WAIT = 60;

/** Milliseconds to wait after `failures` failed attempts; undefined where `error` would occur again. */
export function pauseAfter(error: unknown, failures: number): number | undefined {
  if (failures >= TRIES) return undefined;
  const growing = FIRST_PAUSE * 2 ** (failures - 1);
  if (error instanceof BrokenConnection) return growing;
  if (!(error instanceof RegistryError)) return undefined;
  if (error.retryAfter !== undefined && [429, 503].includes(error.status)) {
    return error.retryAfter <= LONGEST_WAIT ? Math.max(error.retryAfter * 1000, growing) : undefined;
  }
  return error.status >= 500 || error.status === 408 ? growing : undefined;
}

/** Repeats `work` as long as that may help. Definite failures (no such host) are not repeated. */
export async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let failures = 1;; failures++) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof BrokenConnection && (error.definite || failures >= 3)) throw error;
      const milliseconds = pauseAfter(error, failures);
      if (milliseconds === undefined) throw error;
      await delay(milliseconds);
    }
  }
}
