// system prune: removes stopped containers, unused networks and images, and, with --volumes, volumes.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { confirm } from "../../cli/confirm.ts";
import { Failure } from "../../base/error.ts";
import { parseFilters } from "../../cli/filter.ts";
import { deletedText, humanSize } from "../../base/human.ts";
import { print } from "../../base/output.ts";
import { NOTHING_PRUNED, reportKept } from "../../cli/pruned.ts";
import { untilOf } from "../../cli/until.ts";
import { pruneContainers } from "../../lifecycle/prune.ts";
import { pruneImages } from "../../image/prune.ts";
import { repairIfNeeded } from "../../network/leftovers.ts";
import { pruneNetworks } from "../../network/remove.ts";
import { pruneVolumes } from "../../volume/prune.ts";

export const spec: CommandSpec = {
  name: "system prune",
  usage: "[OPTIONS]",
  summary: "Remove unused data",
  args: [0, 0],
  flags: [
    {
      name: "all",
      short: "a",
      kind: "bool",
      help: "Remove all unused images not just dangling ones",
    },
    {
      name: "filter",
      kind: "list",
      value: "filter",
      help: "Provide filter values: label=key[=value], label!=key[=value] or until=time",
    },
    { name: "force", short: "f", kind: "bool", help: "Do not prompt for confirmation" },
    { name: "volumes", kind: "bool", help: "Prune anonymous volumes" },
  ],
};

/** Asks, removes, and reports what was removed and how much space was reclaimed. */
export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "--filter", ["label", "label!", "until"]);
  if (parsed.bool("volumes") && filters.has("until")) {
    throw new Failure('The "until" filter is not supported with "--volumes"');
  }
  untilOf(filters);
  if (!parsed.bool("force") && !confirm(warning(parsed))) return 0;
  const containers = await pruneContainers(filters);
  print(deletedText("Containers", containers.removed));
  await repairIfNeeded();
  print(deletedText("Networks", await pruneNetworks(filters)));
  const volumes = parsed.bool("volumes") ? await pruneVolumes(filters, false) : NOTHING_PRUNED;
  print(deletedText("Volumes", volumes.removed));
  const images = await pruneImages(filters, parsed.bool("all"));
  print(deletedText("Images", images.removed));
  const reclaimed = containers.reclaimed + volumes.reclaimed + images.reclaimed;
  print(`Total reclaimed space: ${humanSize(reclaimed)}\n`);
  return reportKept(containers, volumes);
}

function warning(parsed: Parsed): string {
  const parts = [
    "all stopped containers",
    "all networks not used by at least one container",
    ...(parsed.bool("volumes") ? ["all anonymous volumes not used by at least one container"] : []),
    parsed.bool("all")
      ? "all images without at least one container associated to them"
      : "all dangling images",
  ];
  const filters = parsed.list("filter");
  const list = (items: string[]) => items.map((item) => `  - ${item}\n`).join("");
  return `This will remove:\n${list(parts)}` +
    (filters.length > 0 ? `\n  Items to be pruned will be filtered with:\n${list(filters)}` : "");
}
