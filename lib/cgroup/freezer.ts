// A cgroup that freezes what is in it, made for that and gone after: cgroup v1's freezer hierarchy where there is one
// (on a hybrid host, too: there it is the one in use), or cgroup v2. Nothing but the group itself is ever changed.
// https://docs.kernel.org/admin-guide/cgroup-v1/freezer-subsystem.html, https://docs.kernel.org/admin-guide/cgroup-v2.html

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { CommandError } from "../cli/error.ts";
import { mountTable } from "../host/facts.ts";
import { processFile } from "../host/proc.ts";
import { sleep } from "../state/sleep.ts";

/** Where a group is, and where its processes belong. All paths are absolute, of the mounted file system. */
export interface FreezerGroup {
  version: 1 | 2;
  mount: string;
  path: string;
  /** Where its processes came from. */
  origin: string;
}

/** How long the kernel may take, in milliseconds; a process in the middle of a slow disk's answer can't be frozen. */
export const PATIENCE = 5000;

const CONTROL = {
  1: { file: "freezer.state", frozen: "FROZEN", thawed: "THAWED" },
  2: { file: "cgroup.freeze", frozen: "1", thawed: "0" },
} as const;

/**
 * The group `name` for the processes that are where the process `pid` is; it is not made yet. Throws CommandError where
 * the host has no freezer.
 */
export function freezerGroup(name: string, pid: number): FreezerGroup {
  const mounts = mountTable();
  const first = mounts.findLast(({ type, options }) => type === "cgroup" && options.includes("freezer"));
  const found = first ?? mounts.findLast(({ type }) => type === "cgroup2");
  if (!found) {
    throw new CommandError(
      "this host has no freezer: neither cgroup v2 nor v1's freezer hierarchy is mounted; " +
        "mount one, as with: mount -t cgroup2 none /sys/fs/cgroup",
      1,
    );
  }
  const cgroups = processFile(pid, "cgroup");
  if (cgroups === undefined) throw new CommandError(`process ${pid} has just ended`, 1);
  const lines = cgroups.trimEnd().split("\n");
  // hierarchy:controllers:path (cgroups(7)); version 2 is hierarchy 0.
  const fields = lines.map((line) => /^(\d+):([^:]*):(.*)$/.exec(line)!.slice(1));
  const own = fields.find(([hierarchy, controllers]) =>
    first ? controllers.split(",").includes("freezer") : hierarchy === "0"
  );
  const mount = found.path;
  return { version: first ? 1 : 2, mount, path: `${mount}/${name}`, origin: below(found, own?.[2] ?? "/") };
}

/** The group that freezerGroup(".../NAME") is of a process that is in it; undefined where it is in none. */
export function groupAround(pid: number, name: string): FreezerGroup | undefined {
  const lines = processFile(pid, "cgroup")?.split("\n") ?? [];
  const inside = lines.find((line) => line.endsWith(`/${name}`))?.replace(/^.*?:.*?:\//, "");
  if (inside === undefined) return undefined;
  const group = freezerGroup(inside, pid);
  return { ...group, origin: group.mount };
}

/** The path in a mount of a path in its file system. */
function below({ path, root }: { path: string; root: string }, inside: string): string {
  const base = root === "/" ? "" : root;
  if (inside !== root && !inside.startsWith(`${base}/`)) return path;
  return `${path}${inside.slice(base.length)}`.replace(/\/$/, "");
}

/** Makes the group, empty and frozen: what comes in freezes at once. Throws KernelError. */
export function makeFrozen(group: FreezerGroup): void {
  const parent = parentOf(group.path);
  for (let attempt = 0;; attempt++) {
    try {
      makeDirectory(parent);
      makeDirectory(group.path);
      break;
    } catch (error) {
      // Another container's unpause has just found the parent empty.
      if (!isErrno(error, "ENOENT") || attempt === 100) throw error;
    }
  }
  const control = CONTROL[group.version];
  write(`${group.path}/${control.file}`, control.frozen);
}

function makeDirectory(path: string): void {
  try {
    file.mkdirat(file.AT_FDCWD, path, 0o755);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}

/** Moves a process with all its threads into the group; one that is gone is fine. */
export function take(group: FreezerGroup, pid: number): void {
  move(pid, group.path);
}

/** Waits until all that is in the group stands still. Throws CommandError once that takes too long. */
export function waitFrozen(group: FreezerGroup): void {
  const end = Date.now() + PATIENCE;
  while (!isFrozen(group)) {
    if (Date.now() > end) {
      throw new CommandError(
        `its processes did not freeze within ${
          PATIENCE / 1000
        } s: one of them waits for a device or a server ` +
          "(state D in ps); try again when that has answered",
        1,
      );
    }
    sleep(1);
  }
}

function isFrozen({ version, path }: FreezerGroup): boolean {
  if (version === 1) return read(`${path}/freezer.state`).trim() === CONTROL[1].frozen;
  return /^frozen 1$/m.test(read(`${path}/cgroup.events`));
}

/** IDs of the processes in the group; none where it is gone. */
export function processes({ path }: FreezerGroup): number[] {
  return read(`${path}/cgroup.procs`).split("\n").filter((line) => line !== "").map(Number);
}

/**
 * Thaws the group, moves its processes back to where they came from, and removes it. A group that is gone already, or
 * in part, is fine. Throws CommandError where that can't be done.
 */
export function dissolve(group: FreezerGroup): void {
  const control = CONTROL[group.version];
  write(`${group.path}/${control.file}`, control.thawed);
  const end = Date.now() + PATIENCE;
  // Those that fork meanwhile have their children here or there; those that end take a moment.
  for (;;) {
    for (const pid of processes(group)) moveHome(group, pid);
    if (removeIfEmpty(group.path)) break;
    if (Date.now() > end) {
      throw new CommandError(`thawed, but processes keep appearing in cgroup ${group.path}`, 1);
    }
    sleep(1);
  }
  removeIfEmpty(parentOf(group.path));
}

/** To where it came from, or what is left of that: a session's cgroup goes with the last process in it. */
function moveHome({ origin, mount }: FreezerGroup, pid: number): void {
  for (let home = origin; home.length > mount.length; home = parentOf(home)) {
    try {
      if (move(pid, home)) return;
    } catch (error) {
      // In version 2 a group with controllers for its children takes no processes.
      if (!isErrno(error, "EBUSY", "EOPNOTSUPP", "ENOTSUP", "EINVAL", "EAGAIN")) throw error;
    }
  }
  move(pid, mount);
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/"));

/** False where the group is gone. */
function move(pid: number, group: string): boolean {
  try {
    return write(`${group}/cgroup.procs`, String(pid));
  } catch (error) {
    if (isErrno(error, "ESRCH")) return true;
    throw error;
  }
}

/** Whether it is gone now. */
function removeIfEmpty(path: string): boolean {
  try {
    file.unlinkat(file.AT_FDCWD, path, file.AT_REMOVEDIR);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return true;
    if (isErrno(error, "EBUSY", "ENOTEMPTY")) return false;
    throw error;
  }
}

/** Writes a control file; false where the group is gone. */
function write(path: string, value: string): boolean {
  try {
    const fd = file.openat(file.AT_FDCWD, path, file.O_WRONLY);
    try {
      file.write(fd, new TextEncoder().encode(value), path);
    } finally {
      file.close(fd);
    }
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENODEV")) return false;
    throw error;
  }
}

/** A control file's text, which has no size beforehand; "" where the group is gone. */
function read(path: string): string {
  const fd = file.openIfAny(file.AT_FDCWD, path, file.O_RDONLY);
  if (fd === undefined) return "";
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(16384);
  let text = "";
  try {
    for (let length; (length = file.read(fd, buffer)) > 0;) {
      text += decoder.decode(buffer.subarray(0, length));
    }
    return text;
  } catch (error) {
    if (isErrno(error, "ENODEV")) return "";
    throw error;
  } finally {
    file.close(fd);
  }
}
