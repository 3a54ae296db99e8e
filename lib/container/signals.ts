// Signals that this process gets and passes on.

import { endsProcess, PASSED_ON } from "../base/signals.ts";

/**
 * Calls `deliver` with the number of every signal this process gets from now on that can be passed on, or of
 * those in `only`. Not among them: those that stop a job (Ctrl-Z stops mydocker, as any program), SIGCHLD,
 * SIGPIPE and SIGURG, which docker keeps too, and real-time signals, which Deno does not know.
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

/** The first of the forwarded signals that would have ended this process; undefined where none came. */
export function askedToEnd(): number | undefined {
  return asked;
}
