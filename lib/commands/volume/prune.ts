// volume prune: removes all volumes that no container uses.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { confirm } from "../../cli/confirm.ts";
import { parseFilters } from "../../cli/filter.ts";
import { humanSize } from "../../cli/human.ts";
import { emitPrune } from "../../events/emit.ts";
import { rootFd } from "../../state/root.ts";
import { treeSize } from "../../state/tree_size.ts";
import { matches } from "../../volume/filter.ts";
import { listVolumes, removeUnused, volumesInUse } from "../../volume/store.ts";

export const spec: CommandSpec = {
  name: "volume prune",
  usage: "[OPTIONS]",
  summary: "Remove volumes that no container uses",
  args: [0, 0],
  flags: [
    { name: "all", short: "a", kind: "bool", help: "Also those that have a name, not just anonymous ones" },
    {
      name: "filter",
      kind: "list",
      value: "filter",
      help: "Remove only some: label=key[=value], label!=key[=value]",
    },
    { name: "force", short: "f", kind: "bool", help: "Do not ask first" },
  ],
};

/** Asks, removes, and says what was removed and how much space that gave. */
export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "--filter", ["label", "label!"]);
  const all = parsed.bool("all");
  let reclaimed = 0;
  if (parsed.bool("force") || agreed(all ? "all" : "anonymous")) {
    const users = volumesInUse();
    const unwanted = listVolumes().filter((volume) =>
      (all || volume.anonymous) && !users.has(volume.name) && matches(volume, filters)
    );
    const sizes = new Map(unwanted.map(({ name }) => [name, treeSize(rootFd(), `volumes/${name}/_data`)]));
    const removed = await removeUnused(sizes.keys());
    if (removed.length > 0) console.log(`Deleted Volumes:\n${removed.join("\n")}\n`);
    for (const name of removed) reclaimed += sizes.get(name)!;
    emitPrune("volume", reclaimed);
  }
  console.log(`Total reclaimed space: ${humanSize(reclaimed)}`);
  return 0;
}

function agreed(which: string): boolean {
  return confirm(`This will remove ${which} local volumes not used by at least one container.`);
}
