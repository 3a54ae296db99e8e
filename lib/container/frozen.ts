// A paused container on disk: the file `paused` in its directory. It exists from before the processes are
// frozen until they are thawed, so that frozen processes are found even if the command that freezes or thaws
// is killed.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { freezerGroup, isToFreeze, thaw } from "../cgroup/freezer.ts";
import { presentGroups, removeGroups } from "../cgroup/group.ts";
import { writeFile } from "../base/json.ts";
import { readConfig } from "./config.ts";
import type { GroupOwner } from "../cgroup/types.ts";

/**
 * Whether the container whose directory is `dir` has the mark: it is paused, or was when its keeper ended.
 * The mark alone proves nothing.
 */
export function isMarkedPaused(dir: number): boolean {
  if (file.statIfAny(dir, "paused") === undefined) return false;
  const group = freezerGroup(ownerOf(dir));
  return group !== undefined && isToFreeze(group);
}

/** Writes the mark. The caller holds lockPause. */
export function markPaused(dir: number): void {
  removeTree(dir, "paused"); // a killed command's mark, or a damaged one
  writeFile(dir, "paused", "");
}

/** The owner of the group. A damaged container has no configuration, but its ID. */
function ownerOf(dir: number): GroupOwner {
  return readConfig(dir) ?? { id: file.readlinkat(file.AT_FDCWD, `/proc/self/fd/${dir}`).split("/").pop()! };
}

/**
 * Excludes others that freeze or thaw the container until the descriptor is closed; undefined if it was
 * removed.
 */
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

/**
 * Thaws a container that may be paused; false if it was not. Called after sending a signal, which takes
 * effect only then.
 */
export function thawIfPaused({ dir }: { dir: number }): boolean {
  return isMarkedPaused(dir) && underLock(dir, () => thawContainer(dir));
}

/** Thaws without checking. The caller holds lockPause. */
export function thawContainer(dir: number): void {
  const group = freezerGroup(ownerOf(dir));
  if (group) thaw(group);
  removeTree(dir, "paused");
}

/**
 * Ends what is left of a paused container if its keeper is gone, as `abandoned` tells: under cgroup v1, no
 * signal ends a frozen process.
 */
export function endIfFrozen(dir: number, abandoned: () => boolean): void {
  if (!isMarkedPaused(dir)) return;
  underLock(dir, () => {
    if (!abandoned()) return;
    thawContainer(dir);
    removeGroups(presentGroups(ownerOf(dir)));
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
