// The groups that a command joins in a running container.

import { processFile } from "../base/proc.ts";
import { readControl } from "./control_file.ts";
import { presentGroups } from "./group.ts";
import type { Group, GroupOwner } from "./types.ts";

/**
 * The container's groups. A v2 group that passes controllers on accepts no more processes, for example if
 * systemd or docker runs in the container. Then it is the group to which the first process has moved, as in
 * docker.
 */
export function groupsToJoin(owner: GroupOwner, firstProcess: () => number | undefined): Group[] {
  return presentGroups(owner).map((group) => {
    const { version, path } = group;
    if (version === 1 || !readControl(`${path}/cgroup.subtree_control`)?.trim()) return group;
    return { ...group, path: path + placeBelow(`/mydocker-${owner.id}`, firstProcess()) };
  });
}

/** The path below the group of this name where the process is in v2's hierarchy; "" if it is not below it. */
function placeBelow(name: string, pid: number | undefined): string {
  const place = pid === undefined ? undefined : /^0::(.*)$/m.exec(processFile(pid, "cgroup") ?? "")?.[1];
  const at = place?.indexOf(`${name}/`) ?? -1;
  return at < 0 ? "" : place!.slice(at + name.length);
}
