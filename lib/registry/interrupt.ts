// Interrupts during a transfer: what has been received is removed before the program ends.

import { Failure } from "../base/error.ts";

const SIGNALS: Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * Calls `work` with an AbortSignal that SIGINT, SIGTERM or SIGHUP aborts. Once `work` is over, such a signal
 * ends this process, as it would without us.
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

/** Never returns. To other processes it looks as if the signal had not been caught. */
function endBy(signal: Deno.Signal): Promise<never> {
  Deno.kill(Deno.pid, signal);
  return new Promise(() => {});
}
