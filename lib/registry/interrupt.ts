// An interrupt while something arrives: what there is of it goes before the program does.

import { Failure } from "../base/error.ts";

const SIGNALS: Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Does `work`, whose AbortSignal is aborted by an interrupt, a request to terminate, or the end of the
 * terminal. After that, and once `work` is over, they do what they always do: they end this process.
 */
export async function endingBySignals<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let received: Deno.Signal | undefined;
  const listeners = SIGNALS.map((signal) => () => {
    received ??= signal;
    controller.abort(new Failure(`ended by ${signal}`));
  });
  SIGNALS.forEach((signal, i) => Deno.addSignalListener(signal, listeners[i]));
  try {
    return await work(controller.signal);
  } finally {
    SIGNALS.forEach((signal, i) => Deno.removeSignalListener(signal, listeners[i]));
    if (received) await endBy(received);
  }
}

/** Never comes back: to others, too, it looks as if nobody had listened. */
function endBy(signal: Deno.Signal): Promise<never> {
  Deno.kill(Deno.pid, signal);
  return new Promise(() => {});
}
