// Removes groups with their descendants. A container makes these, so they may be as deep, as many and as
// strangely named as the kernel allows.

import { SIGKILL } from "../../ffi/constants.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { kill } from "../../ffi/process.ts";
import { Failure } from "../base/error.ts";
import { sleep } from "../base/sleep.ts";
import { readControl, writeControl } from "./control_file.ts";

/** How long there may be no progress before giving up, in ms: processes take time to end after SIGKILL. */
const PATIENCE = 5000;

/**
 * Ends all processes in groups and their descendants, and removes the groups, which need not exist. They
 * belong to one container, so its processes are in all of them. Throws Failure where the processes don't
 * end.
 */
export function removeTrees(paths: string[]): void {
  const left = paths.filter((path) => !removeIfEmpty(file.AT_FDCWD, path));
  for (const path of left) halt(path);
  for (const path of left) {
    for (let end = Date.now() + PATIENCE; !removeIfEmpty(file.AT_FDCWD, path); sleep(1)) {
      if (clear(path)) end = Date.now() + PATIENCE;
      if (Date.now() > end) {
        throw new Failure(`can't remove cgroup ${path}: what is in it does not end, or is mounted on`);
      }
    }
  }
}

/**
 * Kills all processes in a group and its descendants at once, or at least keeps them from making more, where
 * the kernel has a way to do so.
 */
function halt(path: string): void {
  for (const [name, value] of [["pids.max", "0"], ["cgroup.kill", "1"]]) {
    try {
      writeControl(`${path}/${name}`, value);
    } catch (error) {
      // EOPNOTSUPP: the container has made its v2 group one of threads.
      if (!isErrno(error, "EOPNOTSUPP", "ENOTSUP")) throw error;
    }
  }
}

/** Names of an open group's children. */
export function groupsIn(dir: number): string[] {
  const DT_DIR = 4;
  return file.entries(dir).filter(({ type }) => type === DT_DIR).map(({ name }) => name);
}

/**
 * IDs of the processes in a group; empty where it is gone. A process of an invisible PID namespace has ID 0.
 */
export function processesIn(path: string, dir = file.AT_FDCWD): number[] {
  const text = readMembers(path, dir);
  return text?.split("\n").filter((line) => line !== "").map(Number) ?? [];
}

function readMembers(path: string, dir: number): string | undefined {
  try {
    return readControl(`${path}/cgroup.procs`, dir);
  } catch (error) {
    // EOPNOTSUPP: a v2 group of threads, each of which stands for its process.
    if (isErrno(error, "EOPNOTSUPP", "ENOTSUP")) return readControl(`${path}/cgroup.threads`, dir);
    throw error;
  }
}

/**
 * Kills the processes in a group and its descendants, and removes empty descendants. Returns whether it did
 * anything.
 */
function clear(path: string): boolean {
  const top = openBelow(file.AT_FDCWD, path);
  if (top === undefined) return false;
  const walk = { dir: top, removed: false };
  try {
    killMembers(top);
    clearBelow(walk);
  } catch (error) {
    // Another process is removing it at the same time.
    if (!isErrno(error, "ENOENT", "ENODEV")) throw error;
  } finally {
    file.close(walk.dir);
  }
  return walk.removed;
}

/**
 * Only one directory is open at a time, whatever the depth. The way back is "..", which is safe because
 * groups can't be moved.
 */
function clearBelow(walk: { dir: number; removed: boolean }): void {
  const enter = (dir: number) => {
    file.close(walk.dir);
    walk.dir = dir;
  };
  const above: { name: string; left: string[] }[] = [];
  for (let left = groupsIn(walk.dir);;) {
    const name = left.pop();
    if (name !== undefined) {
      if (removeIfEmpty(walk.dir, name)) walk.removed = true;
      else {
        const below = openBelow(walk.dir, name);
        if (below === undefined) continue;
        enter(below);
        killMembers(below);
        above.push({ name, left });
        left = groupsIn(below);
      }
      continue;
    }
    const done = above.pop();
    if (!done) return;
    enter(file.openat(walk.dir, "..", file.O_RDONLY | file.O_DIRECTORY));
    if (removeIfEmpty(walk.dir, done.name)) walk.removed = true;
    left = done.left;
  }
}

/** A directory of the hierarchy; undefined if it is gone or another file system is mounted on it. */
function openBelow(dir: number, path: string): number | undefined {
  const flags = file.O_RDONLY | file.O_DIRECTORY | file.O_NOFOLLOW;
  if (dir === file.AT_FDCWD) return file.openIfAny(dir, path, flags);
  try {
    return file.openat2(dir, path, flags, 0, file.RESOLVE_NO_XDEV);
  } catch (error) {
    if (isErrno(error, "ENOENT", "EXDEV")) return undefined;
    throw error;
  }
}

function killMembers(dir: number): void {
  // 0 would mean this process's own process group.
  for (const pid of processesIn(".", dir)) if (pid > 0) kill(pid, SIGKILL);
}

/** Returns whether the directory is gone. */
function removeIfEmpty(dir: number, path: string): boolean {
  try {
    return file.removeIfEmpty(dir, path);
  } catch (error) {
    // The kernel reports this before it checks whether the directory exists.
    if (isErrno(error, "EROFS") && file.statIfAny(dir, path) === undefined) return true;
    throw error;
  }
}
