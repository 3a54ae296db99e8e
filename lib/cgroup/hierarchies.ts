// The host's cgroup hierarchies: v1 has one or several for its controllers, v2 has one for all, and a hybrid
// host has both. https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html,
// https://docs.kernel.org/admin-guide/cgroup-v2.html

import { parseLine, readTable } from "../base/mount_table.ts";
import { readControl } from "./control_file.ts";
import { type Controller, CONTROLLERS } from "./types.ts";

export interface Hierarchy {
  version: 1 | 2;
  /** The mount point. */
  path: string;
  /**
   * Empty for a named hierarchy (systemd's), for v1 controllers that containers don't need, and for a hybrid
   * host's v2.
   */
  controllers: Controller[];
}

/** Controllers that v2 calls differently ("io"), and those that its core provides without a controller. */
const V2_CORE: Controller[] = ["devices", "freezer", "cpuacct"];

let known: Hierarchy[] | undefined;

/**
 * All mounted hierarchies, each once, with their controllers; a controller is in at most one of them. Reads
 * the mounts once.
 */
export function hierarchies(): Hierarchy[] {
  return known ??= hierarchiesIn(readTable());
}

/** The hierarchies of a mount table. Only their own lines are parsed: a host may have thousands of mounts. */
function hierarchiesIn(mountinfo: string): Hierarchy[] {
  const found: Hierarchy[] = [];
  const seen = new Set<string>();
  const left = new Set<Controller>(CONTROLLERS);
  let unified: string | undefined;
  for (let at = -1; (at = mountinfo.indexOf(" - cgroup", at + 1)) >= 0;) {
    const line = mountinfo.slice(mountinfo.lastIndexOf("\n", at) + 1, mountinfo.indexOf("\n", at));
    const { point: path, type, options } = parseLine(line);
    if (type === "cgroup2") {
      unified ??= path;
      continue;
    }
    // A hierarchy has the same options, among them its name, wherever it is mounted, except for the first:
    // "rw" or "ro".
    const identity = options.slice(options.indexOf(",") + 1);
    if (seen.has(identity)) continue;
    seen.add(identity);
    const controllers = identity.split(",").filter((name) => left.delete(name as Controller)) as Controller[];
    found.push({ version: 1, path, controllers });
  }
  if (unified !== undefined) found.push({ version: 2, path: unified, controllers: offered(unified, left) });
  return found;
}

/** Those of the controllers in `left`, which v1 does not use, that v2 has. */
function offered(unified: string, left: Set<Controller>): Controller[] {
  if (left.size === 0) return [];
  const names = readControl(`${unified}/cgroup.controllers`)?.trim().replace(/\bio\b/, "blkio").split(" ") ??
    [];
  return [...names, ...V2_CORE].filter((name) => left.delete(name as Controller)) as Controller[];
}
