// The cgroup hierarchies of the host: v1 has one or several for its controllers, v2 one for all, and a hybrid host both.
// https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html, https://docs.kernel.org/admin-guide/cgroup-v2.html

import { readControl } from "./control_file.ts";

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

export interface Hierarchy {
  version: 1 | 2;
  /** Where it is mounted. */
  path: string;
  controllers: Controller[];
}

/** Of v2's own names ("io") those that differ; its core freezes, accounts, and takes programs for devices. */
const V2_CORE: Controller[] = ["devices", "freezer", "cpuacct"];

let known: Hierarchy[] | undefined;

/** Those mounted, with the controllers they have; a controller is in one of them at most. Looked at once. */
export function hierarchies(): Hierarchy[] {
  return known ??= findHierarchies();
}

function findHierarchies(): Hierarchy[] {
  const found: Hierarchy[] = [];
  const left = new Set<Controller>(CONTROLLERS);
  let unified: string | undefined;
  for (const line of readControl("/proc/self/mountinfo")?.split("\n") ?? []) {
    const at = line.indexOf(" - cgroup");
    if (at < 0) continue;
    const path = line.split(" ", 5)[4];
    if (line.startsWith(" - cgroup2 ", at)) {
      unified ??= path;
      continue;
    }
    const options = line.slice(line.lastIndexOf(" ") + 1).split(",");
    const controllers = options.filter((name) => left.delete(name as Controller)) as Controller[];
    if (controllers.length > 0) found.push({ version: 1, path, controllers });
  }
  if (unified === undefined || left.size === 0) return found;
  const offered =
    readControl(`${unified}/cgroup.controllers`)?.trim().replace(/\bio\b/, "blkio").split(" ") ?? [];
  const controllers = [...offered, ...V2_CORE].filter((name) =>
    left.delete(name as Controller)
  ) as Controller[];
  if (controllers.length > 0) found.push({ version: 2, path: unified, controllers });
  return found;
}
