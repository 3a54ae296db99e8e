// What the words of network create say.

import { Failure } from "../base/error.ts";
import type { Flag, Parsed } from "../cli/command.ts";
import { keyValues } from "./pairs.ts";

export const NETWORK_CREATE_FLAGS: Flag[] = [
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
];

/** A network that is asked for. */
export interface NetworkCreateOptions extends AddressOptions {
  name: string;
  internal: boolean;
  /** Of its driver. */
  options: Record<string, string>;
  labels: Record<string, string>;
}

/** The addresses that are asked for: any number of each, matched by which subnet contains them. */
export interface AddressOptions {
  subnets: string[];
  gateways: string[];
  ranges: string[];
}

/** Throws Failure for another driver, and for --ipv6 without a subnet for it. */
export function networkCreateOptions(parsed: Parsed): NetworkCreateOptions {
  const driver = parsed.text("driver");
  if (driver !== "bridge") {
    throw new Failure(`network driver '${driver}' is not supported; use bridge, the default`);
  }
  const subnets = parsed.list("subnet");
  if (parsed.bool("ipv6") && !subnets.some((subnet) => subnet.includes(":"))) {
    throw new Failure("--ipv6 needs an IPv6 --subnet, for example fd00:1234::/64");
  }
  return {
    name: parsed.args[0],
    internal: parsed.bool("internal"),
    options: keyValues(parsed.list("opt")),
    labels: keyValues(parsed.list("label")),
    subnets,
    gateways: parsed.list("gateway"),
    ranges: parsed.list("ip-range"),
  };
}
