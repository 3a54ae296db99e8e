// Passes signals of this process on.

import { endsProcess, PASSED_ON } from "../base/signals.ts";

/**
 * Calls `deliver` with the number of every signal that this process receives from now on and that can be
 * passed on, or of those in `only`. Signals that stop a job are left out (Ctrl-Z stops mydocker, as any
 * program); so are SIGCHLD, SIGPIPE and SIGURG, as in docker, and real-time signals, which Deno does not
 * support.
 */
export function forwardSignals(only: Deno.Signal[] | undefined, deliver: (signal: number) => void): void {
  for (const [name, number] of PASSED_ON) {
    if (only && !only.includes(name)) continue;
    Deno.addSignalListener(name, () => {
      if (endsProcess(number)) asked ??= number;
      deliver(number);
    });
  }
}

let asked: number | undefined;

/** The first forwarded signal that would have ended this process; undefined where none came. */
export function askedToEnd(): number | undefined {
  return asked;
}
