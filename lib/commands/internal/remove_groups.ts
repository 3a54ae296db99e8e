// remove-groups: a keeper starts it when its container, which made cgroups of its own, has ended. Not for
// users.

import * as file from "../../../ffi/file.ts";
import { groupsOf, removeGroups } from "../../cgroup/group.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { readConfig } from "../../container/config.ts";
import { rootFd } from "../../store/root.ts";

export const spec: CommandSpec = {
  name: "remove-groups",
  usage: "ID",
  summary: "Remove the cgroup of a container that has ended, with all cgroups in it",
  flags: [],
  args: [1, 1],
};

export function run(parsed: Parsed): number {
  const [id] = parsed.args;
  const dir = file.openat(rootFd(), `containers/${id}`, file.O_RDONLY | file.O_DIRECTORY);
  removeGroups(groupsOf(readConfig(dir) ?? { id }));
  file.close(dir);
  return 0;
}
