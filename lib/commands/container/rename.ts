// rename: renames a container.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { printError } from "../../base/output.ts";
import { findContainer } from "../../container/find.ts";
import { renameContainer } from "../../lifecycle/rename.ts";

export const spec: CommandSpec = {
  name: "rename",
  usage: "CONTAINER NEW_NAME",
  summary: "Rename a container",
  aliases: ["container rename"],
  flags: [],
  args: [2, 2],
};

export async function run(parsed: Parsed): Promise<number> {
  const [reference, name] = parsed.args;
  if (!reference || !name) throw new Failure("Neither old nor new names may be empty");
  try {
    await renameContainer(findContainer(reference), name);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    printError(`mydocker: ${error.message}\n`);
    throw new Failure(`failed to rename container named ${reference}`, { cause: error });
  }
  return 0;
}
