// lower-ports: what a keeper starts when its container has ended, whose ports iptables leads to it. Not for users.

import type { CommandSpec, Parsed } from "../cli/command.ts";
import { lowerPorts } from "../nat/firewall.ts";

export const spec: CommandSpec = {
  name: "lower-ports",
  usage: "RULES",
  summary: "Take the firewall's rules of published ports away",
  flags: [],
  args: [1, 1],
};

export async function run(parsed: Parsed): Promise<number> {
  await lowerPorts(parsed.args[0]);
  return 0;
}
