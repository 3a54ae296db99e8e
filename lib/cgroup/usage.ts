// The resources that a container's group uses, or has used since it was made.

import { readControl } from "./control_file.ts";
import type { Controller, Group } from "./types.ts";

export interface Usage {
  /** Nanoseconds of processor time. */
  cpu: number;
  /**
   * Bytes, without cached files that have not been used for long, since those are reclaimed whenever memory
   * is needed.
   */
  memory: number;
  /** Bytes; undefined where there is no limit. */
  memoryLimit?: number;
  /** Processes and threads. */
  pids: number;
  /** Bytes from and to block devices. */
  read: number;
  written: number;
}

/** The figures of a group; 0 where the host lacks the controller or the group is gone. */
export function usageOf(groups: Group[]): Usage {
  const group = (controller: Controller) =>
    groups.find(({ controllers }) => controllers.includes(controller));
  return {
    cpu: cpuOf(group("cpuacct")),
    ...memoryOf(group("memory")),
    pids: Number(text(group("pids"), "pids.current")),
    ...blockOf(group("blkio")),
  };
}

/** "" where the file does not exist. */
function text(group: Group | undefined, name: string): string {
  return group && readControl(`${group.path}/${name}`) || "";
}

/** The number after a name in a file of such lines; 0 if missing. */
function entry(content: string, name: string): number {
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(content)?.[1] ?? 0);
}

function cpuOf(group: Group | undefined): number {
  return group?.version === 2
    ? entry(text(group, "cpu.stat"), "usage_usec") * 1000
    : Number(text(group, "cpuacct.usage"));
}

const MEMORY = {
  1: { usage: "memory.usage_in_bytes", limit: "memory.limit_in_bytes", idle: "total_inactive_file" },
  2: { usage: "memory.current", limit: "memory.max", idle: "inactive_file" },
} as const;

/** The largest limit of a page counter, which v1 shows where there is no limit. */
const UNLIMITED = 2 ** 62;

function memoryOf(group: Group | undefined): Pick<Usage, "memory" | "memoryLimit"> {
  const { usage, limit, idle } = MEMORY[group?.version ?? 2];
  const used = Number(text(group, usage));
  const unused = entry(text(group, "memory.stat"), idle);
  // "max", or "" for a group that is gone, is not a number above 0.
  const most = Number(text(group, limit));
  return {
    memory: unused < used ? used - unused : used,
    memoryLimit: most > 0 && most < UNLIMITED ? most : undefined,
  };
}

/** v1: "8:0 Read 4096", v2: "8:0 rbytes=4096 wbytes=0 ..."; one line per device. */
function blockOf(group: Group | undefined): Pick<Usage, "read" | "written"> {
  const isFirst = group?.version === 1;
  const content = text(group, isFirst ? "blkio.throttle.io_service_bytes" : "io.stat");
  const sum = (pattern: RegExp) => [...content.matchAll(pattern)].reduce((all, [, n]) => all + Number(n), 0);
  return isFirst
    ? { read: sum(/ Read (\d+)$/gm), written: sum(/ Write (\d+)$/gm) }
    : { read: sum(/ rbytes=(\d+)/g), written: sum(/ wbytes=(\d+)/g) };
}
