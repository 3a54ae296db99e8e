// The cgroup hierarchies of the host: v1 has one or several for its controllers, v2 one for all, and a hybrid
// host both. https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html,
// https://docs.kernel.org/admin-guide/cgroup-v2.html

import { readControl } from "./control_file.ts";
import { type Controller, CONTROLLERS } from "./types.ts";

export interface Hierarchy {
  version: 1 | 2;
  /** Where it is mounted. */
  path: string;
  /**
   * None for a named one (systemd's), for v1's that containers need nothing of, and for a hybrid host's v2.
   */
  controllers: Controller[];
}

/** Of v2's own names ("io") those that differ; its core freezes, accounts, and takes programs for devices. */
const V2_CORE: Controller[] = ["devices", "freezer", "cpuacct"];

let known: Hierarchy[] | undefined;

/**
 * All that are mounted, each once, with the controllers they have; a controller is in one of them at most.
 * Looked at once.
 */
export function hierarchies(): Hierarchy[] {
  return known ??= hierarchiesIn(readControl("/proc/self/mountinfo") ?? "");
}

/**
 * The same of a mount table (proc_pid_mountinfo(5)), whose lines are "… 4:mount point … - type source
 * options".
 */
function hierarchiesIn(mountinfo: string): Hierarchy[] {
  const found: Hierarchy[] = [];
  const seen = new Set<string>();
  const left = new Set<Controller>(CONTROLLERS);
  let unified: string | undefined;
  for (const line of mountinfo.split("\n")) {
    const at = line.indexOf(" - cgroup");
    if (at < 0) continue;
    const path = line.split(" ", 5)[4].replace(/\\([0-7]{3})/g, unescapeOctal);
    if (line.startsWith(" - cgroup2 ", at)) {
      unified ??= path;
      continue;
    }
    const [, ...options] = line.slice(line.lastIndexOf(" ") + 1).split(",");
    // A hierarchy has the same options, its name among them, wherever it is mounted, but for the first: "rw"
    // or "ro".
    const identity = options.join();
    if (seen.has(identity)) continue;
    seen.add(identity);
    const controllers = options.filter((name) => left.delete(name as Controller)) as Controller[];
    found.push({ version: 1, path, controllers });
  }
  if (unified !== undefined) found.push({ version: 2, path: unified, controllers: offered(unified, left) });
  return found;
}

const unescapeOctal = (_: string, digits: string) => String.fromCharCode(parseInt(digits, 8));

/** Of the controllers that v1 has `left` over, those that v2 has. */
function offered(unified: string, left: Set<Controller>): Controller[] {
  if (left.size === 0) return [];
  const names = readControl(`${unified}/cgroup.controllers`)?.trim().replace(/\bio\b/, "blkio").split(" ") ??
    [];
  return [...names, ...V2_CORE].filter((name) => left.delete(name as Controller)) as Controller[];
}
