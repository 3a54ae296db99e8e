// Paths inside a root directory that is not ours: its symlinks, absolute ones and "..", stay inside.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { read } from "../../ffi/file.ts";

/** Opens `path` as if `root` were "/"; throws KernelError. */
export function openInside(root: number, path: string, flags: number, mode = 0): number {
  return file.openat2(root, path, flags, mode, file.RESOLVE_IN_ROOT);
}

/** As openInside, but undefined where nothing is there. */
export function openInsideIfAny(root: number, path: string, flags: number): number | undefined {
  try {
    return openInside(root, path, flags);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

/** The text of a regular file inside `root`, at most 1 MiB of it; undefined where there is none. */
export function readInside(root: number, path: string): string | undefined {
  // Not blocking: the image may have a fifo there.
  const fd = openInsideIfAny(root, path, file.O_RDONLY | file.O_NONBLOCK | file.O_NOCTTY);
  if (fd === undefined) return undefined;
  try {
    if ((file.stat(fd, "").mode & file.S_IFMT) !== file.S_IFREG) return undefined;
    const buffer = new Uint8Array(1 << 20);
    let length = 0;
    for (let done; (done = read(fd, buffer.subarray(length))) > 0;) length += done;
    return new TextDecoder().decode(buffer.subarray(0, length));
  } finally {
    file.close(fd);
  }
}
