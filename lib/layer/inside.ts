// Opens paths inside a root directory that others control: an image's, or a container's, whose programs may
// change it at any moment. Symlinks (absolute ones too) and ".." stay inside, and magic links
// (/proc/PID/root) are not followed.
//
// Opening a file can have effects: it may wait for a fifo's other end, rewind a tape, or talk to a driver
// that the container has no right to. So the host's side opens files in there only by these functions. They
// open a path as a mere place first (O_PATH) and check its type. Only a regular file, a directory, or exactly
// the wanted device is then opened for more, by that descriptor.

import { decodeName } from "../../ffi/bytes.ts";
import * as file from "../../ffi/file.ts";

const INSIDE = file.RESOLVE_IN_ROOT | file.RESOLVE_NO_MAGICLINKS;

/**
 * The place (O_PATH) that `path` leads to as if `root` were "/". `flags` may be O_DIRECTORY and O_NOFOLLOW.
 * Throws KernelError.
 */
export function openInside(root: number, path: string, flags = 0): number {
  return file.openat2(root, path, flags | file.O_PATH, 0, INSIDE);
}

/** Like openInside, but undefined where nothing exists. */
export function openInsideIfAny(root: number, path: string, flags = 0): number | undefined {
  return file.openat2IfAny(root, path, flags | file.O_PATH, INSIDE);
}

/** Like openInside for a directory, but fails with ELOOP or ENOTDIR if the path contains a symlink. */
export function openWithoutLinks(root: number, path: string): number {
  const flags = file.O_PATH | file.O_DIRECTORY;
  return file.openat2(root, path, flags, 0, INSIDE | file.RESOLVE_NO_SYMLINKS);
}

/**
 * A directory opened for reading; undefined where there is none. A symlink at the path's end is not followed.
 */
export function openDirectoryInside(root: number, path: string): number | undefined {
  // O_DIRECTORY makes open(2) refuse everything else.
  const flags = file.O_RDONLY | file.O_DIRECTORY | file.O_NOFOLLOW;
  return file.openat2IfAny(root, path, flags, INSIDE);
}

/**
 * A regular file opened for reading; undefined where there is none. It never waits: it fails with EAGAIN
 * where a process inside holds a lease on the file. Throws KernelError.
 */
export function openFileInside(root: number, path: string): number | undefined {
  const flags = file.O_RDONLY | file.O_NONBLOCK;
  return openAs(root, path, flags, ({ mode }) => (mode & file.S_IFMT) === file.S_IFREG);
}

/**
 * The character device with these numbers, opened for reading and writing; undefined where there is none.
 * Throws KernelError.
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
 * The text of a regular file inside `root`: at most `limit` bytes, and no more than its size says; undefined
 * where there is none. The size matters because files of procfs and tracefs are regular files of size 0:
 * reading them may consume data of the host's, or wait (/proc/kmsg). Throws KernelError.
 */
export function readInside(root: number, path: string, limit: number): string | undefined {
  const fd = openFileInside(root, path);
  if (fd === undefined) return undefined;
  try {
    return decodeName(file.readUpTo(fd, Math.min(limit, file.stat(fd, "").size)));
  } finally {
    file.close(fd);
  }
}
