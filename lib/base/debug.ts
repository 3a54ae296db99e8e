// --debug, or MYDOCKER_LOG=debug: prints each step of a command with its duration on stderr.

import { variable } from "./environment.ts";

let last = performance.now();
let shown: boolean | undefined;

/** Whether steps are shown. Determined late, because --debug is parsed after this module is loaded. */
function debugging(): boolean {
  return shown ??= variable("MYDOCKER_LOG") === "debug";
}

/** Reports a step as done, with the time since the step before. */
export function step(done: string): void {
  if (!debugging()) return;
  const now = performance.now();
  console.error(`mydocker: debug: ${(now - last).toFixed(2).padStart(8)} ms  ${done}`);
  last = now;
}
