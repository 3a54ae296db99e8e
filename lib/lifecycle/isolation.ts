// Prepares a container's isolation for a start: opens descriptors and devices, and makes decisions.

import { CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWUTS } from "../../ffi/clone.ts";
import * as file from "../../ffi/file.ts";
import { bindDetached } from "../../ffi/mount.ts";
import { DEFAULT_DEVICE_RULES } from "../cgroup/devices.ts";
import { Failure } from "../base/error.ts";
import { type IsolationSteps, isolationSteps } from "../keeper/isolation_program.ts";
import { type DeviceNode, devicesAt, hostDevices, parseRule, ruleFor } from "../security/devices.ts";
import { openContainer } from "../container/find.ts";
import { processOf } from "../container/process.ts";
import { containerState } from "../container/state.ts";
import { type Container, type ContainerConfig, DEFAULT_SHM_SIZE } from "../model/container.ts";
import type { DeviceRule } from "../cgroup/types.ts";

/** The isolation of a start. */
export interface PreparedIsolation {
  steps: IsolationSteps;
  /** For the container's cgroup. */
  deviceRules: DeviceRule[] | "all";
  /** Called if the host allows the container no cgroup. Throws Failure if it can't do without. */
  mindNoGroups(): void;
}

/**
 * Opens and decides everything; `keep` takes descriptors that are to be closed. Throws Failure where
 * something requested does not exist.
 */
export function prepareIsolation({ config }: Container, keep: (fd: number) => number): PreparedIsolation {
  checkSysctls(config);
  const { devices, rules } = devicesOf(config);
  const joined = (mode: string | undefined, kind: "PID" | "IPC" | "UTS" | "cgroup") =>
    mode?.startsWith("container:") ? keep(joinedProcess(mode.slice("container:".length), kind)) : undefined;
  const ipc = joined(config.ipcMode, "IPC");
  const steps = isolationSteps({
    privileged: config.privileged ?? false,
    shared: sharedNamespaces(config),
    pid: joined(config.pidMode, "PID"),
    ipc,
    uts: joined(config.utsMode, "UTS"),
    cgroup: joined(config.cgroupnsMode, "cgroup"),
    shm: shmOf(config, keep),
    devices,
    sysctls: Object.entries(config.sysctls ?? {}).map(([name, value]) => [sysctlPath(name), value]),
    rlimits: config.ulimits ?? [],
    oomScoreAdj: config.oomScoreAdj,
  });
  return {
    steps,
    deviceRules: rules,
    mindNoGroups() {
      if (config.pidMode === undefined) return;
      throw new Failure(
        "this host has no cgroups that could be used, and without a PID namespace of its own nothing else tells a " +
          "container's processes: leave --pid out, or mount them, as with: mount -t cgroup2 none /sys/fs/cgroup",
      );
    },
  };
}

function sharedNamespaces({ pidMode, ipcMode, utsMode, cgroupnsMode }: ContainerConfig): number {
  const isOwn = ipcMode === undefined || ipcMode === "shareable" || ipcMode === "none";
  return (pidMode === undefined ? 0 : CLONE_NEWPID) | (isOwn ? 0 : CLONE_NEWIPC) |
    (utsMode === undefined ? 0 : CLONE_NEWUTS) | (cgroupnsMode === undefined ? 0 : CLONE_NEWCGROUP);
}

const sysctlPath = (name: string) => `/proc/sys/${name.replaceAll(".", "/")}`;

/** Refuses to set what belongs to the host. */
function checkSysctls({ sysctls = {}, network, ipcMode }: ContainerConfig): void {
  for (const name of Object.keys(sysctls)) {
    if (name.startsWith("net.")) {
      if (network !== "host") continue;
      throw new Failure(`sysctl ${JSON.stringify(name)} not allowed in host network namespace`);
    }
    if (ipcMode === "host") {
      throw new Failure(`sysctl ${JSON.stringify(name)} is not allowed in the hosts ipc namespace`);
    }
  }
}

function devicesOf({ privileged, devices = [], deviceCgroupRules = [] }: ContainerConfig) {
  if (privileged) {
    const nodes = hostDevices();
    // With --privileged, devices exist under their own names already.
    const renamed = devices.flatMap(({ source, target }) => devicesAt(source, target));
    return { devices: [...renamed, ...nodes], rules: "all" as const };
  }
  const nodes: DeviceNode[] = [];
  const rules: DeviceRule[] = [];
  for (const { source, target, access } of devices) {
    for (const node of devicesAt(source, target)) {
      nodes.push(node);
      rules.push(ruleFor(node, access));
    }
  }
  return { devices: nodes, rules: [...DEFAULT_DEVICE_RULES, ...rules, ...deviceCgroupRules.map(parseRule)] };
}

function shmOf({ ipcMode = "", shmSize = DEFAULT_SHM_SIZE }: ContainerConfig, keep: (fd: number) => number) {
  if (ipcMode === "none") return "none";
  if (ipcMode.startsWith("container:")) return "joined";
  if (ipcMode !== "host") return { size: shmSize };
  if (!file.statIfAny(file.AT_FDCWD, "/dev/shm")) {
    throw new Failure("/dev/shm is not mounted, but must be for --ipc=host");
  }
  return { fd: keep(bindDetached(file.AT_FDCWD, "/dev/shm")) };
}

/**
 * A pidfd of the first process of the container whose namespace it shall be. Throws Failure in docker's
 * words.
 */
function joinedProcess(id: string, kind: "PID" | "IPC" | "UTS" | "cgroup"): number {
  const joining = kind === "IPC" ? `can't join IPC of container ${id}: ` : "";
  const donor = openContainer(id);
  if (!donor) {
    throw new Failure(
      joining
        ? `${joining}No such container: ${id}`
        : `cannot join ${kind} of a non running container: ${id}: No such container: ${id}`,
    );
  }
  try {
    const process = processOf(donor);
    if (process === undefined) {
      const { status } = containerState(donor.dir);
      const why = status === "restarting" ? "restarting, wait until the container is running" : "not running";
      throw new Failure(`${joining}${status === "restarting" ? "Container" : "container"} ${id} is ${why}`);
    }
    if (kind === "IPC" && ["", "none"].includes(donor.config.ipcMode ?? "")) {
      file.close(process);
      throw new Failure(`${joining}non-shareable IPC (hint: use IpcMode:shareable for the donor container)`);
    }
    return process;
  } finally {
    file.close(donor.dir);
  }
}
