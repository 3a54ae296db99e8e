// settle-networks: what the keeper of a network's last container becomes. Not for users.

import type { CommandSpec, Parsed } from "../cli/command.ts";
import { lowerPorts } from "../nat/firewall.ts";
import { settle } from "../network/bridge.ts";

export const spec: CommandSpec = {
  name: "settle-networks",
  usage: "[RULES...]",
  summary: "Take down the bridges that no container uses",
  flags: [],
  args: [0, Infinity],
};

/** Takes down bridges that nobody uses; or takes away the ports' rules of these names. */
export async function run(parsed: Parsed): Promise<number> {
  for (const name of parsed.args) await lowerPorts(name);
  if (parsed.args.length === 0) await settle();
  return 0;
}
