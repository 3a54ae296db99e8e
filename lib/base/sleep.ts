import { mortally } from "../../ffi/mortal.ts";

/** Waits without an event loop, whose timers cost 6 ms to load. A signal can still end this process. */
export function sleep(milliseconds: number): void {
  mortally(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds));
}
