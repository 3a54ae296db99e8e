// Converts limits to the content of control files, for v2 as docker (runc) does.

import * as file from "../../ffi/file.ts";
import { isErrno } from "../../ffi/errno.ts";
import { Failure } from "../base/error.ts";
import type { DeviceLimit, Limits } from "./limits.ts";
import type { Controller } from "./types.ts";

/** A value for the first of several control files that exists; kernels call them differently. */
export interface Setting {
  controller: Controller;
  choices: { file: string; value: string }[];
  /** The flag that set the limit. */
  flag: string;
  version: 1 | 2;
  /** Docker ignores the limit where a kernel has no such file. */
  optional: boolean;
}

const OPTIONAL = ["memory-swap", "memory-reservation", "blkio-weight", "blkio-weight-device"];

/** Microseconds, docker's and the kernel's. */
const CPU_PERIOD = 100_000;

/** v1's and v2's names for the limits of reading from and writing to a device. */
const THROTTLES = [
  { flag: "device-read-bps", field: "deviceReadBps", first: "read_bps", second: "rbps" },
  { flag: "device-write-bps", field: "deviceWriteBps", first: "write_bps", second: "wbps" },
  { flag: "device-read-iops", field: "deviceReadIops", first: "read_iops", second: "riops" },
  { flag: "device-write-iops", field: "deviceWriteIops", first: "write_iops", second: "wiops" },
] as const;

/** The settings, in an order that the kernel accepts. Throws Failure for files that are not devices. */
export function settings(version: 1 | 2, limits: Limits): Setting[] {
  const written = version === 1 ? firstSettings(limits) : secondSettings(limits);
  return written.map((setting) => ({ ...setting, version, optional: OPTIONAL.includes(setting.flag) }));
}

type Written = Omit<Setting, "version" | "optional">;

/** Collects settings; leaves out limits that are not set. */
function collector() {
  const all: Written[] = [];
  return {
    all,
    add(controller: Controller, flag: string, file: string, value: string | number | undefined) {
      if (value !== undefined) all.push({ controller, flag, choices: [{ file, value: String(value) }] });
    },
    /** Adds one setting for each device; `file` and the value depend on its number. */
    each(
      flag: string,
      devices: DeviceLimit[] | undefined,
      write: (device: string, value: number) => string[][],
    ) {
      for (const { path, value } of devices ?? []) {
        const choices = write(deviceNumber(path), value).map(([file, value]) => ({ file, value }));
        all.push({ controller: "blkio", flag, choices });
      }
    },
  };
}

/** --cpus converted to a quota. */
function quota({ nanoCpus, cpuQuota, cpuPeriod }: Limits): { quota?: number; period?: number } {
  if (nanoCpus === undefined) return { quota: cpuQuota, period: cpuPeriod };
  return { quota: Math.floor(nanoCpus * CPU_PERIOD / 1e9), period: CPU_PERIOD };
}

function firstSettings(limits: Limits): Written[] {
  const { all, add, each } = collector();
  add("memory", "memory", "memory.limit_in_bytes", limits.memory);
  add("memory", "memory-swap", "memory.memsw.limit_in_bytes", limits.memorySwap);
  add("memory", "memory-reservation", "memory.soft_limit_in_bytes", limits.memoryReservation);
  if (limits.oomKillDisable) add("memory", "oom-kill-disable", "memory.oom_control", 1);
  const { quota: allowed, period } = quota(limits);
  add("cpu", "cpu-shares", "cpu.shares", limits.cpuShares);
  add("cpu", "cpu-period", "cpu.cfs_period_us", period);
  add("cpu", limits.nanoCpus === undefined ? "cpu-quota" : "cpus", "cpu.cfs_quota_us", allowed);
  add("pids", "pids-limit", "pids.max", pidsMaximum(limits));
  if (limits.blkioWeight) {
    all.push(weight([["blkio.weight", limits.blkioWeight], ["blkio.bfq.weight", limits.blkioWeight]]));
  }
  each("blkio-weight-device", limits.blkioWeightDevice, (device, value) => [
    ["blkio.weight_device", `${device} ${value}`],
    ["blkio.bfq.weight_device", `${device} ${value}`],
  ]);
  for (const { flag, field, first } of THROTTLES) {
    each(flag, limits[field], (device, value) => [[`blkio.throttle.${first}_device`, `${device} ${value}`]]);
  }
  add("cpuset", "cpuset-cpus", "cpuset.cpus", limits.cpusetCpus);
  add("cpuset", "cpuset-mems", "cpuset.mems", limits.cpusetMems);
  return all;
}

function weight(choices: [string, number][]): Written {
  const written = choices.map(([file, value]) => ({ file, value: String(value) }));
  return { controller: "blkio", flag: "blkio-weight", choices: written };
}

function pidsMaximum({ pidsLimit }: Limits): string | undefined {
  if (pidsLimit === undefined) return undefined;
  return pidsLimit > 0 ? String(pidsLimit) : "max";
}

function secondSettings(limits: Limits): Written[] {
  const { all, add, each } = collector();
  add("memory", "memory", "memory.max", limits.memory);
  add("memory", "memory-swap", "memory.swap.max", swapMaximum(limits));
  add("memory", "memory-reservation", "memory.low", limits.memoryReservation);
  const { quota: allowed, period } = quota(limits);
  add("cpu", "cpu-shares", "cpu.weight", limits.cpuShares && weightOfShares(limits.cpuShares));
  if (allowed !== undefined || period !== undefined) {
    const flag = limits.nanoCpus !== undefined ? "cpus" : allowed === undefined ? "cpu-period" : "cpu-quota";
    const most = allowed !== undefined && allowed > 0 ? allowed : "max";
    add("cpu", flag, "cpu.max", `${most} ${period ?? CPU_PERIOD}`);
  }
  add("pids", "pids-limit", "pids.max", pidsMaximum(limits));
  const wanted = limits.blkioWeight;
  if (wanted) all.push(weight([["io.bfq.weight", wanted], ["io.weight", weightOfBlkio(wanted)]]));
  each("blkio-weight-device", limits.blkioWeightDevice, (device, value) => [
    ["io.bfq.weight", `${device} ${value}`],
    ["io.weight", `${device} ${weightOfBlkio(value)}`],
  ]);
  for (const { flag, field, second } of THROTTLES) {
    each(flag, limits[field], (device, value) => [["io.max", `${device} ${second}=${value}`]]);
  }
  add("cpuset", "cpuset-cpus", "cpuset.cpus", limits.cpusetCpus);
  add("cpuset", "cpuset-mems", "cpuset.mems", limits.cpusetMems);
  return all;
}

/** v2 counts swap separately. */
function swapMaximum({ memory, memorySwap }: Limits): string | undefined {
  if (memorySwap === undefined) return undefined;
  return memorySwap < 0 ? "max" : String(memorySwap - (memory ?? 0));
}

/** Maps 2..262144 to 1..10000. */
function weightOfShares(shares: number): number {
  return 1 + Math.floor((Math.min(Math.max(shares, 2), 262144) - 2) * 9999 / 262142);
}

/** Maps 10..1000 to 1..10000. */
function weightOfBlkio(weight: number): number {
  return 1 + Math.floor((weight - 10) * 9999 / 990);
}

/** The numbers "7:3" of a block device's file. Throws Failure. */
function deviceNumber(path: string): string {
  try {
    const { mode, rdevMajor, rdevMinor } = file.stat(file.AT_FDCWD, path, true);
    if ((mode & file.S_IFMT) === file.S_IFBLK) return `${rdevMajor}:${rdevMinor}`;
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR")) throw error;
    throw new Failure(`no such file or directory: ${path}`, { cause: error });
  }
  throw new Failure(`${path} is not a block device`);
}
