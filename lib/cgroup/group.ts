// A container's cgroup: one directory in each hierarchy. It is made before the container's first process,
// which joins by itself, and removed by the keeper. What a killed keeper leaves is removed by the next
// process that starts or removes the container.

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
 * Prefix of files in tmp/ that describe a short-lived group (lifecycle/limit_checks.ts). The file holds a
 * GroupOwner.
 */
export const PROBE = "limits-";

/** The paths of a container's group in all hierarchies, whether or not it exists. */
export function groupsOf({ id, limits }: GroupOwner): Group[] {
  const name = `${parentOf(limits)}/mydocker-${id}`;
  return hierarchies().map(({ version, path, controllers }) => ({ version, path: path + name, controllers }));
}

/** --cgroup-parent, from the top of each hierarchy; "" for none. */
function parentOf(limits: Limits | undefined): string {
  const names = limits?.cgroupParent?.split("/").filter((name) => name !== "" && name !== ".") ?? [];
  return names.map((name) => `/${name}`).join("");
}

/** The place where a container sees its groups. */
export const CGROUPS = "/sys/fs/cgroup";

/**
 * The groups as a container sees them below CGROUPS, as docker does it. With v2 alone it is the directory
 * itself, whatever other named hierarchies exist. v1's hierarchies have the names of the host's mount points,
 * and v2 is not among them where it has no controllers.
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

/** The mount point of a group's hierarchy. */
function mountOf({ version, path }: Pick<Group, "version" | "path">): string {
  return hierarchies().find((one) => one.version === version && path.startsWith(`${one.path}/`))!.path;
}

/** The groups that exist. */
export function presentGroups(owner: GroupOwner): Group[] {
  return groupsOf(owner).filter(({ path }) => file.statIfAny(file.AT_FDCWD, path) !== undefined);
}

/**
 * Makes a container's group with its limits and device rules, and returns the parts that could be made. Parts
 * that exist were left by a killed start, and are replaced. Throws Failure that names the controller
 * where a limit is impossible.
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

/** Returns false where the host refuses. */
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

/** Whether the group gets processors: where others have exclusive ones, a container does without a cpuset. */
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

/** The directories above a group, from the mount point down. */
function ancestors(group: Group): string[] {
  const top = mountOf(group);
  const names = group.path.slice(top.length + 1).split("/").slice(0, -1);
  return names.reduce((all, name) => [...all, `${all.at(-1)}/${name}`], [top]);
}

/** Makes the missing directories of --cgroup-parent. They stay, as docker's do. */
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
 * Makes all groups above pass v2's controllers on. Where they refuse, a limit that needs one finds its files
 * missing.
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
    // EBUSY: there are processes in the group itself, as in a container's.
    if (!isErrno(error, "ENOENT", "EBUSY", "EACCES", "EPERM", "EOPNOTSUPP", "ENOTSUP", "EROFS")) throw error;
    step(`cgroup controller ${name} can't be handed down: ${error.message}`);
  }
}

/** Ends all processes in a container's group and removes it. Throws Failure where they don't end. */
export function removeGroups(groups: Group[]): void {
  removeTrees(groups.map(({ path }) => path));
}

/**
 * Removes the groups of containers for whose IDs `isAbandoned` returns true: nobody runs or starts them.
 * Groups below a --cgroup-parent are left to those who start or remove their container.
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
