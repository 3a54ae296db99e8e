// Steps that give a container its /dev and /sys.

import * as file from "../../ffi/file.ts";
import { MOUNT_ATTR_SIZE, MS_BIND, MS_NOSUID, MS_RDONLY, MS_STRICTATIME } from "../../ffi/mount.ts";
import type { Cell, Program } from "../../ffi/program.ts";
import { attach, attempt, CLOSED, CLOSED_READ_ONLY, makeDirectory, mountAt } from "./mount_program.ts";
import type { InitPlan } from "./plan.ts";

/** Makes /dev and /sys; `cgroups` are the plan's detached mounts. */
export function mountDevices(p: Program, plan: InitPlan, cgroups: Cell[]): void {
  mountAt(p, "tmpfs", "tmpfs", "/dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
  plan.isolation?.devices(p);
  makeDevices(p, plan.isolation !== undefined);
  // Opened for the masks, whatever a volume may cover later.
  const nothing = p.cell();
  p.call("openat", [file.AT_FDCWD, p.string("/dev/null"), file.O_PATH | file.O_CLOEXEC, 0], {
    store: nothing,
  });
  p.call("dup3", [nothing, plan.spare, file.O_CLOEXEC]);
  makeDirectory(p, "/dev/pts");
  attach(p, plan.devpts, "/dev/pts");
  mountAt(p, "sysfs", "sysfs", "/sys", CLOSED | (plan.isolation?.privileged ? 0 : MS_RDONLY), "");
  mountCgroups(p, plan, cgroups);
  mountAt(p, "mqueue", "mqueue", "/dev/mqueue", CLOSED, "");
  if (plan.isolation) plan.isolation.shm(p);
  else mountAt(p, "tmpfs", "shm", "/dev/shm", CLOSED, "mode=1777,size=65536k");
  if (plan.tty) {
    const console = p.string("/dev/console");
    p.call("mknodat", [file.AT_FDCWD, console, file.S_IFREG | 0o620, 0], { what: "/dev/console" });
    p.call("mount", [p.string("/dev/pts/0"), console, 0, MS_BIND, 0], { what: "/dev/console" });
  }
}

const CGROUPS = "/sys/fs/cgroup";

/**
 * Mounts the container's cgroup read-only where programs look for their limits, as docker does. Docker mounts
 * cgroup file systems of the container's cgroup namespace. Bind mounts of the same groups look the same
 * inside, where each is the root, and need no superblock for each of v1's hierarchies, which saves 1 ms.
 */
function mountCgroups(p: Program, { cgroups, isolation }: InitPlan, mounts: Cell[]): void {
  const hasNames = cgroups.length > 0 && cgroups[0].name !== "";
  if (hasNames) mountAt(p, "tmpfs", "tmpfs", CGROUPS, CLOSED, "mode=755");
  cgroups.forEach(({ name }, index) => {
    const target = name === "" ? CGROUPS : `${CGROUPS}/${name}`;
    if (name !== "") p.call("mkdirat", [file.AT_FDCWD, p.string(target), 0o755], { what: target });
    attach(p, mounts[index], target);
  });
  if (!hasNames || isolation?.privileged) return;
  // By its path as sysfs has it, where nobody can move anything; mount points are made in it before.
  const attributes = p.words([CLOSED_READ_ONLY, 0, 0, 0]);
  p.call("mount_setattr", [file.AT_FDCWD, p.string(CGROUPS), 0, attributes, MOUNT_ATTR_SIZE], {
    what: `${CGROUPS} read-only`,
  });
}

const DEVICES: [string, number, number][] = [
  ["null", 1, 3],
  ["zero", 1, 5],
  ["full", 1, 7],
  ["random", 1, 8],
  ["urandom", 1, 9],
  ["tty", 5, 0],
];

const DEVICE_LINKS: [string, string][] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
  ["ptmx", "pts/ptmx"],
  ["core", "/proc/kcore"],
];

/** `some`: nodes that the container asked for exist already. */
function makeDevices(p: Program, some: boolean): void {
  const make = (name: string, call: "mknodat" | "symlinkat", args: Parameters<Program["call"]>[1]) => {
    if (some) attempt(p, call, args);
    else p.call(call, args, { what: `/dev/${name}` });
  };
  for (const [name, major, minor] of DEVICES) {
    const node = p.string(`/dev/${name}`);
    make(name, "mknodat", [file.AT_FDCWD, node, file.S_IFCHR | 0o666, file.makedev(major, minor)]);
  }
  for (const [name, target] of DEVICE_LINKS) {
    make(name, "symlinkat", [p.string(target), file.AT_FDCWD, p.string(`/dev/${name}`)]);
  }
}
