// The files of a container's log: `log` is the newest, followed by `log.1`, `log.2` and so on. The keeper
// rotates them while they are read: each is renamed to the next number, and the oldest is removed. An open
// file is therefore identified by its inode.

import * as file from "../../ffi/file.ts";

/** The directory of a container's log, and the largest number of files. */
export interface LogPlace {
  dir: number;
  maxFiles: number;
}

export interface LogFile {
  fd: number;
  inode: bigint;
}

const nameAt = (index: number) => index === 0 ? "log" : `log.${index}`;

/** The file that is being written; undefined if there is none. */
export function newestFile({ dir }: LogPlace): LogFile | undefined {
  return openFile(dir, nameAt(0));
}

/**
 * The file that follows `current`, begun when that was full; the oldest file if `current` is undefined or has
 * been removed. Undefined if `current` is the newest.
 */
export function nextFile(place: LogPlace, current?: LogFile): LogFile | undefined {
  for (;;) {
    const newer = inodesBefore(place, current);
    const index = newer.findLastIndex((inode) => inode !== undefined);
    if (index < 0) return undefined;
    const found = openFile(place.dir, nameAt(index));
    // If the inodes are the same before and after, they were so when the file was opened: no file lies
    // between the two.
    if (found?.inode === newer[index] && isSame(newer, inodesBefore(place, current))) return found;
    if (found) file.close(found.fd);
  }
}

/** The file before `current`; undefined if it no longer exists. */
export function previousFile(place: LogPlace, current: LogFile): LogFile | undefined {
  for (;;) {
    const index = inodesBefore(place, current).length;
    if (index >= place.maxFiles) return undefined;
    let found: LogFile | undefined;
    for (let older = index + 1; older < place.maxFiles && !found; older++) {
      found = openFile(place.dir, nameAt(older));
    }
    if (inodeOf(place.dir, nameAt(index)) === current.inode) return found;
    if (found) file.close(found.fd);
  }
}

/** Undefined for anything but a regular file. */
function openFile(dir: number, name: string): LogFile | undefined {
  if (inodeOf(dir, name) === undefined) return undefined;
  const fd = file.openIfAny(dir, name, file.O_RDONLY | file.O_NOFOLLOW);
  return fd === undefined ? undefined : { fd, inode: file.stat(fd, "").inode };
}

function inodeOf(dir: number, name: string): bigint | undefined {
  const found = file.statIfAny(dir, name);
  return found && (found.mode & file.S_IFMT) === file.S_IFREG ? found.inode : undefined;
}

/**
 * The inodes of `log`, `log.1` and so on up to `current`; undefined for a number without a file at this
 * moment.
 */
function inodesBefore({ dir, maxFiles }: LogPlace, current?: LogFile): (bigint | undefined)[] {
  const inodes: (bigint | undefined)[] = [];
  while (inodes.length < maxFiles) {
    const inode = inodeOf(dir, nameAt(inodes.length));
    if (current && inode === current.inode) break;
    inodes.push(inode);
  }
  return inodes;
}

function isSame(some: unknown[], others: unknown[]): boolean {
  return some.length === others.length && some.every((value, index) => value === others[index]);
}
