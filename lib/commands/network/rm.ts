// network rm: removes unused networks.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { isExpected } from "../../base/error.ts";
import { print, printError } from "../../base/output.ts";
import { repairIfNeeded } from "../../network/leftovers.ts";
import { removeDamagedNetwork, removeNetwork } from "../../network/remove.ts";
import { damagedNetworks, findNetwork } from "../../network/store.ts";

export const spec: CommandSpec = {
  name: "network rm",
  usage: "NETWORK [NETWORK...]",
  summary: "Remove one or more networks",
  aliases: ["network remove"],
  args: [1, Infinity],
  flags: [{ name: "force", short: "f", kind: "bool", help: "Do not error if the network does not exist" }],
};

/** Prints each network as it was named. After a failure it continues with the others. */
export async function run(parsed: Parsed): Promise<number> {
  await repairIfNeeded();
  let status = 0;
  for (const reference of parsed.args) {
    try {
      if (parsed.bool("force") && damagedNetworks().includes(reference)) {
        await removeDamagedNetwork(reference);
      } else if (parsed.bool("force") && !await findNetwork(reference)) continue;
      else await removeNetwork(reference);
      print(`${reference}\n`);
    } catch (error) {
      if (!isExpected(error)) throw error;
      printError(`mydocker: ${error.message}\n`);
      status = 1;
    }
  }
  return status;
}
