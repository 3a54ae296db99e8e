// Prepares a container's networks before it starts: brings bridges up, claims addresses, and writes every
// message that the container's first process will send.

import { AF_INET } from "../../ffi/constants.ts";
import * as file from "../../ffi/file.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { lock } from "../../ffi/lock.ts";
import * as netlink from "../../ffi/netlink.ts";
import { step } from "../base/debug.ts";
import { Failure } from "../base/error.ts";
import {
  CONNECTED,
  type InterfacePlan,
  JOINED,
  type LeavePlan,
  type NetworkPlan,
  type Request,
} from "../keeper/network_steps.ts";
import { randomHex } from "../base/hex.ts";
import { writeFile } from "../base/json.ts";
import { rootFd } from "../store/root.ts";
import { isIpv6, macOf, parseAddress, subnetOf } from "../base/address.ts";
import { bringUpBridge, removeUnusedBridges } from "./bridge.ts";
import { claimAddress } from "./allocate.ts";
import { claimPath, releaseAddresses } from "./claims.ts";
import { mtuOf } from "./driver_options.ts";
import {
  defaultRoutes,
  type Endpoint,
  existingNetwork,
  type JoinedNetwork,
  readEndpoints,
  vethName,
  writeEndpoints,
} from "./endpoint.ts";
import { ownHosts } from "./hosts.ts";
import { addressMessage, deleteMessage, hairpinMessage, removeLink, upMessage, vethMessage } from "./link.ts";
import { refreshNames } from "./names.ts";
import type { HeldPorts } from "./publish.ts";
import { leaveForKilled, repairNetworks } from "./repair.ts";
import { isDefaultBridge, type Network, openUsers } from "./store.ts";
import type { Container, EndpointRequest } from "../model/container.ts";
import { finishChange } from "./finish_change.ts";

/** What a start needs to know about the container's networks. */
export interface Joined {
  init: NetworkPlan;
  leave: Omit<LeavePlan, "dir"> & { ports?: HeldPorts };
  endpoints: Endpoint[];
  /** Releases everything that was claimed; for a start that fails before there is a keeper. */
  release(): Promise<void>;
}

/**
 * Prepares the container's interfaces, in the order of its networks. `keep` takes the descriptors that the
 * keeper inherits. The caller has the container's lock. Throws Failure.
 */
export async function joinNetworks(container: Container, keep: (fd: number) => number): Promise<Joined> {
  await finishChange();
  await releaseLeftovers(container);
  const joined = noneJoined(container, keep(netlink.openRoute()));
  const { init, leave, endpoints } = joined;
  try {
    const networks = await joinEach(container, joined, keep);
    init.ipv6 = endpoints.some(({ addresses }) => addresses.some(isIpv6));
    init.routes = defaultRoutes(networks);
    if (container.config.ports) {
      const { publishPorts } = await import("./publish.ts");
      leave.ports = await publishPorts(container, networks, keep);
      allowHairpins(joined, endpoints);
    }
    writeFiles(container, endpoints);
  } catch (error) {
    await joined.release();
    throw error;
  }
  step(`networks prepared: ${endpoints.map(({ addresses }) => addresses.join(" ")).join(", ")}`);
  return joined;
}

/** Releases what the container still has from an earlier run, if its keeper was killed. */
async function releaseLeftovers({ id, dir }: Container): Promise<void> {
  for (const mark of [CONNECTED, JOINED]) file.unlinkIfAny(dir, mark);
  const has = readEndpoints(dir).some(({ network, addresses }) =>
    addresses.some((address) => file.statIfAny(rootFd(), claimPath({ name: network }, address, id)))
  );
  if (has) await leaveForKilled(id);
}

function noneJoined({ id, config }: Container, route: number): Joined {
  const joined: Joined = {
    init: { socket: route, interfaces: [], routes: [], ipv6: false },
    leave: { users: [], claims: [], links: [] },
    endpoints: [],
    async release() {
      for (const { network, addresses } of joined.endpoints) {
        releaseAddresses({ name: network }, addresses, id);
      }
      for (const users of joined.leave.users) lock(users, "none");
      await removeUnusedBridges((config.networks ?? []).map(({ network }) => network));
    },
  };
  return joined;
}

/** Claims addresses on all networks, and brings their bridges up. */
async function joinEach(
  { id, config }: Container,
  { init, leave, endpoints }: Joined,
  keep: (fd: number) => number,
): Promise<JoinedNetwork[]> {
  const joined: JoinedNetwork[] = [];
  for (const request of config.networks ?? []) {
    const known = await existingNetwork(request.network);
    const users = keep(holdNetwork(known.name));
    leave.users.push(users);
    const { network, index } = await bringUpBridge(init.socket, known);
    const name = `eth${endpoints.length}`;
    const endpoint = { ...await claimEndpoint(network, request, id, config.macAddress, name), users };
    endpoints.push(endpoint);
    removeLink(init.socket, vethName(endpoint));
    joined.push({ endpoint, network });
    init.interfaces.push(interfacePlan(network, endpoint, index));
    leave.links.push({ bytes: deleteMessage(vethName(endpoint)), what: name });
    leave.claims.push(...endpoint.addresses.map((address) => `../../${claimPath(network, address, id)}`));
  }
  return joined;
}

/** Writes the files that inspect, other members and the container itself read. */
function writeFiles({ dir, config }: Container, endpoints: Endpoint[]): void {
  writeEndpoints(dir, endpoints);
  removeTree(dir, "hosts");
  writeFile(dir, "hosts", ownHosts(config, endpoints), 0o644);
  const named = endpoints.map(({ network }) => network).filter((name) => !isDefaultBridge({ name }));
  if (named.length > 0) refreshNames(named);
}

/**
 * Lets a container reach its own published port by the host's address. Where packets on a bridge pass the
 * packet filter (br_netfilter), the bridge itself has to send them back by the port they came in.
 */
function allowHairpins({ init }: Joined, endpoints: Endpoint[]): void {
  endpoints.forEach((endpoint, at) => {
    const name = vethName(endpoint);
    init.interfaces[at].host = { bytes: hairpinMessage(name), what: `hairpin mode of ${name}` };
  });
}

/**
 * A descriptor with the shared lock of the network's users. Waits for the lock, and fails if the network was
 * removed meanwhile.
 */
export function holdNetwork(name: string): number {
  for (;;) {
    const users = openUsers(name);
    if (users === undefined) throw new Failure(`network ${name} not found`);
    lock(users, "shared");
    const now = file.statIfAny(rootFd(), `networks/${name}/users`);
    if (now?.inode === file.stat(users, "").inode) return users;
    file.close(users);
  }
}

/**
 * Claims an address in each of the network's pools for the container `id`. Throws Failure and then has
 * claimed none.
 */
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
      const wanted = family === AF_INET ? request.ip : request.ip6;
      let address;
      while ((address = claimAddress(network, pool, id, wanted)) === undefined) {
        await repairNetworks();
      }
      addresses.push(address);
    }
  } catch (error) {
    releaseAddresses(network, addresses, id);
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
    // As docker: --mac-address is for the first network.
    mac: request.mac ?? (name === "eth0" ? mac : undefined) ?? macOf(parseAddress(addresses[0])!),
  };
}

/** The container's end of a network whose bridge has this index. */
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
