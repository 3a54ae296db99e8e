// Removing directories with all that is in them, and with nothing that is mounted there.

import { EBUSY } from "./constants.ts";
import { isErrno, KernelError } from "./errno.ts";
import {
  AT_FDCWD,
  AT_REMOVEDIR,
  close,
  entries,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  openat2,
  readlinkat,
  renameat2,
  RESOLVE_NO_XDEV,
  unlinkat,
  unlinkUnlessDirectory,
} from "./file.ts";

/** So many levels removeTree goes down, each of which holds a descriptor. */
const DEEPEST = 50;

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
  if (unlink(dir, path)) return;
  const top = openDirectory(dir, path);
  try {
    // More than once: what lies too deep comes up to here.
    for (let found = entries(top); found.length > 0; found = entries(top)) {
      for (const { name } of found) removeBelow(top, name, 1, top);
    }
  } finally {
    close(top);
  }
  unlinkat(dir, path, AT_REMOVEDIR);
}

/** The same, `level` levels below the directory `top`. */
function removeBelow(dir: number, name: string, level: number, top: number): void {
  if (unlink(dir, name)) return;
  if (level === DEEPEST) return renameat2(dir, name, top, `.deep-${crypto.randomUUID()}`);
  const fd = openDirectory(dir, name);
  try {
    for (const entry of entries(fd)) removeBelow(fd, entry.name, level + 1, top);
  } finally {
    close(fd);
  }
  unlinkat(dir, name, AT_REMOVEDIR);
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
