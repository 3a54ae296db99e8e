// network connect: connects a container to one more network, even while it runs.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { connectNetwork } from "../../network/connect.ts";
import { endpointOptions, refuseLinks } from "../../flags/network_options.ts";

export const spec: CommandSpec = {
  name: "network connect",
  usage: "[OPTIONS] NETWORK CONTAINER",
  summary: "Connect a container to a network",
  args: [2, 2],
  flags: [
    { name: "alias", kind: "list", help: "Add network-scoped alias for the container" },
    { name: "ip", kind: "string", value: "ip", help: 'IPv4 address (e.g., "172.30.100.104")' },
    { name: "ip6", kind: "string", value: "ip", help: 'IPv6 address (e.g., "2001:db8::33")' },
    {
      name: "link",
      kind: "list",
      help: "Not supported: containers in a network find each other by name",
      hidden: true,
    },
  ],
};

export async function run(parsed: Parsed): Promise<number> {
  refuseLinks(parsed);
  const [network, container] = parsed.args;
  await connectNetwork(network, container, endpointOptions(parsed));
  return 0;
}
