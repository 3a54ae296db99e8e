// The processes in a container's group.

import * as file from "../../ffi/file.ts";
import { groupsIn, processesIn } from "./remove.ts";
import type { Group } from "./types.ts";

/** IDs of the processes in a group and its descendants; empty where it is gone. */
export function members({ path }: Pick<Group, "path">): number[] {
  const fd = file.openIfAny(file.AT_FDCWD, path, file.O_RDONLY | file.O_DIRECTORY);
  if (fd === undefined) return [];
  const below = groupsIn(fd);
  file.close(fd);
  return [...processesIn(path), ...below.flatMap((name) => members({ path: `${path}/${name}` }))];
}
