// Reading what may be a pipe, whose writer may take its time, or not be there.

import { EAGAIN, EINTR, POLLIN } from "./constants.ts";
import { KernelError } from "./errno.ts";
import { close, readUpTo } from "./file.ts";
import { addressOf, raw } from "./libc.ts";
import { mortally } from "./mortal.ts";
import { NR } from "./nr.ts";
import { pipe } from "./process.ts";

const SPLICE_F_NONBLOCK = 2;

/**
 * Whether anybody has the pipe open for writing, or has left something in it. tee(2) copies a byte without
 * taking it, and says EAGAIN only where one may still come.
 */
export function hasWriter(fd: number): boolean {
  const [reader, writer] = pipe();
  try {
    return raw(NR.tee, fd, writer, 1, SPLICE_F_NONBLOCK) !== 0;
  } finally {
    close(reader);
    close(writer);
  }
}

/** Waits until there is something to read, or nobody writes any more; signals end this process meanwhile. */
export function awaitReadable(fd: number): void {
  const pollfd = new Uint8Array(new Int32Array([fd, POLLIN]).buffer);
  mortally(() => raw(NR.ppoll, addressOf(pollfd), 1, 0, 0, 8));
}

/**
 * What can be read from `fd` until its end, or `limit` bytes of it, whichever comes first. Throws
 * KernelError.
 */
export function readPipe(fd: number, limit: number): Uint8Array {
  return readUpTo(fd, limit, readPatiently);
}

function readPatiently(fd: number, address: number, length: number): number {
  for (;;) {
    const result = mortally(() => raw(NR.read, fd, address, length));
    if (result >= 0) return result;
    if (result === -EAGAIN) awaitReadable(fd);
    else if (result !== -EINTR) throw new KernelError("read", `descriptor ${fd}`, -result);
  }
}
