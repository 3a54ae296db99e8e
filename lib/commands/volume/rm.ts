// volume rm: removes unused volumes.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { isExpected } from "../../base/error.ts";
import { removeVolume, volumeExists } from "../../volume/store.ts";

export const spec: CommandSpec = {
  name: "volume rm",
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  summary: "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
  aliases: ["volume remove"],
  args: [1, Infinity],
  flags: [{ name: "force", short: "f", kind: "bool", help: "Force the removal of one or more volumes" }],
};

/** Prints the name of each removed volume. After a failure it continues with the others. */
export async function run(parsed: Parsed): Promise<number> {
  let status = 0;
  for (const name of parsed.args) {
    try {
      if (!parsed.bool("force") || volumeExists(name)) await removeVolume(name);
      console.log(name);
    } catch (error) {
      if (!isExpected(error)) throw error;
      console.error(`mydocker: ${error.message}`);
      status = 1;
    }
  }
  return status;
}
