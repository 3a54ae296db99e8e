// network connect: a container comes into one more network, also while it runs.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { connectNetwork } from "../../network/connect.ts";
import { endpointWishes, refuseLinks } from "../../flags/network_options.ts";

export const spec: CommandSpec = {
  name: "network connect",
  usage: "[OPTIONS] NETWORK CONTAINER",
  summary: "Connect a container to a network",
  args: [2, 2],
  flags: [
    { name: "alias", kind: "list", help: "Another name on that network" },
    { name: "ip", kind: "string", value: "ip", help: "IPv4 address, on a network with a subnet of its own" },
    { name: "ip6", kind: "string", value: "ip", help: "IPv6 address, likewise" },
    {
      name: "link",
      kind: "list",
      help: "Not supported: containers of a network know each other by name",
      hidden: true,
    },
  ],
};

export async function run(parsed: Parsed): Promise<number> {
  refuseLinks(parsed);
  const [network, container] = parsed.args;
  await connectNetwork(network, container, endpointWishes(parsed));
  return 0;
}
