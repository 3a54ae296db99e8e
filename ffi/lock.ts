// Locks on open file descriptions (F_OFD_SETLK, fcntl(2)): inherited by a child with the descriptor, gone
// with the last process that holds it. Unlike flock, one can be asked for without taking it, so asking
// disturbs nobody.

import {
  EACCES,
  EAGAIN,
  F_OFD_GETLK,
  F_OFD_SETLK,
  F_OFD_SETLKW,
  F_RDLCK,
  F_UNLCK,
  F_WRLCK,
} from "./constants.ts";
import { KernelError } from "./errno.ts";
import { raw, scratchAddress, scratchView } from "./libc.ts";
import { mortally } from "./mortal.ts";
import { NR } from "./nr.ts";

const TYPES = { shared: F_RDLCK, exclusive: F_WRLCK, none: F_UNLCK } as const;

/** Fills struct flock { short type, whence; off_t start, len; pid_t pid } for the whole file. */
function flock(type: number): number {
  scratchView.setInt16(0, type, true);
  scratchView.setInt16(2, 0, true);
  for (const at of [8, 16, 24]) scratchView.setBigInt64(at, 0n, true);
  return scratchAddress;
}

/**
 * Takes (or with "none" gives back) the lock of the open file `fd`, waiting as long as it takes, or until a
 * signal ends this process.
 */
export function lock(fd: number, type: keyof typeof TYPES): void {
  if (tryLock(fd, type)) return;
  const result = mortally(() => raw(NR.fcntl, fd, F_OFD_SETLKW, flock(TYPES[type])));
  if (result < 0) throw new KernelError("fcntl", "F_OFD_SETLKW", -result);
}

/**
 * Takes the lock if nobody holds one against it; false otherwise. `fd` must be open for writing for
 * "exclusive".
 */
export function tryLock(fd: number, type: keyof typeof TYPES): boolean {
  const result = raw(NR.fcntl, fd, F_OFD_SETLK, flock(TYPES[type]));
  if (result === -EAGAIN || result === -EACCES) return false;
  if (result < 0) throw new KernelError("fcntl", "F_OFD_SETLK", -result);
  return true;
}

const PAUSE = 1;

/** As lock, but gives up after so many milliseconds: false then. */
export function lockWithin(fd: number, type: keyof typeof TYPES, milliseconds: number): boolean {
  const patience = performance.now() + milliseconds;
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  return mortally(() => {
    while (!tryLock(fd, type)) {
      if (performance.now() > patience) return false;
      Atomics.wait(nobody, 0, 0, PAUSE);
    }
    return true;
  });
}

/** Whether anyone else holds a lock on the file; takes none itself. */
export function isLocked(fd: number): boolean {
  const result = raw(NR.fcntl, fd, F_OFD_GETLK, flock(TYPES.exclusive));
  if (result < 0) throw new KernelError("fcntl", "F_OFD_GETLK", -result);
  return scratchView.getInt16(0, true) !== TYPES.none;
}
