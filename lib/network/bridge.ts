// A network's bridge. It comes up with the first container and goes with the last one.
//
// A network is completely up exactly when its interface is up: bringing the interface up is the last step of
// making it, and taking it down is the first step of removing it. A process removes the bridge only while it
// holds the exclusive lock of the network's file `users`, and relies on the bridge only while it holds the
// shared lock. One mydocker at a time makes bridges (making.ts).

import { isErrno, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import * as netlink from "../../ffi/netlink.ts";
import { Failure } from "../base/error.ts";
import { step } from "../base/debug.ts";
import { sleep } from "../base/sleep.ts";
import { overlaps, parseAddress, subnetOf } from "../base/address.ts";
import { BRIDGE_NAME, mtuOf } from "./driver_options.ts";
import { addressMessage, aliasMessage, bridgeMessage, deleteMessage, linkByName, upMessage } from "./link.ts";
import { claimsOn, isKept } from "./claims.ts";
import { makingBridges } from "./making.ts";
import { lastUserLeft, networkCameUp, rulesName } from "./outside.ts";
import { ownerText } from "./owner.ts";
import { poolsNow, subnetsInUse, withFreedSubnets } from "./pool.ts";
import {
  markDown,
  markUp,
  mayBeUp,
  type Network,
  networkByName,
  networkNames,
  openUsers,
  writeNetwork,
} from "./store.ts";

/** The longest pause in which a process that gives way lets others go first, in ms. */
const LONGEST_PAUSE = 50;

/** A bridge that is up, and the network's record as it is then. */
export interface ActiveBridge {
  index: number;
  network: Network;
}

/**
 * Makes the network's bridge unless it is up. `route` is a netlink socket in the host's network namespace.
 * The caller holds the shared lock of `users`. Throws Failure where the host has no bridges, or mydocker
 * may not make any.
 */
export async function bringUpBridge(route: number, before: Network): Promise<ActiveBridge> {
  for (;;) {
    const up = await ifUp(route, before);
    if (up) return up;
    await makingBridges(async () => {
      // Another process may have been faster.
      if (!await ifUp(route, before)) await makeBridge(route, await reread(before));
    });
  }
}

/**
 * The bridge, if it is up. One that is up while its network has no subnets yet is from before the network's
 * record was damaged, and has to be made anew.
 */
async function ifUp(route: number, before: Network): Promise<ActiveBridge | undefined> {
  const index = upIndex(route, before);
  if (index === undefined) return undefined;
  // Reread only now: the subnet may have been chosen after `before` was read.
  const network = await reread(before);
  return network.pools.every(({ subnet }) => subnet !== "") ? { index, network } : undefined;
}

/**
 * The bridge's index, if it is up. A bridge without the mark belonged to a removed root directory at the same
 * path.
 */
function upIndex(route: number, network: Network): number | undefined {
  const link = linkByName(route, network.interface);
  return link?.up && mayBeUp(network) ? link.index : undefined;
}

async function reread({ name }: Network): Promise<Network> {
  const network = await networkByName(name);
  if (!network) throw new Failure(`network ${name} not found`);
  return network;
}

async function makeBridge(route: number, before: Network): Promise<void> {
  const { name, interface: bridge, options } = before;
  try {
    // The bridge is not up, or has no mark: the process that began to make it was killed.
    if (linkByName(route, bridge)) {
      if (options[BRIDGE_NAME] && !mayBeUp(before)) {
        throw new Failure(`can't bring up network ${name}: there is an interface ${bridge} already`);
      }
      netlink.request(route, deleteMessage(bridge), bridge);
    }
    markUp(before);
    const network = await withOwnSubnets(route, before);
    await networkCameUp(network);
    netlink.request(route, upMessage(bridge), `${bridge} up`);
    step(`bridge ${bridge} made for network ${name}`);
  } catch (error) {
    if (error instanceof Failure) throw new Failure(error.message, { cause: error });
    if (!(error instanceof KernelError)) throw error;
    throw new Failure(`can't bring up network ${name}: ${error.message}; ${advice(error)}`, {
      cause: error,
    });
  }
}

/** Makes the bridge, with addresses in subnets that no other bridge has. */
async function withOwnSubnets(route: number, before: Network): Promise<Network> {
  const { interface: bridge, options } = before;
  for (;;) {
    const network = await withPools(route, before);
    netlink.request(route, bridgeMessage(bridge, macOfBridge(network), mtuOf(options)), bridge);
    const owner = ownerText(await rulesName(before.id));
    if (owner !== undefined) netlink.request(route, aliasMessage(bridge, owner), `${bridge}'s owner`);
    const { index } = linkByName(route, bridge)!;
    const subnets = network.pools.map(({ subnet }) => subnetOf(subnet));
    network.pools.forEach(({ gateway }, at) => {
      const address = { ...parseAddress(gateway)!, prefix: subnets[at].prefix };
      netlink.request(route, addressMessage(index, address), `${gateway} of ${bridge}`);
    });
    // Of two processes that chose the same subnet, at least the later one sees the other. If both do, chance
    // decides who goes first.
    const others = subnetsInUse(route, index);
    if (!others.some((other) => subnets.some((subnet) => overlaps(subnet, other)))) return network;
    netlink.request(route, deleteMessage(bridge), bridge);
    sleep(Math.random() * LONGEST_PAUSE);
  }
}

function advice(error: KernelError): string {
  const none = "or do without with --network none";
  if (isErrno(error, "ENOTSUP")) return `this kernel has no bridges (modprobe bridge), ${none}`;
  if (isErrno(error, "EPERM")) return `that needs CAP_NET_ADMIN in the host's network namespace, ${none}`;
  return `--network none does without it`;
}

/**
 * Chooses subnets that are free on this host and in this root directory. Records them where they have
 * changed.
 */
async function withPools(route: number, network: Network): Promise<Network> {
  const others = networkNames().filter((name) => name !== network.name);
  const elsewhere = (await Promise.all(others.map(networkByName))).flatMap((other) => other?.pools ?? [])
    .filter(({ subnet }) => subnet !== "").map(({ subnet }) => subnetOf(subnet));
  const pools = await withFreedSubnets(route, (used) => poolsNow(network, used, elsewhere));
  if (pools.every((pool, index) => pool === network.pools[index])) return network;
  const changed = { ...network, pools };
  writeNetwork(changed);
  return changed;
}

/** 02:42 as docker's, then bytes of the network's ID: the same address whenever the bridge comes up. */
function macOfBridge({ id }: Network): string {
  return ["02", "42", ...id.slice(0, 8).match(/../g)!].join(":");
}

/**
 * Whether a container has an address in the network. That includes containers that were connected while they
 * ran, whose keepers hold no lock of `users` for this network.
 */
export function isInUse(network: Pick<Network, "name">): boolean {
  return claimsOn(network).some(({ owner }) => isKept(owner));
}

/**
 * Removes the bridges that no container uses: those of ended containers, and those that killed commands left.
 */
export async function removeUnusedBridges(names = networkNames()): Promise<void> {
  let route: number | undefined;
  for (const name of names) {
    const users = openUsers(name);
    if (users === undefined) continue;
    try {
      if (!mayBeUp({ name }) || !tryLock(users, "exclusive") || isInUse({ name })) continue;
      const network = await networkByName(name);
      if (network?.driver === "bridge") await removeBridge(route ??= netlink.openRoute(), network);
    } finally {
      file.close(users);
    }
  }
  if (route !== undefined) file.close(route);
}

/** Removes the bridge. The caller holds the exclusive lock of `users`. */
export async function removeBridge(route: number, network: Network): Promise<void> {
  // After a reboot there is only the mark.
  if (linkByName(route, network.interface)) {
    await lastUserLeft(network);
    netlink.request(route, deleteMessage(network.interface), network.interface);
  }
  markDown(network);
  step(`bridge ${network.interface} of network ${network.name} removed`);
}
