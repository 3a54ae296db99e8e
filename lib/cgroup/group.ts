// A container's cgroup: one directory in each hierarchy, made before its first process, which enters by itself, and
// removed by its keeper. What a killed keeper leaves, the next who starts or removes the container takes away.

import { isErrno, type KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { kill } from "../../ffi/process.ts";
import { step } from "../cli/debug.ts";
import { CommandError } from "../cli/error.ts";
import { sleep } from "../state/sleep.ts";
import { readControl, writeControl } from "./control_file.ts";
import { type DeviceRule, setDeviceRules } from "./devices.ts";
import { type Controller, hierarchies } from "./hierarchies.ts";
import type { Limits } from "./limits.ts";

/** A container's directory in one hierarchy. */
export interface Group {
  version: 1 | 2;
  path: string;
  /** Those it has, or has still to be given by its parents (v2). */
  controllers: Controller[];
}

/** Whose group it is: both are fixed when the container is created. */
export interface GroupOwner {
  id: string;
  limits?: Limits;
}

/** What a file in tmp/ begins with that says of a group made for a moment (limit_checks.ts): it holds a GroupOwner. */
export const PROBE = "limits-";
/** How long processes may take to be gone after SIGKILL, in milliseconds. */
const PATIENCE = 5000;
const SIGKILL = 9;

/** Where a container's group is or would be, in all hierarchies. */
export function groupsOf({ id, limits }: GroupOwner): Group[] {
  const name = `${parentOf(limits)}/mydocker-${id}`;
  return hierarchies().map(({ version, path, controllers }) => ({ version, path: path + name, controllers }));
}

/** --cgroup-parent, from the top of each hierarchy; "" for none. */
function parentOf(limits: Limits | undefined): string {
  const names = limits?.cgroupParent?.split("/").filter((name) => name !== "" && name !== ".") ?? [];
  return names.map((name) => `/${name}`).join("");
}

/** Groups as a container sees them below /sys/fs/cgroup: under the hierarchy's name, but v2 alone is the directory itself. */
export function shownGroups(groups: Group[]): { name: string; path: string }[] {
  if (groups.length === 1 && groups[0].version === 2) return [{ name: "", path: groups[0].path }];
  const all = hierarchies().map(({ path }) => path);
  return groups.map(({ path }) => {
    const mount = all.find((mount) => path.startsWith(`${mount}/`))!;
    return { name: mount.slice(mount.lastIndexOf("/") + 1), path };
  });
}

/** Those of them that are there. */
export function presentGroups(owner: GroupOwner): Group[] {
  return groupsOf(owner).filter(({ path }) => file.statIfAny(file.AT_FDCWD, path) !== undefined);
}

/**
 * Makes a container's group with its limits and device rules, and returns what of it could be made. What of it is there
 * already is a killed start's, and replaced. Throws CommandError where a limit can't be had, naming the controller.
 */
export async function makeGroups(owner: GroupOwner, devices: DeviceRule[] | "all"): Promise<Group[]> {
  const { limits } = owner;
  const made: Group[] = [];
  try {
    for (const group of groupsOf(owner)) {
      // v1's cpuset lets nobody in before it has been given processors: only for who asks for some.
      if (isCpusetOnly(group) && !limits?.cpusetCpus && !limits?.cpusetMems) continue;
      if (makeGroup(group, owner)) made.push(group);
    }
    if (devices !== "all") setDeviceRules(made, devices);
    if (limits) {
      const { applyLimits, inheritCpuset } = await import("./apply.ts");
      for (const { version, controllers, path } of made) {
        if (version === 1 && controllers.includes("cpuset")) inheritCpuset(path);
      }
      applyLimits(made, limits);
    }
    return made;
  } catch (error) {
    removeGroups(made);
    throw error;
  }
}

const isCpusetOnly = ({ version, controllers }: Group) => version === 1 && controllers.join() === "cpuset";

/** False where the host does not let us. */
function makeGroup(group: Group, owner: GroupOwner): boolean {
  try {
    makeDirectory(group.path);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EROFS", "EACCES", "EPERM")) throw error;
    if (!isErrno(error, "ENOENT") || !owner.limits?.cgroupParent) return skip(group, error);
    makeParents(group);
    makeDirectory(group.path);
  }
  if (group.version === 2) handDown(group);
  return true;
}

function skip(group: Group, error: KernelError): false {
  step(`no cgroup for ${group.controllers.join(", ")}: ${error.message}`);
  return false;
}

function makeDirectory(path: string): void {
  try {
    file.mkdirat(file.AT_FDCWD, path, 0o755);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    removeTree(path);
    file.mkdirat(file.AT_FDCWD, path, 0o755);
  }
}

/** The directories above a group, below the mount. */
function ancestors(path: string): string[] {
  const top = hierarchies().find((hierarchy) => path.startsWith(`${hierarchy.path}/`))!.path;
  const names = path.slice(top.length + 1).split("/").slice(0, -1);
  return names.reduce((all, name) => [...all, `${all.at(-1)}/${name}`], [top]);
}

/** Those of --cgroup-parent that are missing; they stay, as docker's do. */
function makeParents(group: Group): void {
  for (const path of ancestors(group.path).slice(1)) {
    try {
      file.mkdirat(file.AT_FDCWD, path, 0o755);
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
}

/** Has all groups above hand v2's controllers down; where they don't, who needs one finds its files missing. */
function handDown(group: Group): void {
  for (const path of ancestors(group.path)) {
    const control = `${path}/cgroup.subtree_control`;
    const enabled = readControl(control)?.trim().split(" ") ?? [];
    for (const name of ["cpu", "memory", "pids", "io", "cpuset"]) {
      if (
        !enabled.includes(name) && group.controllers.includes(name === "io" ? "blkio" : name as Controller)
      ) {
        enable(control, name);
      }
    }
  }
}

function enable(control: string, name: string): void {
  try {
    writeControl(control, `+${name}`);
  } catch (error) {
    // EBUSY: processes are in the group itself, as in a container's.
    if (!isErrno(error, "ENOENT", "EBUSY", "EACCES", "EPERM", "EOPNOTSUPP", "ENOTSUP", "EROFS")) throw error;
    step(`cgroup controller ${name} can't be handed down: ${error.message}`);
  }
}

/** Ends all that is in a container's group, and takes it away. Throws CommandError where that does not end. */
export function removeGroups(groups: Group[]): void {
  for (const { path } of groups) removeTree(path);
}

/** With groups that were made inside. Absent is fine. */
function removeTree(path: string): void {
  const end = Date.now() + PATIENCE;
  while (!removeIfEmpty(path)) {
    for (const below of groupsIn(path)) removeTree(`${path}/${below}`);
    for (const pid of processesIn(path)) kill(pid, SIGKILL);
    if (Date.now() > end) {
      throw new CommandError(`can't remove cgroup ${path}: processes in it do not end`, 1);
    }
    sleep(1);
  }
}

function groupsIn(path: string): string[] {
  const fd = file.openIfAny(file.AT_FDCWD, path, file.O_RDONLY | file.O_DIRECTORY);
  if (fd === undefined) return [];
  const DT_DIR = 4;
  const names = file.entries(fd).filter(({ type }) => type === DT_DIR).map(({ name }) => name);
  file.close(fd);
  return names;
}

/** IDs of the processes in a group; none where it is gone. */
export function processesIn(path: string): number[] {
  return readControl(`${path}/cgroup.procs`)?.split("\n").filter((line) => line !== "").map(Number) ?? [];
}

/** Whether it is gone now. */
function removeIfEmpty(path: string): boolean {
  try {
    file.unlinkat(file.AT_FDCWD, path, file.AT_REMOVEDIR);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return true;
    if (isErrno(error, "EBUSY", "ENOTEMPTY")) return false;
    // Said before the kernel looks whether it is there.
    if (isErrno(error, "EROFS") && file.statIfAny(file.AT_FDCWD, path) === undefined) return true;
    throw error;
  }
}

/** Makes a directory of a container's group that it has not had, and has all its processes, which are in `other`, enter. */
export function joinGroup(group: Group, other: Group, prepare: () => void): void {
  makeDirectory(group.path);
  prepare();
  // Those that are not there yet may have children meanwhile.
  for (let outside = true; outside;) {
    const inside = new Set(processesIn(group.path));
    outside = false;
    for (const pid of processesIn(other.path)) {
      if (!inside.has(pid) && move(group, pid)) outside = true;
    }
  }
}

/** Moves a process into a group; false where one of them is gone. */
function move({ path }: Group, pid: number): boolean {
  try {
    return writeControl(`${path}/cgroup.procs`, String(pid));
  } catch (error) {
    if (isErrno(error, "ESRCH")) return false;
    throw error;
  }
}

/**
 * Removes the groups of containers that `isAbandoned` says of, by their IDs, that nobody runs or starts them. Those of
 * --cgroup-parent are left to who starts or removes their container.
 */
export function sweepGroups(isAbandoned: (id: string) => boolean): void {
  for (const { path } of hierarchies()) {
    for (const name of groupsIn(path)) {
      const id = /^mydocker-([0-9a-f]{64})$/.exec(name)?.[1];
      if (id !== undefined && isAbandoned(id)) removeTree(`${path}/${name}`);
    }
  }
}
