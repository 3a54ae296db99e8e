// How long to wait for another machine.

import { Failure } from "../base/error.ts";
import { BrokenConnection, connectionFailure } from "./failure.ts";

const DEFAULT_PATIENCE = 20;

/** Seconds without a byte after which a connection counts as broken. */
function patience(): number {
  const text = Deno.env.get("MYDOCKER_PULL_TIMEOUT");
  if (!text) return DEFAULT_PATIENCE;
  const seconds = Number(text);
  if (!(seconds > 0)) {
    throw new Failure(`MYDOCKER_PULL_TIMEOUT=${text}: it must be a number of seconds`);
  }
  return seconds;
}

export type StallGuard = ReturnType<typeof createStallGuard>;

/**
 * An AbortController that `signal` aborts too, and a way to wait for something that aborts it when that takes
 * too long.
 */
export function createStallGuard(url: string, signal?: AbortSignal) {
  const controller = new AbortController();
  const abort = () => controller.abort(signal!.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const seconds = patience();
  return {
    signal: controller.signal,
    /** The longest wait. */
    seconds,
    /** `first`: nothing has come from there yet, so no attempt is made again at once. */
    async wait<T>(work: Promise<T>, first = false): Promise<T> {
      const timer = setTimeout(() => {
        controller.abort(new BrokenConnection(`Get "${url}": nothing came for ${seconds} seconds`, first));
      }, seconds * 1000);
      try {
        return await work;
      } catch (error) {
        throw controller.signal.aborted ? controller.signal.reason : connectionFailure(error, url);
      } finally {
        clearTimeout(timer);
      }
    },
    /** Must always be called. */
    end: () => signal?.removeEventListener("abort", abort),
  };
}
