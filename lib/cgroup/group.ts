// A container's cgroup: one directory in each hierarchy, made before its first process, which enters by
// itself, and removed by its keeper. What a killed keeper leaves, the next who starts or removes the
// container takes away.

import { isErrno, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { step } from "../base/debug.ts";
import { readControl, writeControl } from "./control_file.ts";
import { inheritCpuset } from "./cpuset.ts";
import { setDeviceRules } from "./devices.ts";
import { hierarchies } from "./hierarchies.ts";
import type { Limits } from "./limits.ts";
import { groupsIn, removeTrees } from "./remove.ts";
import type { Controller, DeviceRule, Group, GroupOwner } from "./types.ts";

/**
 * What a file in tmp/ begins with that says of a group made for a moment (lifecycle/limit_checks.ts): it
 * holds a GroupOwner.
 */
export const PROBE = "limits-";

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

/** Where a container sees its groups. */
export const CGROUPS = "/sys/fs/cgroup";

/**
 * Groups as a container sees them below CGROUPS: as docker has it, v2 alone is the directory itself, whatever
 * named hierarchies there are besides, and v1's are under the names where the host has them mounted; v2 is
 * not among those where it has no controllers.
 */
export function shownGroups(groups: Group[]): { name: string; path: string }[] {
  const second = groups.find(({ version }) => version === 2);
  if (second && (groups.length === 1 || mountOf(second) === CGROUPS)) {
    return [{ name: "", path: second.path }];
  }
  const shown = new Map<string, string>();
  for (const group of groups) {
    const mount = mountOf(group);
    const name = mount.slice(mount.lastIndexOf("/") + 1);
    if (!shown.has(name) && (group.version === 1 || group.controllers.length > 0)) {
      shown.set(name, group.path);
    }
  }
  return [...shown].map(([name, path]) => ({ name, path }));
}

/** Where the hierarchy of a group is mounted. */
function mountOf({ version, path }: Pick<Group, "version" | "path">): string {
  return hierarchies().find((one) => one.version === version && path.startsWith(`${one.path}/`))!.path;
}

/** Those of them that are there. */
export function presentGroups(owner: GroupOwner): Group[] {
  return groupsOf(owner).filter(({ path }) => file.statIfAny(file.AT_FDCWD, path) !== undefined);
}

/**
 * Makes a container's group with its limits and device rules, and returns what of it could be made. What of
 * it is there already is a killed start's, and replaced. Throws Failure where a limit can't be had,
 * naming the controller.
 */
export async function makeGroups(owner: GroupOwner, devices: DeviceRule[] | "all"): Promise<Group[]> {
  const { limits } = owner;
  const made: Group[] = [];
  try {
    for (const group of groupsOf(owner)) if (makeGroup(group, owner)) made.push(group);
    if (devices !== "all") setDeviceRules(made, devices);
    if (limits) (await import("./apply.ts")).applyLimits(made, limits);
    return made;
  } catch (error) {
    removeGroups(made);
    throw error;
  }
}

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
  return !group.controllers.includes("cpuset") || group.version === 2 || hasProcessors(group);
}

/** Where others have all processors to themselves, a container goes without a cpuset of its own. */
function hasProcessors(group: Group): boolean {
  try {
    inheritCpuset(group.path);
    return true;
  } catch (error) {
    removeTrees([group.path]);
    if (!(error instanceof KernelError)) throw error;
    return skip(group, error);
  }
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
    removeTrees([path]);
    file.mkdirat(file.AT_FDCWD, path, 0o755);
  }
}

/** The directories above a group, down from the mount. */
function ancestors(group: Group): string[] {
  const top = mountOf(group);
  const names = group.path.slice(top.length + 1).split("/").slice(0, -1);
  return names.reduce((all, name) => [...all, `${all.at(-1)}/${name}`], [top]);
}

/** Those of --cgroup-parent that are missing; they stay, as docker's do. */
function makeParents(group: Group): void {
  for (const path of ancestors(group).slice(1)) {
    try {
      file.mkdirat(file.AT_FDCWD, path, 0o755);
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
}

/**
 * Has all groups above hand v2's controllers down; where they don't, who needs one finds its files missing.
 */
function handDown(group: Group): void {
  if (group.controllers.length === 0) return;
  for (const path of ancestors(group)) {
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

/**
 * Ends all that is in a container's group, and takes it away. Throws Failure where that does not end.
 */
export function removeGroups(groups: Group[]): void {
  removeTrees(groups.map(({ path }) => path));
}

/**
 * Removes the groups of containers that `isAbandoned` says of, by their IDs, that nobody runs or starts them.
 * Those of --cgroup-parent are left to who starts or removes their container.
 */
export function sweepGroups(isAbandoned: (id: string) => boolean): void {
  for (const { path } of hierarchies()) {
    for (const name of groupsAt(path)) {
      const id = /^mydocker-([0-9a-f]{64})$/.exec(name)?.[1];
      if (id !== undefined && isAbandoned(id)) removeTrees([`${path}/${name}`]);
    }
  }
}

function groupsAt(path: string): string[] {
  const fd = file.openIfAny(file.AT_FDCWD, path, file.O_RDONLY | file.O_DIRECTORY);
  if (fd === undefined) return [];
  const names = groupsIn(fd);
  file.close(fd);
  return names;
}
