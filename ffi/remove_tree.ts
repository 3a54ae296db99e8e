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

/** What is known of a removal. */
interface Removal {
  /** The directory that all is in. */
  top: number;
  /** Something that lies too deep came up into it. */
  raised: boolean;
}

/**
 * Removes what `path` names, with everything under it, however deep; symlinks are removed, not followed.
 * Absent is fine. Never goes where something is mounted: throws MountPoint then, and leaves what it has not
 * removed yet.
 */
export function removeTree(dir: number, path: string): void {
  if (unlink(dir, path) || removeIfEmpty(dir, path)) return;
  const removal = { top: openDirectory(dir, path), raised: true };
  try {
    while (removal.raised) {
      removal.raised = false;
      for (const entry of entries(removal.top)) removeBelow(removal.top, entry, 1, removal);
    }
  } finally {
    close(removal.top);
  }
  unlinkat(dir, path, AT_REMOVEDIR);
}

/** The same, `level` levels below the top. */
function removeBelow(dir: number, { name, type }: Entry, level: number, removal: Removal): void {
  if ((type !== DT_DIR && unlink(dir, name)) || removeIfEmpty(dir, name)) return;
  if (level === DEEPEST) {
    renameat2(dir, name, removal.top, `.deep-${crypto.randomUUID()}`);
    removal.raised = true;
    return;
  }
  const fd = openDirectory(dir, name);
  try {
    for (const entry of entriesLeft(fd)) removeBelow(fd, entry, level + 1, removal);
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
