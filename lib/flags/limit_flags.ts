// The flags that say what a container may use. Their values are read by limit_values.ts, once one is given.

import type { Limits } from "../cgroup/limits.ts";
import type { Flag, Parsed } from "../cli/command.ts";

/** Those of `update`, too. */
export const LIVE_LIMIT_FLAGS: Flag[] = [
  {
    name: "blkio-weight",
    kind: "string",
    value: "uint16",
    help: "Weight of its disk I/O, 10 to 1000 (0: the kernel's default)",
  },
  { name: "cpu-period", kind: "int", help: "Microseconds in which it may use --cpu-quota" },
  { name: "cpu-quota", kind: "int", help: "Microseconds of processor time per --cpu-period" },
  {
    name: "cpu-shares",
    short: "c",
    kind: "int",
    help: "Weight among those that want to run",
    oneDash: "cpushare",
  },
  { name: "cpus", kind: "string", value: "decimal", help: "Number of processors" },
  { name: "cpuset-cpus", kind: "string", help: "Processors it may run on (0-3, 0,1)", oneDash: "cpuset" },
  { name: "cpuset-mems", kind: "string", help: "Memory nodes it may use (0-3, 0,1)" },
  { name: "memory", short: "m", kind: "string", value: "bytes", help: "Limit of memory", oneDash: "mem" },
  {
    name: "memory-reservation",
    kind: "string",
    value: "bytes",
    help: "Memory left to it when that gets scarce",
  },
  {
    name: "memory-swap",
    kind: "string",
    value: "bytes",
    help: "Limit of memory and swap together (-1: no limit of swap)",
  },
  { name: "pids-limit", kind: "int", help: "Limit of processes and threads (-1: none)" },
];

export const LIMIT_FLAGS: Flag[] = [
  ...LIVE_LIMIT_FLAGS,
  { name: "blkio-weight-device", kind: "list", help: "The same for one device (path:weight)" },
  { name: "cgroup-parent", kind: "string", help: "Where to make its cgroup, below the top" },
  { name: "device-read-bps", kind: "list", help: "Limit of bytes per second read from a device (path:1mb)" },
  { name: "device-read-iops", kind: "list", help: "Limit of reads per second from a device (path:1000)" },
  {
    name: "device-write-bps",
    kind: "list",
    help: "Limit of bytes per second written to a device (path:1mb)",
  },
  { name: "device-write-iops", kind: "list", help: "Limit of writes per second to a device (path:1000)" },
  { name: "oom-kill-disable", kind: "bool", help: "Let it wait where it would be killed for want of memory" },
];

/** What these flags ask for; undefined where none is given. Throws CommandError for values that are none. */
export async function givenLimits(parsed: Parsed, flags = LIMIT_FLAGS): Promise<Limits | undefined> {
  if (!flags.some(({ name }) => parsed.given(name))) return undefined;
  const { readLimits } = await import("./limit_values.ts");
  return readLimits(parsed, flags);
}
