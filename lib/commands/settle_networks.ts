// settle-networks: what the keeper of a network's last container becomes. Not for users.

import type { CommandSpec } from "../cli/command.ts";
import { settle } from "../network/bridge.ts";

export const spec: CommandSpec = {
  name: "settle-networks",
  usage: "",
  summary: "Take down the bridges that no container uses",
  flags: [],
  args: [0, 0],
};

export async function run(): Promise<number> {
  await settle();
  return 0;
}
