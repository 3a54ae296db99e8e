// A container's resource usage: single readings, and rates computed from two of them.

import { presentGroups } from "../cgroup/group.ts";
import { type Usage, usageOf } from "../cgroup/usage.ts";
import { processFile } from "../base/proc.ts";
import type { ListedContainer } from "./list.ts";
import { isAlive } from "./state.ts";

/** What a container has used up to a time in milliseconds. */
interface Reading extends Usage {
  time: number;
  /** Bytes over its network interfaces except the loopback. */
  received: number;
  sent: number;
}

/** A container's usage; all 0 if it does not run. */
export interface Consumption extends Omit<Reading, "time" | "cpu" | "memoryLimit"> {
  /** Percent of one CPU since the last reading. */
  cpuPercent: number;
  /** Its memory limit in bytes; the host's memory if it has none. */
  memoryLimit: number;
  memoryPercent: number;
}

const NOTHING = { memory: 0, memoryLimit: 0, pids: 0, read: 0, written: 0, received: 0, sent: 0 };

/** Returns a function that reads a container's usage repeatedly. The first reading has no CPU usage. */
export function consumptionMeter(): (container: ListedContainer) => Consumption {
  const host = Deno.systemMemoryInfo().total;
  let last: { pid: number; reading: Reading } | undefined;
  return (container) => {
    const { pid } = container.state;
    if (!isAlive(container.state)) {
      last = undefined;
      return { ...NOTHING, cpuPercent: 0, memoryPercent: 0 };
    }
    const reading = read(container);
    const { time, cpu, ...figures } = reading;
    // A new first process has a new group, which counts from 0.
    const before = last?.pid === pid ? last.reading : reading;
    last = { pid, reading };
    const memoryLimit = Math.min(figures.memoryLimit ?? host, host);
    return {
      ...figures,
      cpuPercent: time > before.time ? Math.max(0, cpu - before.cpu) / 1e6 / (time - before.time) * 100 : 0,
      memoryLimit,
      memoryPercent: figures.memory / memoryLimit * 100,
    };
  };
}

function read({ id, config, state }: ListedContainer): Reading {
  const usage = usageOf(presentGroups({ id, limits: config.limits }));
  // With the host's network, there is no traffic of the container's own.
  return { time: performance.now(), ...usage, ...trafficOf(config.network === "host" ? 0 : state.pid) };
}

/** Parses /proc/PID/net/dev (proc(5)): two header lines, then "eth0: RECEIVED 7 more SENT 7 more". */
function trafficOf(pid: number): Pick<Reading, "received" | "sent"> {
  const traffic = { received: 0, sent: 0 };
  const lines = pid > 0 ? processFile(pid, "net/dev")?.split("\n").slice(2) ?? [] : [];
  for (const line of lines) {
    const [name, counts] = line.split(":", 2);
    if (counts === undefined || name.trim() === "lo") continue;
    const numbers = counts.trim().split(/\s+/).map(Number);
    traffic.received += numbers[0];
    traffic.sent += numbers[8];
  }
  return traffic;
}
