// Taking groups away, with those that were made inside: by a container, so they may be as deep, as many and
// as strangely named as the kernel lets them be.

import { SIGKILL } from "../../ffi/constants.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { kill } from "../../ffi/process.ts";
import { Failure } from "../base/error.ts";
import { sleep } from "../base/sleep.ts";
import { readControl, writeControl } from "./control_file.ts";

/** How long nothing may come of it before it is given up, in milliseconds: processes end after SIGKILL. */
const PATIENCE = 5000;

/**
 * Ends all that is in groups and below, and takes them away; absent ones are fine. They are one container's:
 * what is in one of them is in all. Throws Failure where that does not end.
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
 * Kills all that is in a group and below at once, or at least has it make no more processes, as far as there
 * is a way.
 */
function halt(path: string): void {
  for (const [name, value] of [["pids.max", "0"], ["cgroup.kill", "1"]]) {
    try {
      writeControl(`${path}/${name}`, value);
    } catch (error) {
      // A group of v2 that its container made one of threads.
      if (!isErrno(error, "EOPNOTSUPP", "ENOTSUP")) throw error;
    }
  }
}

/** Names of the groups in an open one. */
export function groupsIn(dir: number): string[] {
  const DT_DIR = 4;
  return file.entries(dir).filter(({ type }) => type === DT_DIR).map(({ name }) => name);
}

/** IDs of the processes in a group; none where it is gone, and 0 for one of a PID namespace out of sight. */
export function processesIn(path: string, dir = file.AT_FDCWD): number[] {
  const text = readMembers(path, dir);
  return text?.split("\n").filter((line) => line !== "").map(Number) ?? [];
}

function readMembers(path: string, dir: number): string | undefined {
  try {
    return readControl(`${path}/cgroup.procs`, dir);
  } catch (error) {
    // v2: a group of threads, any of which stands for its process.
    if (isErrno(error, "EOPNOTSUPP", "ENOTSUP")) return readControl(`${path}/cgroup.threads`, dir);
    throw error;
  }
}

/** Kills what is in a group and below, and removes what is below and empty; whether there was any of that. */
function clear(path: string): boolean {
  const top = openBelow(file.AT_FDCWD, path);
  if (top === undefined) return false;
  const walk = { dir: top, removed: false };
  try {
    killMembers(top);
    clearBelow(walk);
  } catch (error) {
    // Somebody else removes it at the same time.
    if (!isErrno(error, "ENOENT", "ENODEV")) throw error;
  } finally {
    file.close(walk.dir);
  }
  return walk.removed;
}

/** One directory is open at a time, whatever the depth: the way back up is "..", as groups can't be moved. */
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

/** A directory of the hierarchy; undefined where there is none, or another file system is mounted there. */
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
  // 0 would be this process and its group.
  for (const pid of processesIn(".", dir)) if (pid > 0) kill(pid, SIGKILL);
}

/** Whether it is gone now. */
function removeIfEmpty(dir: number, path: string): boolean {
  try {
    file.unlinkat(dir, path, file.AT_REMOVEDIR);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return true;
    if (isErrno(error, "EBUSY", "ENOTEMPTY")) return false;
    // Said before the kernel looks whether it is there.
    if (isErrno(error, "EROFS") && file.statIfAny(dir, path) === undefined) return true;
    throw error;
  }
}
