// Waits that block the thread JavaScript runs on, where listeners for signals are never called.

import { SIG_DFL, SIG_IGN, SIGHUP, SIGINT, SIGQUIT, SIGTERM } from "./constants.ts";
import { raw, scratch, scratchAddress, scratchView } from "./libc.ts";
import { NR } from "./nr.ts";

/**
 * struct sigaction as the kernel has it: handler, flags, restorer, and a mask of as many bytes as the last
 * argument says.
 */
const [SIZE, MASK_SIZE] = [32, 8];

/**
 * Does `work`, a wait; whoever asks this process to end meanwhile is obeyed by the kernel, whatever
 * JavaScript listens for. Nothing is cleaned up then: as after any other death, the next command does that.
 */
export function mortally<T>(work: () => T): T {
  const listened: [signal: number, action: Uint8Array][] = [];
  for (const signal of [SIGHUP, SIGINT, SIGQUIT, SIGTERM]) {
    raw(NR.rt_sigaction, signal, 0, scratchAddress, MASK_SIZE);
    const handler = scratchView.getBigUint64(0, true);
    if (handler === BigInt(SIG_DFL) || handler === BigInt(SIG_IGN)) continue;
    listened.push([signal, scratch.slice(0, SIZE)]);
    setAction(signal, new Uint8Array(SIZE));
  }
  try {
    return work();
  } finally {
    for (const [signal, action] of listened) setAction(signal, action);
  }
}

function setAction(signal: number, action: Uint8Array): void {
  scratch.set(action);
  raw(NR.rt_sigaction, signal, scratchAddress, 0, MASK_SIZE);
}
