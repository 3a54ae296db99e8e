// A paused container on disk: the file `paused` in its directory says where its processes are frozen. It is there
// before they are, and until they are where they belong again, so that whatever is killed half-way, somebody finds it.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import { kill } from "../../ffi/process.ts";
import { dissolve, type FreezerGroup, groupAround, processes } from "../cgroup/freezer.ts";
import { readStarted } from "../keeper/report.ts";
import { readJson, writeFile } from "../state/json.ts";

const SIGKILL = 9;

/** Whether the container whose directory is `dir` is paused, or was when its keeper ended. */
export function isMarkedPaused(dir: number): boolean {
  return file.statIfAny(dir, "paused") !== undefined && frozenGroup(dir) !== undefined;
}

/** What the mark says or, where it is damaged, the kernel. */
function frozenGroup(dir: number): FreezerGroup | undefined {
  const group = readJson<FreezerGroup>(dir, "paused");
  if (group?.path && group.origin) return group;
  const first = readStarted(dir)?.pid;
  const id = file.readlinkat(file.AT_FDCWD, `/proc/self/fd/${dir}`).split("/").pop()!;
  return first === undefined ? undefined : groupAround(first, id);
}

/** To be called under lockPause. */
export function markPaused(dir: number, group: FreezerGroup): void {
  file.removeTree(dir, "paused"); // a damaged one
  writeFile(dir, "paused", JSON.stringify(group));
}

/** Excludes all others who freeze or thaw the container until the descriptor is closed; undefined if it was removed. */
export function lockPause(dir: number): number | undefined {
  let fd: number;
  try {
    fd = file.openat(dir, "paused.lock", file.O_RDWR | file.O_CREAT, 0o600);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  lock(fd, "exclusive");
  return fd;
}

/** Thaws a container that may be paused; false where it was not. For whoever has signalled it, and would see it act. */
export function thawIfPaused({ dir }: { dir: number }): boolean {
  return isMarkedPaused(dir) && underLock(dir, () => thaw(dir));
}

/** Thaws without asking; under lockPause. Throws CommandError where that fails. */
export function thaw(dir: number): void {
  const group = frozenGroup(dir);
  if (group) dissolve(group);
  file.removeTree(dir, "paused");
}

/**
 * Ends what is left of a paused container if its keeper is gone, which `abandoned` tells: under cgroup v1 no signal
 * ends a frozen process. False where nothing was left.
 */
export function endIfFrozen(dir: number, abandoned: () => boolean): boolean {
  return isMarkedPaused(dir) && underLock(dir, () => {
    if (!abandoned()) return;
    const group = frozenGroup(dir);
    for (const pid of group ? processes(group) : []) kill(pid, SIGKILL);
    thaw(dir);
  });
}

function underLock(dir: number, action: () => void): boolean {
  const held = lockPause(dir);
  if (held === undefined) return false;
  try {
    if (!isMarkedPaused(dir)) return false;
    action();
    return true;
  } finally {
    file.close(held);
  }
}
