// network disconnect: takes a container out of a network, even while it runs.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { disconnectNetwork } from "../../network/connect.ts";

export const spec: CommandSpec = {
  name: "network disconnect",
  usage: "[OPTIONS] NETWORK CONTAINER",
  summary: "Disconnect a container from a network",
  args: [2, 2],
  flags: [{
    name: "force",
    short: "f",
    kind: "bool",
    help: "Force the container to disconnect from a network",
  }],
};

export async function run(parsed: Parsed): Promise<number> {
  const [network, container] = parsed.args;
  await disconnectNetwork(network, container, parsed.bool("force"));
  return 0;
}
