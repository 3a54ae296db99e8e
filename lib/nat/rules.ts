// What the firewall has to know of one container, whoever is told: nf_tables (nft.ts) or iptables (iptables.ts).

import type { Family } from "./nft_bytes.ts";
import type { Protocol } from "./nft_expressions.ts";

/** A network the container is in, of one address family. */
export interface RuledNetwork {
  family: Family;
  /** Interface name of the bridge. */
  bridge: string;
  /** "172.17.0.0/16" */
  subnet: string;
  /** No way out, and none in. */
  internal: boolean;
  /** What leaves the subnet has the host's address. */
  masquerade: boolean;
}

/** A published port. */
export interface RuledPort {
  family: Family;
  protocol: Protocol;
  /** The host's address it is published on; "0.0.0.0" or "::" for all there are. */
  hostIp: string;
  hostPort: number;
  /** The container's. */
  address: string;
  port: number;
}

/** All rules of one container. */
export interface ContainerRules {
  /** Names tables and chains: "mydocker_MARK_ID", at most 28 characters. */
  name: string;
  networks: RuledNetwork[];
  ports: RuledPort[];
}
