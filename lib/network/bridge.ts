// A network's bridge: it comes up with the first container and goes with the last one.
//
// What says that a network is up, completely, is that its interface is: that is the last step of making it, and the
// first of taking it down. Nobody takes it down but with the exclusive lock of the network's file `users`, and nobody
// relies on it but with the shared one. Making bridges is serialized by a name that all mydockers in a network
// namespace know, whatever their root directory: each has to see which subnets the others chose.

import { isErrno, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import * as netlink from "../../ffi/netlink.ts";
import { CommandError } from "../cli/error.ts";
import { step } from "../cli/debug.ts";
import { sleep } from "../state/sleep.ts";
import { parseAddress, subnetOf } from "./address.ts";
import { BRIDGE_NAME, mtuOf } from "./driver_options.ts";
import { addressMessage, bridgeMessage, deleteMessage, linkByName, upMessage } from "./link.ts";
import { claimsOn, isKept } from "./claims.ts";
import { lastUserLeft, networkCameUp } from "./outside.ts";
import { poolsNow, subnetsInUse } from "./pool.ts";
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

const MAKING = "mydocker-makes-a-bridge";
/** Milliseconds that somebody else may take for it, and how long to wait before looking again. */
const PATIENCE = 20_000;
const PAUSE = 1;

/** The bridge, and the network as it is now that it is up. */
export interface Raised {
  index: number;
  network: Network;
}

/**
 * Makes the network's bridge unless it is up. `route` is a netlink socket in the host's network namespace. The caller
 * holds the shared lock of `users`. Throws CommandError where the host has no bridges, or mydocker may not make any.
 */
export async function raiseBridge(route: number, before: Network): Promise<Raised> {
  const patience = performance.now() + PATIENCE;
  for (;;) {
    const index = upIndex(route, before);
    // Only now: its subnet may have been chosen after `before` was read.
    if (index !== undefined) return { index, network: await reread(before) };
    const making = netlink.claimAbstractName(MAKING);
    if (making !== undefined) {
      try {
        // Somebody else may have been faster.
        if (upIndex(route, before) === undefined) await makeBridge(route, await reread(before));
      } finally {
        file.close(making);
      }
    } else if (performance.now() > patience) {
      throw new CommandError(
        `network ${before.name}: waited ${PATIENCE / 1000} s for another mydocker to make a bridge`,
      );
    } else sleep(PAUSE);
  }
}

/** The bridge's index, if it is up. One without the mark was that of a root directory that is gone, at the same place. */
function upIndex(route: number, network: Network): number | undefined {
  const link = linkByName(route, network.interface);
  return link?.up && mayBeUp(network) ? link.index : undefined;
}

async function reread({ name }: Network): Promise<Network> {
  const network = await networkByName(name);
  if (!network) throw new CommandError(`network ${name} not found`);
  return network;
}

async function makeBridge(route: number, before: Network): Promise<void> {
  const { name, interface: bridge, options } = before;
  try {
    // Not up, or without the mark: whoever began to make it was killed.
    if (linkByName(route, bridge)) {
      if (options[BRIDGE_NAME] && !mayBeUp(before)) {
        throw new CommandError(`can't bring up network ${name}: there is an interface ${bridge} already`);
      }
      netlink.request(route, deleteMessage(bridge), bridge);
    }
    markUp(before);
    const network = await withPools(route, before);
    netlink.request(route, bridgeMessage(bridge, macOfBridge(network), mtuOf(options)), bridge);
    const { index } = linkByName(route, bridge)!;
    for (const { subnet, gateway } of network.pools) {
      const { prefix } = subnetOf(subnet);
      netlink.request(
        route,
        addressMessage(index, { ...parseAddress(gateway)!, prefix }),
        `${gateway} of ${bridge}`,
      );
    }
    await networkCameUp(network);
    netlink.request(route, upMessage(bridge), `${bridge} up`);
    step(`bridge ${bridge} made for network ${name}`);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new CommandError(`can't bring up network ${name}: ${error.message}; ${advice(error)}`, 125, {
      cause: error,
    });
  }
}

function advice(error: KernelError): string {
  const none = "or do without with --network none";
  if (isErrno(error, "ENOTSUP")) return `this kernel has no bridges (modprobe bridge), ${none}`;
  if (isErrno(error, "EPERM")) return `that needs CAP_NET_ADMIN in the host's network namespace, ${none}`;
  return `--network none does without it`;
}

/** With subnets that are free on this host and in this root directory; noted where they have changed. */
async function withPools(route: number, network: Network): Promise<Network> {
  const others = networkNames().filter((name) => name !== network.name);
  const elsewhere = (await Promise.all(others.map(networkByName))).flatMap((other) => other?.pools ?? [])
    .filter(({ subnet }) => subnet !== "").map(({ subnet }) => subnetOf(subnet));
  const pools = poolsNow(network, subnetsInUse(route), elsewhere);
  if (pools.every((pool, index) => pool === network.pools[index])) return network;
  const changed = { ...network, pools };
  writeNetwork(changed);
  return changed;
}

/** 02:42 as docker's, and of the network's id: the same whenever it comes up. */
function macOfBridge({ id }: Network): string {
  return ["02", "42", ...id.slice(0, 8).match(/../g)!].join(":");
}

/** Whether a container has an address, be it one that was connected while it ran: its keeper has no lock of `users` for that. */
export function isInUse(network: Pick<Network, "name">): boolean {
  return claimsOn(network).some(({ owner }) => isKept(owner));
}

/** Takes down the bridges that nobody uses: those of ended containers, and what killed commands left. */
export async function settle(names = networkNames()): Promise<void> {
  let route: number | undefined;
  for (const name of names) {
    const users = openUsers(name);
    if (users === undefined) continue;
    try {
      if (!mayBeUp({ name }) || !tryLock(users, "exclusive") || isInUse({ name })) continue;
      const network = await networkByName(name);
      if (network?.driver === "bridge") await takeDown(route ??= netlink.openRoute(), network);
    } finally {
      file.close(users);
    }
  }
  if (route !== undefined) file.close(route);
}

/** With the exclusive lock of `users`. */
export async function takeDown(route: number, network: Network): Promise<void> {
  // Of a machine that has come up anew there is only the mark.
  if (linkByName(route, network.interface)) {
    await lastUserLeft(network);
    netlink.request(route, deleteMessage(network.interface), network.interface);
  }
  markDown(network);
  step(`bridge ${network.interface} of network ${network.name} removed`);
}
