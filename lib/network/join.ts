// A container's way into its networks, prepared before it starts: bridges are up, addresses claimed, and every message
// written that its first process will send.

import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import * as netlink from "../../ffi/netlink.ts";
import { step } from "../cli/debug.ts";
import { CommandError } from "../cli/error.ts";
import type { EndpointRequest } from "../container/config.ts";
import type { Container } from "../container/find.ts";
import {
  CONNECTED,
  type InterfacePlan,
  type LeavePlan,
  type NetworkPlan,
  type Request,
} from "../keeper/network_steps.ts";
import { randomHex } from "../state/hex.ts";
import { writeFile } from "../state/json.ts";
import { rootFd } from "../state/root.ts";
import { macOf, parseAddress, subnetOf } from "./address.ts";
import { raiseBridge, settle } from "./bridge.ts";
import { claimAddress } from "./allocate.ts";
import { claimPath, releaseAddresses } from "./claims.ts";
import { mtuOf } from "./driver_options.ts";
import { type Endpoint, readEndpoints, writeEndpoints } from "./endpoint.ts";
import { finishChange } from "./change_mark.ts";
import { ownHosts } from "./hosts.ts";
import { addressMessage, defaultRouteMessage, hairpinMessage, upMessage, vethMessage } from "./link.ts";
import { refreshNames } from "./names.ts";
import type { HeldPorts } from "./publish.ts";
import { repairNetworks } from "./repair.ts";
import { isDefaultBridge, type Network, networkByName, networkExists, openUsers } from "./store.ts";

/** What a start needs to know of the container's networks. */
export interface Joined {
  init: NetworkPlan;
  leave: Omit<LeavePlan, "dir"> & { ports?: HeldPorts };
  endpoints: Endpoint[];
  /** Gives all back that was claimed: for a start that fails before there is a keeper. */
  giveUp(): Promise<void>;
}

/** A network, and what a container has of it. */
export interface JoinedNetwork {
  network: Network;
  endpoint: Endpoint;
}

/**
 * Prepares the container's interfaces, in the order of its networks; `keep` gets the descriptors that the keeper inherits.
 * The caller has the container's lock. Throws CommandError.
 */
export async function joinNetworks(container: Container, keep: (fd: number) => number): Promise<Joined> {
  const { id, dir, config } = container;
  const route = keep(netlink.openRoute());
  await finishChange();
  file.unlinkIfAny(dir, CONNECTED);
  const former = readEndpoints(dir);
  for (const { network, addresses } of former) giveBack(network, addresses, id);
  const endpoints: Endpoint[] = [];
  const joinedTo: JoinedNetwork[] = [];
  const joined: Joined = {
    init: { socket: route, interfaces: [], routes: [], ipv6: false },
    leave: { users: [], claims: [] },
    endpoints,
    async giveUp() {
      endpoints.forEach(({ network, addresses }) => giveBack(network, addresses, id));
      for (const users of joined.leave.users) lock(users, "none");
      await settle((config.networks ?? []).map(({ network }) => network));
    },
  };
  try {
    for (const request of config.networks ?? []) {
      const name = `eth${endpoints.length}`;
      const known = await existingNetwork(request.network);
      const users = keep(holdNetwork(known.name));
      joined.leave.users.push(users);
      const { network, index } = await raiseBridge(route, known);
      const endpoint = { ...await claimEndpoint(network, request, id, config.macAddress, name), users };
      endpoints.push(endpoint);
      joinedTo.push({ endpoint, network });
      joined.init.interfaces.push(interfacePlan(network, endpoint, index));
      joined.leave.claims.push(
        ...endpoint.addresses.map((address) => `../../${claimPath(network, address, id)}`),
      );
    }
    joined.init.ipv6 = endpoints.some(({ addresses }) => addresses.some(isIpv6));
    joined.init.routes = defaultRoutes(joinedTo);
    if (config.ports) {
      const { publishPorts } = await import("./publish.ts");
      joined.leave.ports = await publishPorts(container, joinedTo, keep);
      allowHairpins(joined, endpoints);
    }
  } catch (error) {
    await joined.giveUp();
    throw error;
  }
  writeEndpoints(dir, endpoints);
  file.removeTree(dir, "hosts");
  writeFile(dir, "hosts", ownHosts(config, endpoints), 0o644);
  const named = endpoints.filter(({ network }) => !isDefaultBridge({ name: network }));
  if (named.length > 0) {
    refreshNames(named.map(({ network }) => network));
  }
  step(`networks prepared: ${endpoints.map(({ addresses }) => addresses.join(" ")).join(", ")}`);
  return joined;
}

/**
 * A container may ask for its own published port by the host's address. Where packets of a bridge pass the packet
 * filter (br_netfilter), the bridge itself sends them to their new destination, which is where they came from.
 */
function allowHairpins({ init }: Joined, endpoints: Endpoint[]): void {
  endpoints.forEach((endpoint, at) => {
    const name = vethName(endpoint);
    init.interfaces[at].host = { bytes: hairpinMessage(name), what: `hairpin mode of ${name}` };
  });
}

export async function existingNetwork(name: string): Promise<Network> {
  const network = await networkByName(name);
  if (!network) throw new CommandError(`network ${name} not found`);
  return network;
}

function giveBack(name: string, addresses: string[], id: string): void {
  if (networkExists(name)) releaseAddresses({ name }, addresses, id);
}

/** Descriptor with the shared lock of the network's users. It counts only if the network was not removed while it was waited for. */
export function holdNetwork(name: string): number {
  for (;;) {
    const users = openUsers(name);
    if (users === undefined) throw new CommandError(`network ${name} not found`);
    lock(users, "shared");
    const now = file.statIfAny(rootFd(), `networks/${name}/users`);
    if (now?.inode === file.stat(users, "").inode) return users;
    file.close(users);
  }
}

export async function claimEndpoint(
  network: Network,
  request: EndpointRequest,
  id: string,
  mac: string | undefined,
  name: string,
): Promise<Endpoint> {
  const addresses: string[] = [];
  try {
    for (const pool of network.pools) {
      const { family } = subnetOf(pool.subnet);
      const wanted = family === netlink.AF_INET ? request.ip : request.ip6;
      let address;
      while ((address = claimAddress(network, pool, id, wanted)) === undefined) {
        await repairNetworks();
      }
      addresses.push(address);
    }
  } catch (error) {
    giveBack(network.name, addresses, id);
    throw error;
  }
  return {
    id: randomHex(),
    network: network.name,
    networkId: network.id,
    interface: name,
    addresses,
    prefixes: network.pools.map(({ subnet }) => subnetOf(subnet).prefix),
    gateways: network.pools.map(({ gateway }) => gateway),
    // As docker, --mac-address is the first network's.
    mac: request.mac ?? (name === "eth0" ? mac : undefined) ?? macOf(parseAddress(addresses[0])!),
  };
}

/** The container's end of a network, on the bridge of this index. */
export function interfacePlan(network: Network, endpoint: Endpoint, bridge: number): InterfacePlan {
  const { interface: name, mac, addresses, prefixes } = endpoint;
  return {
    name,
    create: {
      bytes: vethMessage({ name: vethName(endpoint), bridge, peer: name, mac, mtu: mtuOf(network.options) }),
      what: `${name} on network ${network.name}`,
    },
    up: { bytes: upMessage(name), what: `${name} up` },
    addresses: addresses.map((address, n): Request => ({
      bytes: addressMessage(0, { ...parseAddress(address)!, prefix: prefixes[n] }),
      what: `${address} of ${name}`,
    })),
  };
}

/** The default routes of a container in these networks: of each family, the first that leads anywhere has it. */
export function defaultRoutes(joined: JoinedNetwork[]): Request[] {
  const found = new Map<number, Request>();
  for (const { network, endpoint } of joined) {
    if (network.internal) continue;
    for (const text of endpoint.gateways) {
      const gateway = parseAddress(text)!;
      if (found.has(gateway.family)) continue;
      found.set(gateway.family, { bytes: defaultRouteMessage(gateway), what: `default route by ${text}` });
    }
  }
  return [...found.values()];
}

export function isIpv6(address: string): boolean {
  return address.includes(":");
}

/** The host's end: 15 bytes at most (IFNAMSIZ). */
export function vethName({ id }: Pick<Endpoint, "id">): string {
  return `veth${id.slice(0, 11)}`;
}
