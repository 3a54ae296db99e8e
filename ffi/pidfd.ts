// Processes by descriptor (pidfd_open(2)): one that stands for this process and never for the next one of that number.

import { KernelError } from "./errno.ts";
import { addressOf, raw } from "./libc.ts";
import { NR } from "./nr.ts";
import { callLater } from "./process.ts";

const ESRCH = 3;
const EINVAL = 22;
const POLLIN = 1;
const POLLFD_SIZE = 8;
const TIMESPEC_SIZE = 16;

/** A descriptor of the process `pid`, readable once it has ended; undefined where there is none. Throws KernelError. */
export function openPidfd(pid: number): number | undefined {
  const result = raw(NR.pidfd_open, pid, 0);
  if (result === -ESRCH || result === -EINVAL) return undefined;
  if (result < 0) throw new KernelError("pidfd_open", String(pid), -result);
  return result;
}

/** Sends a signal (pidfd_send_signal(2)); false where the process is gone. Throws KernelError. */
export function signalPidfd(pidfd: number, signal: number): boolean {
  const result = raw(NR.pidfd_send_signal, pidfd, signal, 0, 0);
  if (result < 0 && result !== -ESRCH) {
    throw new KernelError("pidfd_send_signal", `signal ${signal}`, -result);
  }
  return result === 0;
}

/**
 * Waits, while JavaScript goes on, until one of the descriptors can be read or has ended; false after so many
 * milliseconds (Infinity: never), or early where a signal came in between.
 */
export async function anyReadable(fds: number[], milliseconds = Infinity): Promise<boolean> {
  // struct timespec, struct pollfd[]: looked at afterwards, as the kernel uses them until then.
  const memory = new DataView(new ArrayBuffer(TIMESPEC_SIZE + POLLFD_SIZE * fds.length));
  const pollfd = (index: number) => TIMESPEC_SIZE + POLLFD_SIZE * index;
  fds.forEach((fd, index) => {
    memory.setInt32(pollfd(index), fd, true);
    memory.setInt16(pollfd(index) + 4, POLLIN, true);
  });
  const forever = milliseconds === Infinity;
  if (!forever) {
    memory.setBigInt64(0, BigInt(Math.floor(milliseconds / 1000)), true);
    memory.setBigInt64(8, BigInt(Math.floor(milliseconds % 1000 * 1e6)), true);
  }
  const address = addressOf(new Uint8Array(memory.buffer));
  const result = await callLater(NR.ppoll, address + pollfd(0), fds.length, forever ? 0 : address, 0, 8, 0);
  return result > 0 && fds.some((_, index) => memory.getInt16(pollfd(index) + 6, true) !== 0);
}
