// Lists what this host lacks for running containers, and the consequences.

import { isErrno } from "../../ffi/errno.ts";
import { close } from "../../ffi/file.ts";
import { mountDetached } from "../../ffi/mount.ts";
import { kernelAtLeast } from "../base/kernel.ts";
import { type Cgroups, readIfAny } from "./facts.ts";

/** Controllers for limits on containers. */
const LIMITERS = ["cpu", "memory", "pids"];

/** One line for each missing feature: what is missing, why it matters, and what can be done about it. */
export function shortcomings(groups: Cgroups): string[] {
  return [
    privileges(),
    kernelAge(),
    overlay(),
    executableMemory(),
    limits(groups),
    deviceRules(groups),
    filters(),
  ]
    .filter((line) => line !== undefined);
}

function privileges(): string | undefined {
  if (Deno.uid() === 0) return undefined;
  return `user ${Deno.uid()} is not root: containers can't be started, nor images unpacked; use sudo`;
}

function kernelAge(): string | undefined {
  const release = Deno.osRelease();
  if (!kernelAtLeast(5, 12)) return `Linux ${release} is older than 5.12: containers can't be started`;
  if (kernelAtLeast(6, 7)) return undefined;
  return `Linux ${release} is older than 6.7: images of more than about 200 layers can't be mounted, ` +
    "and each start takes a few milliseconds more";
}

/** Requesting the file system makes the kernel load the module, if there is one. */
function overlay(): string | undefined {
  if (/\toverlay$/m.test(readIfAny("/proc/filesystems") ?? "")) return undefined;
  try {
    close(mountDetached("overlay", []));
  } catch (error) {
    if (isErrno(error, "ENODEV")) {
      return "no overlayfs: images can't be mounted; load it with: modprobe overlay";
    }
    if (!isErrno(error)) throw error; // refused for lack of layers or privileges: overlayfs exists
  }
  return undefined;
}

/**
 * With memfd_noexec set to 2, no executable can be made in memory (memfd_create(2)), which is how a
 * container's first process begins.
 */
function executableMemory(): string | undefined {
  if (Number(readIfAny("/proc/sys/vm/memfd_noexec") ?? 0) < 2) return undefined;
  return "vm.memfd_noexec is 2: containers can't be started; set it with: sysctl vm.memfd_noexec=1";
}

function limits({ layout, controllers }: Cgroups): string | undefined {
  if (layout === "none") return "no cgroups: containers' use of CPU, memory and processes can't be limited";
  const missing = LIMITERS.filter((name) => !controllers.has(name));
  if (missing.length === 0) return undefined;
  return `no cgroup controller for ${missing.join(", ")}: containers' use of that can't be limited`;
}

/**
 * Without a group there are no device rules. Then root in a container can open every device whose node it can
 * make.
 */
function deviceRules({ layout, readOnly }: Cgroups): string | undefined {
  if (layout !== "none" && readOnly.length === 0) return undefined;
  const why = layout === "none" ? "no cgroups" : `cgroups are mounted read-only at ${readOnly.join(", ")}`;
  const cure = layout === "none"
    ? "mount -t cgroup2 none /sys/fs/cgroup"
    : `mount -o remount,bind,rw ${readOnly[0]}`;
  return `${why}: containers have no limits there, and root in them may open any device it makes a node of; ` +
    `mend it with: ${cure}`;
}

function filters(): string | undefined {
  if (/^Seccomp:/m.test(readIfAny("/proc/self/status") ?? "")) return undefined;
  return "no seccomp: containers' system calls can't be filtered";
}
