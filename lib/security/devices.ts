// The host's devices in a container: their nodes, and the access that its cgroup allows.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import type { DeviceRule } from "../cgroup/types.ts";

/** A node to be made in the container. */
export interface DeviceNode {
  /** Absolute path there. */
  path: string;
  /** Type and permissions (S_IFCHR | 0o666). */
  mode: number;
  uid: number;
  gid: number;
  major: number;
  minor: number;
}

/** Not passed on by --privileged, as in docker: containers have mounts or nodes of their own there. */
const NOT_DEVICES = new Set([
  "pts",
  "shm",
  "fd",
  "mqueue",
  "console",
  "ptmx",
  ".lxc",
  ".lxd-mounts",
  ".udev",
]);

/** All devices of the host under their own names, for --privileged. */
export function hostDevices(): DeviceNode[] {
  return devicesBelow("/dev", "/dev");
}

/**
 * The device that `source` names on the host, or all in that directory, to be at `target`. Throws
 * Failure, of kind "not found" where there is nothing.
 */
export function devicesAt(source: string, target: string): DeviceNode[] {
  const gathering = `error gathering device information while adding custom device ${JSON.stringify(source)}`;
  const found = file.statIfAny(file.AT_FDCWD, source, true);
  if (!found) throw new Failure(`${gathering}: no such file or directory`, { kind: "not found" });
  const node = nodeOf(found, target);
  if (node) return [node];
  const isDirectory = (found.mode & file.S_IFMT) === file.S_IFDIR;
  const all = isDirectory ? devicesBelow(source.replace(/\/+$/, ""), target.replace(/\/+$/, "")) : [];
  if (all.length > 0) return all;
  throw new Failure(`${gathering}: not a device node`);
}

function nodeOf({ mode, uid, gid, rdevMajor: major, rdevMinor: minor }: file.Stat, path: string) {
  const type = mode & file.S_IFMT;
  if (type !== file.S_IFCHR && type !== file.S_IFBLK) return undefined;
  return { path, mode: type | (mode & 0o777), uid, gid, major, minor };
}

function devicesBelow(folder: string, target: string): DeviceNode[] {
  const dir = file.openat(file.AT_FDCWD, folder, file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(dir).flatMap(({ name }) => {
      const found = NOT_DEVICES.has(name) ? undefined : statHere(dir, name);
      if (!found) return [];
      if ((found.mode & file.S_IFMT) === file.S_IFDIR) {
        return devicesBelow(`${folder}/${name}`, `${target}/${name}`);
      }
      return nodeOf(found, `${target}/${name}`) ?? [];
    });
  } finally {
    file.close(dir);
  }
}

/** Undefined for a device that has disappeared, and for one on a mount that this process may not access. */
function statHere(dir: number, name: string): file.Stat | undefined {
  try {
    return file.statIfAny(dir, name);
  } catch (error) {
    if (isErrno(error, "EACCES", "EPERM")) return undefined;
    throw error;
  }
}

/** The rule that allows `access` to a device. */
export function ruleFor({ mode, major, minor }: DeviceNode, access: string): DeviceRule {
  return { type: (mode & file.S_IFMT) === file.S_IFBLK ? "b" : "c", major, minor, access };
}

/** Parses "c 10:* rwm", which was checked when the container was created. */
export function parseRule(text: string): DeviceRule {
  const [type, numbers, access] = text.split(" ");
  const [major, minor] = numbers.split(":").map((number) => number === "*" ? undefined : Number(number));
  // The kernel's "a" means all devices, whatever numbers follow.
  if (type === "a") return { type, major: undefined, minor: undefined, access };
  return { type: type as "b" | "c", major, minor, access };
}
