// network prune: removes all unused networks.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { confirm } from "../../cli/confirm.ts";
import { parseFilters } from "../../cli/filter.ts";
import { deletedText } from "../../base/human.ts";
import { print } from "../../base/output.ts";
import { repairIfNeeded } from "../../network/leftovers.ts";
import { pruneNetworks } from "../../network/remove.ts";

export const spec: CommandSpec = {
  name: "network prune",
  usage: "[OPTIONS]",
  summary: "Remove all unused networks",
  args: [0, 0],
  flags: [
    { name: "filter", kind: "list", value: "filter", help: "Provide filter values: label=, label!=, until=" },
    { name: "force", short: "f", kind: "bool", help: "Do not prompt for confirmation" },
  ],
};

export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "--filter", ["label", "label!", "until"]);
  const question = "This will remove all custom networks not used by at least one container.";
  if (!parsed.bool("force") && !confirm(question)) return 0;
  await repairIfNeeded();
  print(deletedText("Networks", await pruneNetworks(filters)));
  return 0;
}
