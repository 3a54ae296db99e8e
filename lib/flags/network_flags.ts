// The flags of run and create that are about networks; lib/flags/network_options.ts knows what they mean.

import type { Flag } from "../cli/command.ts";
import type { ContainerConfig } from "../model/container.ts";

export const NETWORK_FLAGS: Flag[] = [
  {
    name: "add-host",
    kind: "list",
    value: "host:ip",
    help: "Add a line to /etc/hosts (host:ip; host-gateway is the host)",
  },
  { name: "dns", kind: "list", value: "ip", help: "Ask these name servers, not the host's" },
  { name: "dns-search", kind: "list", help: "Domains to look names up in" },
  { name: "dns-option", kind: "list", help: "Options of the resolver" },
  { name: "dns-opt", kind: "list", help: "The same as --dns-option", hidden: true },
  { name: "ip", kind: "string", value: "ip", help: "IPv4 address, on a network with a subnet of its own" },
  { name: "ip6", kind: "string", value: "ip", help: "IPv6 address, likewise" },
  {
    name: "link",
    kind: "list",
    help: "Not supported: containers of a network of their own know each other by name",
    hidden: true,
  },
  { name: "mac-address", kind: "string", help: "MAC address (92:d0:c6:0a:29:33)" },
  {
    name: "network",
    kind: "list",
    value: "network",
    help:
      "bridge (the default), none: loopback only, host: the host's own, container:NAME, or a network's name",
  },
  { name: "net", kind: "string", value: "network", help: "The same as --network", hidden: true },
  { name: "network-alias", kind: "list", help: "Another name on its network" },
  { name: "net-alias", kind: "list", help: "The same as --network-alias", hidden: true },
];

/** What those flags make of a container. */
export interface NetworkOptions
  extends Pick<ContainerConfig, "network" | "networks" | "dns" | "extraHosts" | "macAddress"> {
  /** Where it is another container's. */
  hostname?: string;
}
