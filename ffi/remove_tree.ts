// Removing directories with all that is in them, and with nothing that is mounted there.

import { EBUSY } from "./constants.ts";
import { isErrno, KernelError } from "./errno.ts";
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  close,
  entries,
  entriesLeft,
  type Entry,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  openat2,
  readlinkat,
  removeIfEmpty,
  renameat2,
  RESOLVE_NO_XDEV,
  unlinkat,
  unlinkUnlessDirectory,
} from "./file.ts";

/** So many levels removeTree goes down, each of which holds a descriptor. */
const DEEPEST = 50;
const DT_DIR = 4;

/** Something is mounted at `path`, which is therefore not removed, nor what is in it. */
export class MountPoint extends KernelError {
  constructor(readonly path: string) {
    super("unlinkat", path, EBUSY, "something is mounted there; unmount it first");
  }
}

/**
 * Removes what `path` names, with everything under it, however deep; symlinks are removed, not followed.
 * Absent is fine. Never goes where something is mounted: throws MountPoint then, and leaves what it has not
 * removed yet.
 */
export function removeTree(dir: number, path: string): void {
  if (unlink(dir, path) || removeIfEmpty(dir, path)) return;
  const top = openDirectory(dir, path);
  try {
    // More than once where what lies too deep came up, or somebody has put something in meanwhile.
    do {
      for (const entry of entries(top)) removeBelow(top, entry, 1, top);
    } while (!removeDirectory(dir, path));
  } finally {
    close(top);
  }
}

/** The same, `level` levels below the directory `top`, but what somebody puts in meanwhile stays. */
function removeBelow(dir: number, { name, type }: Entry, level: number, top: number): void {
  if ((type !== DT_DIR && unlink(dir, name)) || removeIfEmpty(dir, name)) return;
  if (level === DEEPEST) return renameat2(dir, name, top, `.deep-${crypto.randomUUID()}`);
  const fd = openDirectory(dir, name);
  try {
    for (const entry of entriesLeft(fd)) removeBelow(fd, entry, level + 1, top);
  } finally {
    close(fd);
  }
  removeDirectory(dir, name);
}

/** Removes a directory; false where something is in it. */
function removeDirectory(dir: number, path: string): boolean {
  try {
    unlinkat(dir, path, AT_REMOVEDIR);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOTEMPTY")) return false;
    throw error;
  }
}

/** Removes what is no directory; false where one is there. */
function unlink(dir: number, path: string): boolean {
  try {
    return unlinkUnlessDirectory(dir, path);
  } catch (error) {
    throw isErrno(error, "EBUSY") ? new MountPoint(place(dir, path)) : error;
  }
}

function openDirectory(dir: number, path: string): number {
  try {
    return openat2(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_XDEV);
  } catch (error) {
    throw isErrno(error, "EXDEV") ? new MountPoint(place(dir, path)) : error;
  }
}

const place = (dir: number, path: string) => `${readlinkat(AT_FDCWD, `/proc/self/fd/${dir}`)}/${path}`;
