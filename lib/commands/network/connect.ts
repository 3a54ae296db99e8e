// network connect: connects a container to one more network, even while it runs.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { connectNetwork } from "../../network/connect.ts";
import { ENDPOINT_FLAGS, endpointOptions } from "../../flags/network_options.ts";

export const spec: CommandSpec = {
  name: "network connect",
  usage: "[OPTIONS] NETWORK CONTAINER",
  summary: "Connect a container to a network",
  args: [2, 2],
  flags: ENDPOINT_FLAGS,
};

export async function run(parsed: Parsed): Promise<number> {
  const [network, container] = parsed.args;
  await connectNetwork(network, container, endpointOptions(parsed));
  return 0;
}
