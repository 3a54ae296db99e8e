// Processes: starting one that runs a kernel program, signalling, and the pipe it reports on.

import { EAGAIN, EINVAL, ESRCH, F_SETFD, F_SETPIPE_SZ, POLLIN } from "./constants.ts";
import { KernelError } from "./errno.ts";
import { addressOf, posixSpawn, raw, rawLater, scratchAddress, scratchView } from "./libc.ts";
import { executable } from "./elf.ts";
import { close, O_CLOEXEC } from "./file.ts";
import { encodeName } from "./bytes.ts";
import { NR } from "./nr.ts";
import type { Assembled } from "./program.ts";

/** A pipe, close-on-exec: [read end, write end]. */
export function pipe(): [number, number] {
  const result = raw(NR.pipe2, scratchAddress, O_CLOEXEC);
  if (result < 0) throw new KernelError("pipe2", "", -result);
  return [scratchView.getInt32(0, true), scratchView.getInt32(4, true)];
}

/** Sends a signal; false where the process is gone. */
export function kill(pid: number, signal: number): boolean {
  const result = raw(NR.kill, pid, signal);
  if (result < 0 && result !== -ESRCH) throw new KernelError("kill", `${pid} with signal ${signal}`, -result);
  return result === 0;
}

/**
 * A descriptor of a process, close-on-exec (pidfd_open(2)); undefined where there is no such process. While a
 * process that has ended still gives its number to a process group or a session, older kernels (6.1 does) say
 * EINVAL: the number is in use, but not for a process.
 */
export function openPidfd(pid: number): number | undefined {
  const result = raw(NR.pidfd_open, pid, 0);
  if (result === -ESRCH || result === -EINVAL) return undefined;
  if (result < 0) throw new KernelError("pidfd_open", String(pid), -result);
  return result;
}

/** Sends a signal to the process of a pidfd (pidfd_send_signal(2)); false where it is gone. */
export function signalPidfd(pidfd: number, signal: number): boolean {
  const result = raw(NR.pidfd_send_signal, pidfd, signal, 0, 0);
  if (result < 0 && result !== -ESRCH) {
    throw new KernelError("pidfd_send_signal", `signal ${signal}`, -result);
  }
  return result === 0;
}

/** A duplicate, here, of what another process has open as `fd` (pidfd_getfd(2)). */
export function fetchDescriptor(pid: number, fd: number): number {
  const pidfd = openPidfd(pid);
  if (pidfd === undefined) throw new KernelError("pidfd_open", String(pid), ESRCH);
  const result = raw(NR.pidfd_getfd, pidfd, fd, 0);
  close(pidfd);
  if (result < 0) throw new KernelError("pidfd_getfd", `${fd} of process ${pid}`, -result);
  return result;
}

/** Kills a child of this process and waits until it is gone. */
export function endHelper(pid: number): void {
  kill(pid, 9);
  raw(NR.wait4, pid, 0, 0, 0);
}

/** Waits while JavaScript goes on. Deno's own timers take 6 ms to load. */
export async function pause(milliseconds: number): Promise<void> {
  await anyReadable([], milliseconds);
}

/** Waits until a descriptor can be read, and nothing else goes on: false after so many milliseconds. */
export function readableWithin(fd: number, milliseconds: number): boolean {
  const pollfd = new Uint8Array(new Int32Array([fd, POLLIN]).buffer);
  const time = new BigInt64Array([
    BigInt(Math.floor(milliseconds / 1000)),
    BigInt(milliseconds % 1000 * 1e6),
  ]);
  return raw(NR.ppoll, addressOf(pollfd), 1, addressOf(new Uint8Array(time.buffer)), 0, 8) > 0;
}

/**
 * Waits, while JavaScript goes on, until a descriptor can be read: false after so many ms, or after a signal.
 */
export function readable(fd: number, milliseconds: number): Promise<boolean> {
  return anyReadable([fd], milliseconds);
}

const POLLFD_SIZE = 8;
const TIMESPEC_SIZE = 16;

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
  const result = await rawLater(NR.ppoll, address + pollfd(0), fds.length, forever ? 0 : address, 0, 8);
  return result > 0 && fds.some((_, index) => memory.getInt16(pollfd(index) + 6, true) !== 0);
}

/** Reads from a descriptor while JavaScript goes on; 0 at the end. Throws KernelError. */
export async function readLater(fd: number, buffer: Uint8Array): Promise<number> {
  const pollfd = new Uint8Array(new Int32Array([fd, POLLIN]).buffer);
  for (;;) {
    // A signal may land on that very thread: then nothing is there to read yet, and a read would block this
    // one.
    if (await rawLater(NR.ppoll, addressOf(pollfd), 1, 0, 0, 8) <= 0) continue;
    const result = raw(NR.read, fd, addressOf(buffer), buffer.length);
    if (result >= 0) return result;
    if (result !== -EAGAIN) throw new KernelError("read", `descriptor ${fd}`, -result);
  }
}

/** Writes all of `buffer` while JavaScript goes on; false where nobody reads any more. */
export async function writeLater(fd: number, buffer: Uint8Array): Promise<boolean> {
  for (let done = 0; done < buffer.length;) {
    const rest = buffer.subarray(done);
    const result = await rawLater(NR.write, fd, addressOf(rest), rest.length);
    if (result < 0) return false;
    done += result;
  }
  return true;
}

/**
 * Moves at most `length` bytes from a pipe to a pipe without reading them (splice(2)), and waits for some and
 * for room, while JavaScript goes on. 0 at the end; -1 where it failed, and why stays on another thread.
 */
export function moveLater(from: number, to: number, length: number): Promise<number> {
  return rawLater(NR.splice, from, 0, to, 0, length, 0);
}

/** Asks for room for so many bytes in a pipe; it stays as it is where the kernel refuses. */
export function resizePipe(fd: number, size: number): void {
  raw(NR.fcntl, fd, F_SETPIPE_SZ, size);
}

/**
 * posix_spawnattr_t as glibc's <spawn.h> has it: short flags, pid_t group, sigset_t defaults (at 8), sigset_t
 * mask (at 136), and fields that are not used here; then room for the new process's ID.
 */
const SPAWN = { flags: 0, defaults: 8, mask: 136, end: 264, pid: 336, size: 344 };
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;

/**
 * Starts a process that runs `program`, in a session of its own, all signals blocked and at their defaults.
 * It has the descriptors of `fds` under the same numbers (0 to 2 in any case) and an empty environment.
 * glibc's posix_spawn shares this process's memory until the exec (clone(2) with CLONE_VM and CLONE_VFORK),
 * so its size costs nothing.
 */
export function spawn(program: Assembled, title: string, fds: number[]): number {
  const image = executable(program);
  const memory = new Uint8Array(SPAWN.size).fill(0xff, SPAWN.defaults, SPAWN.end);
  const view = new DataView(memory.buffer);
  view.setUint16(SPAWN.flags, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID, true);
  const base = addressOf(memory);
  const path = encodeName(`/proc/self/fd/${image}\0`);
  const name = encodeName(`${title}\0`);
  const vector = new BigUint64Array([BigInt(addressOf(name)), 0n]);
  const argv = addressOf(new Uint8Array(vector.buffer));
  // Nothing else starts processes here, so that descriptors can be inheritable for this one moment.
  for (const fd of fds) setCloseOnExec(fd, false);
  const result = posixSpawn(base + SPAWN.pid, addressOf(path), 0, base, argv, argv + 8);
  for (const fd of fds) setCloseOnExec(fd, true);
  close(image);
  if (result !== 0) throw new KernelError("posix_spawn", title, result);
  return view.getInt32(SPAWN.pid, true);
}

function setCloseOnExec(fd: number, on: boolean): void {
  const result = raw(NR.fcntl, fd, F_SETFD, on ? 1 : 0);
  if (result < 0) throw new KernelError("fcntl", `F_SETFD of descriptor ${fd}`, -result);
}
