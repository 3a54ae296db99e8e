// Chooses a subnet for a network that names none: docker's pools, except those that the host already routes.

import { IFA_ADDRESS } from "../../ffi/constants.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "../../ffi/constants.ts";
import * as netlink from "../../ffi/netlink.ts";
import { Failure } from "../base/error.ts";
import {
  addressText,
  bounds,
  fromBytes,
  overlaps,
  type Subnet,
  subnetOf,
  subnetText,
} from "../base/address.ts";
import { removeForsakenBridges, rootsWithNetworks } from "./owner.ts";
import type { AddressPool, Network } from "./store.ts";

const RTA_DST = 1;
const RTA_OIF = 4;

/** Docker's default pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 to 192.168.240.0/20. */
function candidates(): Subnet[] {
  const wide = Array.from({ length: 15 }, (_, n) => subnetOf(`172.${17 + n}.0.0/16`));
  const narrow = Array.from({ length: 16 }, (_, n) => subnetOf(`192.168.${16 * n}.0/20`));
  return [...wide, ...narrow];
}

/** The subnets of the host's interfaces and routes, except those of the interface `except`. */
export function subnetsInUse(route: number, except?: number): Subnet[] {
  const addresses = netlink.dump(route, netlink.RTM_GETADDR, AF_UNSPEC)
    .filter(({ header }) => header.getUint32(4, true) !== except)
    .map(({ header, attributes }) => subnet(header, 1, attributes.get(IFA_ADDRESS)));
  const routes = netlink.dump(route, netlink.RTM_GETROUTE, AF_UNSPEC)
    .filter(({ attributes }) => except === undefined || outgoing(attributes) !== except)
    // A default route matches everything and conflicts with nothing.
    .map(({ header, attributes }) => subnet(header, 1, attributes.get(RTA_DST)));
  return [...addresses, ...routes].filter((found) => found !== undefined && found.prefix > 0) as Subnet[];
}

/**
 * Calls `choose` with the subnets in use on the host, after those of removed root directories have been
 * freed. If none is left to choose, those whose owner can't be seen are freed too. The error then names the
 * owners of the others.
 */
export async function withFreedSubnets<T>(route: number, choose: (used: Subnet[]) => T): Promise<T> {
  await removeForsakenBridges(route, "certain");
  try {
    return choose(subnetsInUse(route));
  } catch (error) {
    if (!(error instanceof NoPool)) throw error;
  }
  await removeForsakenBridges(route, "seen from here");
  try {
    return choose(subnetsInUse(route));
  } catch (error) {
    const roots = rootsWithNetworks(route);
    if (!(error instanceof NoPool) || roots.length === 0) throw error;
    const shown = roots.slice(0, 3).join(", ") + (roots.length > 3 ? ` and ${roots.length - 3} more` : "");
    throw new Failure(`${error.message}; those of these root directories are up: ${shown}`, {
      cause: error,
    });
  }
}

class NoPool extends Failure {}

function outgoing(attributes: Map<number, Uint8Array>): number | undefined {
  const bytes = attributes.get(RTA_OIF);
  return bytes && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

/** The subnet in a struct ifaddrmsg or rtmsg, which begin with the family and the prefix length. */
function subnet(header: DataView, prefixAt: number, bytes: Uint8Array | undefined): Subnet | undefined {
  const family = header.getUint8(0);
  if (!bytes || (family !== AF_INET && family !== AF_INET6)) return undefined;
  return { family, value: fromBytes(bytes), prefix: header.getUint8(prefixAt) };
}

/** A pool that overlaps with none of `used`. Throws Failure where there is none left. */
export function choosePool(used: Subnet[]): AddressPool {
  const free = candidates().find((candidate) => !used.some((other) => overlaps(candidate, other)));
  if (!free) {
    throw new NoPool(
      "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network; " +
        "choose one with network create --subnet",
    );
  }
  return { subnet: subnetText(free), gateway: firstHost(free), automatic: true };
}

/** The subnet's first address that a host can have. */
export function firstHost(subnet: Subnet): string {
  return addressText({ family: subnet.family, value: bounds(subnet)[0] + 1n });
}

/**
 * The network's pools for coming up. Pools that were chosen here are chosen again if they overlap with what
 * the host uses by now. Throws Failure if pools that the user chose overlap.
 */
export function poolsNow(network: Network, used: Subnet[], elsewhere: Subnet[]): AddressPool[] {
  return network.pools.map((pool) => {
    const conflict = pool.subnet && used.find((other) => overlaps(subnetOf(pool.subnet), other));
    if (pool.subnet && !conflict) return pool;
    if (pool.automatic) return choosePool([...used, ...elsewhere]);
    throw new Failure(
      `network ${network.name} can't come up: the host has ${
        subnetText(conflict as Subnet)
      } already, which overlaps with ${pool.subnet}`,
    );
  });
}
