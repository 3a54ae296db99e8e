// The host's cgroup hierarchies: v1 has one or several for its controllers, v2 has one for all, and a hybrid
// host has both. https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html,
// https://docs.kernel.org/admin-guide/cgroup-v2.html

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
  return known ??= hierarchiesIn(readControl("/proc/self/mountinfo") ?? "");
}

/**
 * The hierarchies of a mount table (proc_pid_mountinfo(5)) with lines "… 4:mount point … - type source
 * options".
 */
function hierarchiesIn(mountinfo: string): Hierarchy[] {
  const found: Hierarchy[] = [];
  const seen = new Set<string>();
  const left = new Set<Controller>(CONTROLLERS);
  let unified: string | undefined;
  for (let at = -1; (at = mountinfo.indexOf(" - cgroup", at + 1)) >= 0;) {
    const line = mountinfo.slice(mountinfo.lastIndexOf("\n", at) + 1, mountinfo.indexOf("\n", at));
    const point = line.split(" ", 5)[4];
    const path = point.includes("\\") ? point.replace(/\\([0-7]{3})/g, unescapeOctal) : point;
    if (mountinfo.startsWith(" - cgroup2 ", at)) {
      unified ??= path;
      continue;
    }
    const options = line.slice(line.lastIndexOf(" ") + 1);
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

const unescapeOctal = (_: string, digits: string) => String.fromCharCode(parseInt(digits, 8));

/** Those of the controllers in `left`, which v1 does not use, that v2 has. */
function offered(unified: string, left: Set<Controller>): Controller[] {
  if (left.size === 0) return [];
  const names = readControl(`${unified}/cgroup.controllers`)?.trim().replace(/\bio\b/, "blkio").split(" ") ??
    [];
  return [...names, ...V2_CORE].filter((name) => left.delete(name as Controller)) as Controller[];
}
