// network reload: installs the firewall's rules again, for hosts where something has flushed them.

import type { CommandSpec } from "../../cli/command.ts";
import { requireRoot } from "../../base/kernel.ts";
import { reloadRules } from "../../network/reload.ts";

export const spec: CommandSpec = {
  name: "network reload",
  usage: "",
  summary: "Install the firewall's rules again after something has flushed them",
  flags: [],
  args: [0, 0],
};

export async function run(): Promise<number> {
  requireRoot();
  await reloadRules();
  return 0;
}
