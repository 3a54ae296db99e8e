// volume prune: removes all unused volumes.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { confirm } from "../../cli/confirm.ts";
import { parseFilters } from "../../cli/filter.ts";
import { prunedText } from "../../base/human.ts";
import { print } from "../../base/output.ts";
import { NOTHING_PRUNED, reportKept } from "../../cli/pruned.ts";
import { pruneVolumes } from "../../volume/prune.ts";

export const spec: CommandSpec = {
  name: "volume prune",
  usage: "[OPTIONS]",
  summary: "Remove unused local volumes",
  args: [0, 0],
  flags: [
    { name: "all", short: "a", kind: "bool", help: "Remove all unused volumes, not just anonymous ones" },
    {
      name: "filter",
      kind: "list",
      value: "filter",
      help: "Provide filter values: label=key[=value] or label!=key[=value]",
    },
    { name: "force", short: "f", kind: "bool", help: "Do not prompt for confirmation" },
  ],
};

/** Asks, removes, and reports what was removed and how much space was reclaimed. */
export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "--filter", ["label", "label!"]);
  const all = parsed.bool("all");
  const yes = parsed.bool("force") || agreed(all ? "all" : "anonymous");
  const pruned = yes ? await pruneVolumes(filters, all) : NOTHING_PRUNED;
  print(prunedText("Volumes", pruned.removed, pruned.reclaimed));
  return reportKept(pruned);
}

function agreed(which: string): boolean {
  return confirm(`This will remove ${which} local volumes not used by at least one container.`);
}
