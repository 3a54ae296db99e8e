// image prune: removes unused images.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { confirm } from "../../cli/confirm.ts";
import { parseFilters, truthOf } from "../../cli/filter.ts";
import { prunedText } from "../../base/human.ts";
import { print } from "../../base/output.ts";
import { untilOf } from "../../cli/until.ts";
import { pruneImages } from "../../image/prune.ts";

export const spec: CommandSpec = {
  name: "image prune",
  usage: "[OPTIONS]",
  summary: "Remove unused images",
  args: [0, 0],
  flags: [
    { name: "all", short: "a", kind: "bool", help: "Remove all unused images, not just dangling ones" },
    {
      name: "filter",
      kind: "list",
      value: "filter",
      help: "Provide filter values: dangling=false, label=key[=value], label!=key[=value] or until=time",
    },
    { name: "force", short: "f", kind: "bool", help: "Do not prompt for confirmation" },
  ],
};

const DANGLING = "This will remove all dangling images.";
const ALL = "This will remove all images without at least one container associated to them.";

/** Asks, removes, and reports what was removed and how much space was reclaimed. */
export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "--filter", ["dangling", "label", "label!", "until"]);
  const all = parsed.bool("all") || truthOf(filters, "dangling") === false;
  untilOf(filters);
  const agreed = parsed.bool("force") || confirm(all ? ALL : DANGLING);
  const { removed, reclaimed } = agreed ? await pruneImages(filters, all) : { removed: [], reclaimed: 0 };
  print(prunedText("Images", removed, reclaimed));
  return 0;
}
