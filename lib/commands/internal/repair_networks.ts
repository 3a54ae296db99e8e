// repair-networks: a keeper executes it when its container has left its networks. Not for users.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { refreshNames } from "../../network/names.ts";
import { repairNetworks } from "../../network/repair.ts";

export const spec: CommandSpec = {
  name: "repair-networks",
  usage: "[NETWORK...]",
  summary: "Tell the containers of networks that one has left, and remove bridges that no container uses",
  flags: [],
  args: [0, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  refreshNames(parsed.args);
  await repairNetworks();
  return 0;
}
