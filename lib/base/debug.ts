// --debug, or MYDOCKER_LOG=debug: each step of a command with the time it took, on stderr.

import { variable } from "./environment.ts";

let last = performance.now();
let shown: boolean | undefined;

/** Whether steps are shown. Asked for late: --debug is read after this is loaded. */
function debugging(): boolean {
  return shown ??= variable("MYDOCKER_LOG") === "debug";
}

/** Says that a step is done, and how long ago the one before it was. */
export function step(done: string): void {
  if (!debugging()) return;
  const now = performance.now();
  console.error(`mydocker: debug: ${(now - last).toFixed(2).padStart(8)} ms  ${done}`);
  last = now;
}
