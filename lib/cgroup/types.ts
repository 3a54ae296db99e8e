// What a container's groups are, and what is asked of them. Types alone.

import type { Limits } from "./limits.ts";

/** What containers need of cgroups, by v1's names; what v2 has no controller for, it can do by itself. */
export const CONTROLLERS = [
  "devices",
  "memory",
  "pids",
  "cpu",
  "cpuacct",
  "freezer",
  "blkio",
  "cpuset",
] as const;

export type Controller = typeof CONTROLLERS[number];

/** What is allowed: of no rule, nothing is. */
export interface DeviceRule {
  /** All devices, block devices, character devices. */
  type: "a" | "b" | "c";
  /** Undefined: any. */
  major: number | undefined;
  minor: number | undefined;
  /** Some of "r", "w" and "m" (mknod). */
  access: string;
}

/** A container's directory in one hierarchy. */
export interface Group {
  version: 1 | 2;
  path: string;
  /** Those it has, or has still to be given by its parents (v2). */
  controllers: Controller[];
}

/** Whose group it is: both are fixed when the container is created. */
export interface GroupOwner {
  id: string;
  limits?: Limits;
}
