// container prune: removes all stopped containers.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { confirm } from "../../cli/confirm.ts";
import { parseFilters } from "../../cli/filter.ts";
import { prunedText } from "../../base/human.ts";
import { print } from "../../base/output.ts";
import { NOTHING_PRUNED, reportKept } from "../../cli/pruned.ts";
import { untilOf } from "../../cli/until.ts";
import { pruneContainers } from "../../lifecycle/prune.ts";

export const spec: CommandSpec = {
  name: "container prune",
  usage: "[OPTIONS]",
  summary: "Remove all stopped containers",
  args: [0, 0],
  flags: [
    {
      name: "filter",
      kind: "list",
      value: "filter",
      help: "Provide filter values: label=key[=value], label!=key[=value] or until=time",
    },
    { name: "force", short: "f", kind: "bool", help: "Do not prompt for confirmation" },
  ],
};

/** Asks, removes, and reports what was removed and how much space was reclaimed. */
export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "--filter", ["label", "label!", "until"]);
  untilOf(filters);
  const agreed = parsed.bool("force") || confirm("This will remove all stopped containers.");
  const pruned = agreed ? await pruneContainers(filters) : NOTHING_PRUNED;
  print(prunedText("Containers", pruned.removed, pruned.reclaimed));
  return reportKept(pruned);
}
