// Reading what may be a pipe, whose writer may take its time, or not be there.

import { EAGAIN, EINTR, POLLIN } from "./constants.ts";
import { KernelError } from "./errno.ts";
import { close } from "./file.ts";
import { addressOf, raw } from "./libc.ts";
import { mortally } from "./mortal.ts";
import { NR } from "./nr.ts";
import { pipe } from "./process.ts";

const SPLICE_F_NONBLOCK = 2;
const CHUNK = 1 << 16;

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
export function readUpTo(fd: number, limit: number): Uint8Array {
  let buffer = new Uint8Array(Math.min(CHUNK, limit));
  for (let length = 0;;) {
    const room = buffer.subarray(length);
    const result = mortally(() => raw(NR.read, fd, addressOf(room), room.length));
    if (result === -EAGAIN) awaitReadable(fd);
    else if (result < 0 && result !== -EINTR) throw new KernelError("read", `descriptor ${fd}`, -result);
    if (result === 0) return buffer.subarray(0, length);
    if (result > 0) length += result;
    if (length === limit) return buffer;
    if (length === buffer.length) buffer = grown(buffer, Math.min(2 * length, limit));
  }
}

function grown(buffer: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(length);
  longer.set(buffer);
  return longer;
}
