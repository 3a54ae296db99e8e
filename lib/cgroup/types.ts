// Types of a container's groups.

import type { Limits } from "./limits.ts";

/** The controllers that containers need, by v1's names. What v2 has no controller for is built into it. */
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

/** Allows access to devices; what no rule allows is forbidden. */
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
  /** The group's controllers, including those that its v2 parents must still pass on. */
  controllers: Controller[];
}

/** The owner of a group; both fields are fixed when the container is created. */
export interface GroupOwner {
  id: string;
  limits?: Limits;
}
