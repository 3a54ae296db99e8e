// A cgroup of a container's own, for those that have no PID namespace of their own: what tells their processes from
// others', and finds them when the first has ended. In one hierarchy, whichever there is.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { CommandError } from "../cli/error.ts";
import { mountTable } from "../host/facts.ts";

/** Where a container's group is, and how a process enters it. */
export interface Group {
  path: string;
  /** Writing "0" there moves the process that does. */
  entrance: number;
}

/** Of cgroup v1: those that nearly all hosts have. */
const CONTROLLERS = ["pids", "memory", "devices", "cpu"];

/** The group and the file to enter by: a thread that enters alone does without the lock of whole processes. */
function place(id: string): { path: string; entrance: string } {
  const mounts = mountTable();
  const first = mounts.find(({ type, options }) =>
    type === "cgroup" && CONTROLLERS.some((name) => options.includes(name))
  );
  const mount = first ?? mounts.find(({ type }) => type === "cgroup2");
  if (!mount) {
    throw new CommandError(
      "this host has no cgroups mounted, and without a PID namespace of its own nothing else tells a container's " +
        "processes: leave --pid out, or mount them, as with: mount -t cgroup2 none /sys/fs/cgroup",
    );
  }
  return { path: `${mount.path}/mydocker-${id}`, entrance: first ? "tasks" : "cgroup.procs" };
}

/** Makes it, or takes what a killed keeper left of it. The caller closes its entrance. Throws CommandError. */
export function makeGroup(id: string): Group {
  const { path } = place(id);
  try {
    file.mkdirat(file.AT_FDCWD, path, 0o755);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
  return openGroup(id);
}

/** The group there is. Throws KernelError (ENOENT) where there is none. */
export function openGroup(id: string): Group {
  const { path, entrance } = place(id);
  return { path, entrance: file.openat(file.AT_FDCWD, `${path}/${entrance}`, file.O_WRONLY) };
}

/** Processes in it now; none where it is gone. */
export function groupMembers(id: string): number[] {
  try {
    const text = Deno.readTextFileSync(`${place(id).path}/cgroup.procs`);
    return text.split("\n").filter((line) => line !== "").map(Number);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
