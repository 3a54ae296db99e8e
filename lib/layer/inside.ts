// Paths inside a root directory that is not ours: an image's, or that of a container, whose programs may
// change what is there at any moment. Symlinks, absolute ones and "..", stay inside, and magic links
// (/proc/PID/root) lead nowhere.
//
// Opening can do things: wait for a fifo's other end, rewind a tape, talk to a driver that the container has
// no right to. So the host's side opens nothing in there but by these: first as a mere place (O_PATH), then
// looked at, and only a regular file, a directory, or exactly the device that is wanted, is opened for more,
// by that descriptor.

import { decodeName } from "../../ffi/bytes.ts";
import * as file from "../../ffi/file.ts";
import { read } from "../../ffi/file.ts";

const INSIDE = file.RESOLVE_IN_ROOT | file.RESOLVE_NO_MAGICLINKS;

/**
 * The place (O_PATH) that `path` leads to as if `root` were "/"; `flags` may be O_DIRECTORY and O_NOFOLLOW.
 * Throws KernelError.
 */
export function openInside(root: number, path: string, flags = 0): number {
  return file.openat2(root, path, flags | file.O_PATH, 0, INSIDE);
}

/** As openInside, but undefined where nothing is there. */
export function openInsideIfAny(root: number, path: string, flags = 0): number | undefined {
  return file.openat2IfAny(root, path, flags | file.O_PATH, INSIDE);
}

/** As openInside of a directory, but ELOOP or ENOTDIR where a symlink is on the way, or at its end. */
export function openWithoutLinks(root: number, path: string): number {
  const flags = file.O_PATH | file.O_DIRECTORY;
  return file.openat2(root, path, flags, 0, INSIDE | file.RESOLVE_NO_SYMLINKS);
}

/** A directory, to be read; no symlink at the path's end is followed. Undefined where there is none. */
export function openDirectoryInside(root: number, path: string): number | undefined {
  // With O_DIRECTORY nothing else is opened (open(2)).
  const flags = file.O_RDONLY | file.O_DIRECTORY | file.O_NOFOLLOW;
  return file.openat2IfAny(root, path, flags, INSIDE);
}

/**
 * A regular file, to be read; undefined where there is none. Nothing is waited for: EAGAIN where somebody
 * inside holds a lease on it. Throws KernelError.
 */
export function openFileInside(root: number, path: string): number | undefined {
  const flags = file.O_RDONLY | file.O_NONBLOCK;
  return openAs(root, path, flags, ({ mode }) => (mode & file.S_IFMT) === file.S_IFREG);
}

/**
 * The character device of these numbers, to be read and written; undefined where there is none. Throws
 * KernelError.
 */
export function openDeviceInside(
  root: number,
  path: string,
  { major, minor }: { major: number; minor: number },
): number | undefined {
  return openAs(
    ...[root, path, file.O_RDWR | file.O_NOCTTY] as const,
    ({ mode, rdevMajor, rdevMinor }) =>
      (mode & file.S_IFMT) === file.S_IFCHR && rdevMajor === major && rdevMinor === minor,
  );
}

function openAs(
  root: number,
  path: string,
  flags: number,
  isWanted: (stat: file.Stat) => boolean,
): number | undefined {
  const place = openInsideIfAny(root, path);
  if (place === undefined) return undefined;
  try {
    return isWanted(file.stat(place, "")) ? file.reopen(place, flags) : undefined;
  } finally {
    file.close(place);
  }
}

/**
 * The text of a regular file inside `root`, at most `limit` bytes of it, and no more than its size says;
 * undefined where there is none. Files of procfs and tracefs are regular ones of no size: to read them can
 * take what is the host's, or wait until there is something (/proc/kmsg). Throws KernelError.
 */
export function readInside(root: number, path: string, limit: number): string | undefined {
  const fd = openFileInside(root, path);
  if (fd === undefined) return undefined;
  try {
    return decodeName(readUpTo(fd, Math.min(limit, file.stat(fd, "").size)));
  } finally {
    file.close(fd);
  }
}

/** From the file position to the end, but no more than `limit` bytes. */
function readUpTo(fd: number, limit: number): Uint8Array {
  const buffer = new Uint8Array(limit);
  for (let length = 0;;) {
    const done = length < limit ? read(fd, buffer.subarray(length)) : 0;
    if (done === 0) return buffer.subarray(0, length);
    length += done;
  }
}
