// The flags for resource limits. limit_values.ts parses their values once one is given.

import type { Limits } from "../cgroup/limits.ts";
import type { Flag, Parsed } from "../cli/command.ts";

/** Also the flags of `update`. */
export const LIVE_LIMIT_FLAGS: Flag[] = [
  {
    name: "blkio-weight",
    kind: "string",
    value: "uint16",
    help: "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)",
  },
  { name: "cpu-period", kind: "int", help: "Limit CPU CFS (Completely Fair Scheduler) period" },
  { name: "cpu-quota", kind: "int", help: "Limit CPU CFS (Completely Fair Scheduler) quota" },
  {
    name: "cpu-shares",
    short: "c",
    kind: "int",
    help: "CPU shares (relative weight)",
    oneDash: "cpushare",
  },
  { name: "cpus", kind: "string", value: "decimal", help: "Number of CPUs" },
  {
    name: "cpuset-cpus",
    kind: "string",
    help: "CPUs in which to allow execution (0-3, 0,1)",
    oneDash: "cpuset",
  },
  { name: "cpuset-mems", kind: "string", help: "MEMs in which to allow execution (0-3, 0,1)" },
  { name: "memory", short: "m", kind: "string", value: "bytes", help: "Memory limit", oneDash: "mem" },
  {
    name: "memory-reservation",
    kind: "string",
    value: "bytes",
    help: "Memory soft limit",
  },
  {
    name: "memory-swap",
    kind: "string",
    value: "bytes",
    help: "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
  },
  { name: "pids-limit", kind: "int", help: "Tune container pids limit (set -1 for unlimited)" },
];

export const LIMIT_FLAGS: Flag[] = [
  ...LIVE_LIMIT_FLAGS,
  {
    name: "blkio-weight-device",
    kind: "list",
    help: "Block IO weight (relative device weight) (path:weight)",
  },
  { name: "cgroup-parent", kind: "string", help: "Optional parent cgroup for the container" },
  {
    name: "device-read-bps",
    kind: "list",
    help: "Limit read rate (bytes per second) from a device (path:1mb)",
  },
  {
    name: "device-read-iops",
    kind: "list",
    help: "Limit read rate (IO per second) from a device (path:1000)",
  },
  {
    name: "device-write-bps",
    kind: "list",
    help: "Limit write rate (bytes per second) to a device (path:1mb)",
  },
  {
    name: "device-write-iops",
    kind: "list",
    help: "Limit write rate (IO per second) to a device (path:1000)",
  },
  { name: "oom-kill-disable", kind: "bool", help: "Disable OOM Killer" },
];

/** The limits; undefined if none is given. Throws Refusal for invalid values. */
export async function givenLimits(parsed: Parsed, flags = LIMIT_FLAGS): Promise<Limits | undefined> {
  if (!flags.some(({ name }) => parsed.given(name))) return undefined;
  const { readLimits } = await import("./limit_values.ts");
  return readLimits(parsed, flags);
}
