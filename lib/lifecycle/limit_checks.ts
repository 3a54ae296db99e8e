// Checks limits, alone and together: what docker's daemon refuses, and what it warns about.

import { removeTree } from "../../ffi/remove_tree.ts";
import { missingSettings } from "../cgroup/apply.ts";
import { makeGroups, PROBE, removeGroups } from "../cgroup/group.ts";
import type { Limits } from "../cgroup/limits.ts";
import type { Setting } from "../cgroup/settings.ts";
import { readIfAny } from "../host/facts.ts";
import { Failure } from "../base/error.ts";
import { writeFile } from "../base/json.ts";
import { rootFd } from "../store/root.ts";
import type { Group } from "../cgroup/types.ts";
import { MAX_WHOLE } from "../base/whole.ts";

const LEAST_MEMORY = 6 * 1024 * 1024;

/** Limits as they will be stored, and warnings about those that were dropped. */
export interface Checked {
  limits: Limits;
  warnings: string[];
}

/**
 * Checks the limits of a new container `id` by making its group for a moment. Throws Failure in docker's
 * words, and where this host has no controller for a limit.
 */
export async function checkLimits(id: string, given: Limits): Promise<Checked> {
  refuseNonsense(given);
  if (given.memory === undefined && (given.memorySwap ?? 0) > 0) {
    throw new Failure("You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  const limits = { ...given };
  if (limits.pidsLimit !== undefined && limits.pidsLimit <= 0) delete limits.pidsLimit;
  if (limits.memory !== undefined) limits.memorySwap ??= Math.min(2 * limits.memory, MAX_WHOLE);
  const place = onlyPlace(limits);
  const mark = markProbe(id, place);
  const groups = await makeGroups({ id, limits: place }, "all");
  try {
    return warningsOf(groups, limits);
  } finally {
    removeGroups(groups);
    removeTree(rootFd(), mark);
  }
}

/** Leaves a note for the sweep, in case this process is killed while the group exists. */
function markProbe(id: string, place: Limits): string {
  const mark = `tmp/${PROBE}${id}`;
  writeFile(rootFd(), mark, JSON.stringify({ id, limits: place }));
  return mark;
}

/**
 * The limits that a group, if there is one, can be given, and warnings of the others. Throws Failure
 * where it has no controller for one.
 */
export function warningsOf(groups: Group[], limits: Limits): Checked {
  if (groups.length === 0) return { limits, warnings: [] };
  return possible(limits, missingSettings(groups, limits), groups.some(hasSecondMemory));
}

const hasSecondMemory = ({ version, controllers }: Group) => version === 2 && controllers.includes("memory");

/** The limits that decide where the group is, and in which hierarchies. */
function onlyPlace({ cgroupParent, cpusetCpus, cpusetMems }: Limits): Limits {
  return { cgroupParent, cpusetCpus, cpusetMems };
}

/** Throws Failure for limits that no host can fulfil, or not this one with its CPUs and memory nodes. */
export function refuseNonsense(limits: Limits): void {
  refuseMemory(limits);
  refuseProcessor(limits);
  refuseSet("cpus", "CPUs", limits.cpusetCpus, "/sys/devices/system/cpu/online");
  refuseSet("mems", "memory nodes", limits.cpusetMems, "/sys/devices/system/node/online");
  const { blkioWeight: weight } = limits;
  if (weight !== undefined && (weight < 10 || weight > 1000)) {
    throw new Failure("Range of blkio weight is from 10 to 1000");
  }
}

function refuseMemory({ memory = 0, memorySwap = 0, memoryReservation = 0 }: Limits): void {
  if (memory !== 0 && memory < LEAST_MEMORY) throw new Failure("Minimum memory limit allowed is 6MB");
  if (memory > 0 && memorySwap > 0 && memorySwap < memory) {
    throw new Failure("Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memoryReservation > 0 && memoryReservation < LEAST_MEMORY) {
    throw new Failure("Minimum memory reservation allowed is 6MB");
  }
  if (memory > 0 && memoryReservation > 0 && memory < memoryReservation) {
    throw new Failure("Minimum memory limit can not be less than memory reservation limit, see usage");
  }
}

function refuseProcessor({ nanoCpus = 0, cpuPeriod = 0, cpuQuota = 0, cpuShares = 0 }: Limits): void {
  if (nanoCpus > 0 && cpuPeriod > 0) {
    throw new Failure("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (nanoCpus > 0 && cpuQuota > 0) {
    throw new Failure("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  const available = setMembers(onlineProcessors())!.size;
  // The kernel's least quota is a hundredth of the period.
  if (nanoCpus !== 0 && (nanoCpus < 1e7 || nanoCpus > available * 1e9)) {
    throw new Failure(
      `Range of CPUs is from 0.01 to ${available}.00, as there are only ${available} CPUs available`,
    );
  }
  if (cpuPeriod !== 0 && (cpuPeriod < 1000 || cpuPeriod > 1_000_000)) {
    throw new Failure("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (cpuQuota > 0 && cpuQuota < 1000) {
    throw new Failure("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  }
  if (cpuShares < 0) throw new Failure("shares: invalid argument");
  if (cpuShares === 1) throw new Failure("the minimum allowed cpu-shares is 2");
  if (cpuShares > 262144) throw new Failure("the maximum allowed cpu-shares is 262144");
}

const onlineProcessors = () => readIfAny("/sys/devices/system/cpu/online")?.trim() ?? "0";

function refuseSet(name: string, what: string, text: string | undefined, online: string): void {
  if (text === undefined) return;
  const members = setMembers(text);
  if (!members) throw new Failure(`Invalid value ${text} for cpuset ${name}: invalid format: ${text}`);
  // A kernel without NUMA has one node, and no list of them.
  const available = readIfAny(online)?.trim() ?? "0";
  if (!members.isSubsetOf(setMembers(available)!)) {
    throw new Failure(`Requested ${what} are not available - requested ${text}, available: ${available}`);
  }
}

/** The numbers in "0-2,5"; undefined if it is invalid. */
function setMembers(text: string): Set<number> | undefined {
  const members = new Set<number>();
  for (const part of text.split(",")) {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    if (first === undefined || Number(last) < Number(first)) return undefined;
    for (let number = Number(first); number <= Number(last); number++) members.add(number);
  }
  return members;
}

/** docker's warnings about limits whose controller exists but whose control file the kernel lacks. */
const DISCARDED: Partial<Record<string, [keyof Limits, string]>> = {
  "blkio-weight": ["blkioWeight", "Block I/O weight or the cgroup is not mounted. Weight discarded."],
  "blkio-weight-device": [
    "blkioWeightDevice",
    "Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
  ],
  "memory-reservation": [
    "memoryReservation",
    "memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.",
  ],
};

/** The limits without those that have no control file on this host. `second`: memory is v2's. */
function possible(given: Limits, missing: Setting[], second: boolean): Checked {
  const limits = { ...given };
  const warnings: string[] = [];
  for (const { flag } of missing) {
    const [field, text] = DISCARDED[flag] ?? [];
    if (field === undefined || limits[field] === undefined) continue;
    delete limits[field];
    warnings.push(`Your kernel does not support ${text}`);
  }
  if (missing.some(({ flag }) => flag === "memory-swap") && limits.memorySwap !== -1) {
    limits.memorySwap = -1;
    warnings.push(
      "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
    );
  }
  if (limits.oomKillDisable && second) {
    delete limits.oomKillDisable;
    warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
  }
  if (limits.oomKillDisable && limits.memory === undefined) {
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running " +
        "out of resources.",
    );
  }
  return { limits, warnings };
}
