// update: changes limits or the restart policy of containers, whether they run or not.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { printError } from "../../base/output.ts";
import { several } from "../../cli/several.ts";
import { withContainer } from "../../container/find.ts";
import { UPDATE_FLAGS, updateOptions } from "../../flags/update_options.ts";
import { updateContainer } from "../../lifecycle/update.ts";

export const spec: CommandSpec = {
  name: "update",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Update configuration of one or more containers",
  aliases: ["container update"],
  flags: UPDATE_FLAGS,
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  const changes = await updateOptions(parsed);
  if (!changes.limits && !changes.restart) {
    throw new Failure("you must provide one or more flags when using this command");
  }
  const warnings: string[] = [];
  const code = await several(parsed.args, async (reference) => {
    warnings.push(...await withContainer(reference, (container) => updateContainer(container, changes)));
    return reference;
  }, true);
  if (warnings.length > 0) printError(`${warnings.join("\n")}\n`);
  return code;
}
