// container prune: removes all containers that are not up.

import * as file from "../../../ffi/file.ts";
import { now } from "../../../ffi/clock.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { confirm } from "../../cli/confirm.ts";
import { CommandError } from "../../cli/error.ts";
import { type Filters, matchesLabels, parseFilters } from "../../cli/filter.ts";
import { humanSize } from "../../cli/human.ts";
import { print } from "../../cli/output.ts";
import { parseWhen } from "../../cli/when.ts";
import { openContainer } from "../../container/find.ts";
import { listContainers, type ListedContainer } from "../../container/list.ts";
import { removeContainer } from "../../container/remove.ts";
import { writableSize } from "../../container/size.ts";
import { keeperLives } from "../../container/state.ts";
import { emitPrune } from "../../events/emit.ts";
import { timestamp } from "../../state/time.ts";

export const spec: CommandSpec = {
  name: "container prune",
  usage: "[OPTIONS]",
  summary: "Remove all containers that do not run",
  args: [0, 0],
  flags: [
    {
      name: "filter",
      kind: "list",
      value: "filter",
      help: "Remove only some: label=key[=value], label!=key[=value], until=time",
    },
    { name: "force", short: "f", kind: "bool", help: "Do not ask first" },
  ],
};

/** Asks, removes, and says what was removed and how much space that gave. */
export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "--filter", ["label", "label!", "until"]);
  const created = createdBefore(filters);
  const removed: string[] = [];
  let reclaimed = 0;
  if (parsed.bool("force") || confirm("This will remove all stopped containers.")) {
    const unwanted = listContainers(true).filter((container) =>
      isStopped(container) && created(container) &&
      matchesLabels(container.config.process.Labels ?? {}, filters)
    );
    for (const { id } of unwanted) {
      const size = writableSize(id);
      if (!await removeStopped(id)) continue;
      removed.push(id);
      reclaimed += size;
    }
    emitPrune("container", reclaimed);
  }
  if (removed.length > 0) print(`Deleted Containers:\n${removed.join("\n")}\n\n`);
  print(`Total reclaimed space: ${humanSize(reclaimed)}\n`);
  return 0;
}

function isStopped({ state }: ListedContainer): boolean {
  return state.status === "created" || state.status === "exited";
}

/** What the filter until= lets through: what was created before. */
function createdBefore(filters: Filters): (container: ListedContainer) => boolean {
  const [text, ...more] = filters.get("until") ?? [];
  if (text === undefined) return () => true;
  if (more.length > 0) throw new CommandError("more than one until filter specified", 1);
  const limit = timestamp(parseWhen(text, now()));
  return ({ config }) => config.created < limit;
}

/** False where it has been started meanwhile, or is gone: then it is none that is to go. */
async function removeStopped(id: string): Promise<boolean> {
  const container = openContainer(id);
  if (!container) return false;
  try {
    await removeContainer(container, {});
    return true;
  } catch (error) {
    if (!(error instanceof CommandError) || !keeperLives(container.dir)) throw error;
    file.close(container.dir);
    return false;
  }
}
