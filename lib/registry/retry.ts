// When to ask again. These are the only timers of the program: what waits for a network has loaded far more
// already.

import { BrokenConnection, RegistryError } from "./failure.ts";

/** How often something is tried that comes to nothing each time. */
const TRIES = 6;
/** Milliseconds before the second try; twice as long before each later one. */
const FIRST_PAUSE = 250;
/** Seconds a registry may ask to wait for. */
const LONGEST_WAIT = 60;

/** Waits, or throws the signal's reason as soon as it is aborted. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}

/**
 * Milliseconds to wait before the next try after `failures` of them; undefined where `error` will be the same
 * then.
 */
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

/**
 * Does `work` again while that makes sense. What fails for good at the start (no such host) is not repeated.
 */
export async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let failures = 1;; failures++) {
    try {
      return await work();
    } catch (error) {
      if (error instanceof BrokenConnection && (error.definite || failures >= 3)) throw error;
      const milliseconds = pauseAfter(error, failures);
      if (milliseconds === undefined) throw error;
      await pause(milliseconds);
    }
  }
}
