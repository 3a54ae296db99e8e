// Where a command joins a container that runs.

import { processFile } from "../base/proc.ts";
import { readControl } from "./control_file.ts";
import { presentGroups } from "./group.ts";
import type { Group, GroupOwner } from "./types.ts";

/**
 * The container's groups; but a group of v2 that has handed controllers down lets nobody in any more, as in a
 * container where systemd or docker runs: then that to which its first process has moved, as docker has it.
 */
export function groupsToJoin(owner: GroupOwner, firstProcess: () => number | undefined): Group[] {
  return presentGroups(owner).map((group) => {
    const { version, path } = group;
    if (version === 1 || !readControl(`${path}/cgroup.subtree_control`)?.trim()) return group;
    return { ...group, path: path + placeBelow(`/mydocker-${owner.id}`, firstProcess()) };
  });
}

/** From the group of this name on, where the process is in v2's hierarchy; "" where it is not below. */
function placeBelow(name: string, pid: number | undefined): string {
  const place = pid === undefined ? undefined : /^0::(.*)$/m.exec(processFile(pid, "cgroup") ?? "")?.[1];
  const at = place?.indexOf(`${name}/`) ?? -1;
  return at < 0 ? "" : place!.slice(at + name.length);
}
