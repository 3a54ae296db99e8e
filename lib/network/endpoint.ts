// containers/ID/endpoints.json: what a container got from its networks when it was started last. It has these
// addresses as long as it runs.

import type { EndpointRequest } from "../model/container.ts";
import * as file from "../../ffi/file.ts";
import { toHex } from "../base/hex.ts";
import { writeFile } from "../base/json.ts";
import { hexId, listOf, optional, readRecord, shapeOf, text, whole } from "../base/shape.ts";
import { parseAddress, toBytes } from "../base/address.ts";
import { Failure } from "../base/error.ts";
import { isDefaultBridge, type Network, networkByName, requireWhole } from "./store.ts";
import type { Request } from "../keeper/network_steps.ts";
import { defaultRouteMessage } from "./link.ts";

export interface Endpoint {
  /** 64 hex digits; a new ID with every start. */
  id: string;
  /** The network's name and ID. */
  network: string;
  networkId: string;
  /** "eth0" */
  interface: string;
  /**
   * One address for each of the network's pools, without prefix length; the prefix lengths; and the gateways.
   */
  addresses: string[];
  prefixes: number[];
  gateways: string[];
  mac: string;
  /**
   * The keeper's descriptor of the network's lock file `users`; undefined where the container was connected
   * while it ran.
   */
  users?: number;
}

export const isEndpoint = shapeOf<Endpoint>({
  id: hexId,
  network: text,
  networkId: hexId,
  interface: text,
  addresses: listOf(text),
  prefixes: listOf(whole),
  gateways: listOf(text),
  mac: text,
  users: optional(whole),
});

/**
 * The endpoints of the container whose directory is `dir`; empty where it was never started, or has no
 * network.
 */
export function readEndpoints(dir: number): Endpoint[] {
  return readRecord<Endpoint[]>(dir, "endpoints.json", listOf(isEndpoint)) ?? [];
}

/**
 * Replaces the endpoints. Readers see the old ones or the new ones; they need not survive a crash of the
 * machine.
 */
export function writeEndpoints(dir: number, endpoints: Endpoint[]): void {
  writeFile(dir, "endpoints.json.new", JSON.stringify(endpoints));
  file.renameat2(dir, "endpoints.json.new", dir, "endpoints.json");
}

/**
 * The name of the veth pair's end on the host, at most 15 bytes (IFNAMSIZ). It is made of the address, so no
 * two interfaces of a network share an address. Whoever gets an address removes what its former owner left.
 */
export function vethName({ networkId, addresses }: Pick<Endpoint, "networkId" | "addresses">): string {
  return `veth${networkId.slice(0, 3)}${toHex(toBytes(parseAddress(addresses[0])!)).slice(-8)}`;
}

/** Throws Failure where a network can't fulfil the request. */
export function checkEndpoint(network: Network, { aliases, ip, ip6 }: Partial<EndpointRequest>): void {
  if (isDefaultBridge(network) && aliases) {
    throw new Failure("network-scoped alias is supported only for containers in user defined networks");
  }
  if ((ip || ip6) && isDefaultBridge(network)) {
    throw new Failure("user specified IP address is supported on user defined networks only");
  }
  if (ip && network.pools[0]?.automatic) {
    throw new Failure(
      "user specified IP address is supported only when connecting to networks with user configured subnets",
    );
  }
}

/** A network, and the container's endpoint in it. */
export interface JoinedNetwork {
  network: Network;
  endpoint: Endpoint;
}

/**
 * The default routes of a container in these networks. For each family, the first network with a way out gets
 * the route. With "replace", the routes take the place of existing ones.
 */
export function defaultRoutes(joined: JoinedNetwork[], replace?: "replace"): Request[] {
  const found = new Map<number, Request>();
  for (const { network, endpoint } of joined) {
    if (network.internal) continue;
    for (const text of endpoint.gateways) {
      const gateway = parseAddress(text)!;
      if (found.has(gateway.family)) continue;
      found.set(gateway.family, {
        bytes: defaultRouteMessage(gateway, replace),
        what: `default route by ${text}`,
      });
    }
  }
  return [...found.values()];
}

/** The network of this name. Throws Failure where there is none, or it is damaged. */
export async function existingNetwork(name: string): Promise<Network> {
  const network = await networkByName(name);
  if (network) return network;
  requireWhole(name);
  throw new Failure(`network ${name} not found`);
}
