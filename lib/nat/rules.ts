// What a packet filter needs to know, be it nf_tables (nft.ts) or iptables (iptables.ts).

import type { PortProtocol } from "../../ffi/socket.ts";
import { isIpv6 } from "../base/address.ts";

/** Kinds of addresses, as nf_tables names them. */
export type Family = "ip" | "ip6";

/** A network's rules. They exist as long as its bridge does. */
export interface NetworkRules {
  /** Names tables and chains: the root's mark, and the beginning of the network's ID. */
  name: string;
  bridge: string;
  /** "172.17.0.0/16", for each family it has. */
  subnets: { family: Family; subnet: string }[];
  /** No packets leave the network, and none enter it. */
  internal: boolean;
  /** Packets that leave the subnet get the host's address. */
  masquerade: boolean;
  /** Text that says to others whose rules these are. */
  owner?: string;
}

/** A port of the host that leads to one of a container's. */
export interface PublishedPort {
  protocol: PortProtocol;
  /** "0.0.0.0" or "::" for all the host's addresses. */
  hostIp: string;
  hostPort: number;
  /** The container's address. */
  address: string;
  port: number;
}

/** A container's published ports. They exist while it runs. */
export interface PortRules {
  /** Names tables and chains: the root's mark, and the beginning of the container's ID. */
  name: string;
  ports: PublishedPort[];
}

/** The family of an address, as nf_tables calls it. */
export function familyOf(address: string): Family {
  return isIpv6(address) ? "ip6" : "ip";
}
