// Watching the signals of a process (ptrace(2)).

import { ESRCH, SIGKILL, SIGTRAP } from "./constants.ts";
import { KernelError } from "./errno.ts";
import { raw, scratchAddress, scratchView } from "./libc.ts";
import { NR } from "./nr.ts";
import { kill, pause } from "./process.ts";

const PTRACE_CONT = 7;
const PTRACE_SEIZE = 0x4206;
const PTRACE_LISTEN = 0x4208;
const PTRACE_EVENT_STOP = 128;
const WNOHANG = 1;
const WALL = 0x40000000;
const POLL_MILLISECONDS = 10;

/**
 * Kills a process that is traced from here. Its end is told to its tracer first, and to its parent only then.
 */
export function killTraced(pid: number): void {
  kill(pid, SIGKILL);
  while (raw(NR.wait4, pid, scratchAddress, WALL, 0) > 0 && (scratchView.getInt32(0, true) & 0xff) === 0x7f);
}

/**
 * Goes along with a process until it gets `signal` and `wanted` says so, and leaves it stopped there: true.
 * False once it has ended. A tracer sees signals that the kernel drops otherwise, as those that PID 1 has no
 * handler for.
 */
export async function untilSignal(pid: number, signal: number, wanted: () => boolean): Promise<boolean> {
  const seized = raw(NR.ptrace, PTRACE_SEIZE, pid, 0, 0);
  if (seized === -ESRCH) return false;
  if (seized < 0) throw new KernelError("ptrace", `PTRACE_SEIZE ${pid}`, -seized);
  for (;;) {
    const result = raw(NR.wait4, pid, scratchAddress, WNOHANG | WALL, 0);
    if (result < 0) return false;
    if (result === 0) {
      await pause(POLL_MILLISECONDS);
      continue;
    }
    const status = scratchView.getInt32(0, true);
    if ((status & 0xff) !== 0x7f) return false;
    const stopSignal = (status >> 8) & 0xff;
    const stopped = status >> 16 === PTRACE_EVENT_STOP;
    if (!stopped && stopSignal === signal && wanted()) return true;
    // Stopped as a job is: so it stays, until SIGCONT.
    if (stopped && stopSignal !== SIGTRAP) raw(NR.ptrace, PTRACE_LISTEN, pid, 0, 0);
    else raw(NR.ptrace, PTRACE_CONT, pid, 0, stopped ? 0 : stopSignal);
  }
}
