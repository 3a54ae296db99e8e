// network create: creates a network and prints its ID.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { print } from "../../base/output.ts";
import { createNetwork } from "../../network/make.ts";

export const spec: CommandSpec = {
  name: "network create",
  usage: "[OPTIONS] NETWORK",
  summary: "Create a network",
  args: [1, 1],
  flags: [
    {
      name: "driver",
      short: "d",
      kind: "string",
      default: "bridge",
      help: "Driver to manage the Network; only bridge is supported",
    },
    { name: "gateway", kind: "list", value: "ip", help: "IPv4 or IPv6 Gateway for the master subnet" },
    { name: "internal", kind: "bool", help: "Restrict external access to the network" },
    {
      name: "ip-range",
      kind: "list",
      value: "subnet",
      help: "Allocate container ip from a sub-range",
    },
    { name: "ipv6", kind: "bool", help: "Enable or disable IPv6 address assignment" },
    { name: "label", kind: "list", help: "Set metadata on a network (key=value)" },
    { name: "opt", short: "o", kind: "list", value: "map", help: "Set driver specific options (key=value)" },
    {
      name: "subnet",
      kind: "list",
      value: "subnet",
      help: "Subnet in CIDR format that represents a network segment",
    },
  ],
};

export async function run(parsed: Parsed): Promise<number> {
  const driver = parsed.text("driver");
  if (driver !== "bridge") {
    throw new Failure(`network driver '${driver}' is not supported; use bridge, the default`);
  }
  const subnets = parsed.list("subnet");
  if (parsed.bool("ipv6") && !subnets.some((subnet) => subnet.includes(":"))) {
    throw new Failure("--ipv6 needs an IPv6 --subnet, for example fd00:1234::/64");
  }
  const { id } = await createNetwork({
    name: parsed.args[0],
    internal: parsed.bool("internal"),
    options: pairs(parsed.list("opt")),
    labels: pairs(parsed.list("label")),
    ...{ subnets, gateways: parsed.list("gateway"), ranges: parsed.list("ip-range") },
  });
  print(`${id}\n`);
  return 0;
}

function pairs(list: string[]): Record<string, string> {
  return Object.fromEntries(list.map((entry) => {
    const [key, value = ""] = entry.split(/=(.*)/s, 2);
    return [key, value];
  }));
}
