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
 * A controller that `signal` aborts, and a way to wait for something that is aborted with it when it takes
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
    /** How long a wait may be. */
    seconds,
    /** `first`: nothing has come from there yet, so it is not asked again at once. */
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
    /** To be called always. */
    end: () => signal?.removeEventListener("abort", abort),
  };
}
