// Claims an address for a container from a network's pool.

import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import { Failure } from "../base/error.ts";
import { rootFd } from "../store/root.ts";
import { addressText, bounds, contains, parseAddress, subnetOf } from "../base/address.ts";
import { claimPath, claimsFolder, claimsOn, isKept } from "./claims.ts";
import type { AddressPool, Network } from "./store.ts";

/**
 * Claims the `wanted` address for a container, or the lowest free one. The caller holds the container's lock,
 * or the container runs. Returns undefined where every such address is taken, but some only by claims of
 * killed containers, which a repair removes. Throws Failure where running containers have the addresses.
 */
export function claimAddress(
  network: Network,
  pool: AddressPool,
  id: string,
  wanted?: string,
): string | undefined {
  if (wanted !== undefined) checkWanted(network, pool, wanted);
  return withClaims(network, () => {
    const claims = claimsOn(network).filter(({ owner }) => owner !== id || wanted === undefined);
    const taken = new Set(claims.map(({ address }) => address));
    const address = wanted === undefined ? lowestFree(pool, taken) : taken.has(wanted) ? undefined : wanted;
    if (address !== undefined) {
      if (wanted !== undefined) file.unlinkIfAny(rootFd(), claimPath(network, address, id));
      file.mknodat(rootFd(), claimPath(network, address, id), file.S_IFREG | 0o600, 0);
      return address;
    }
    const inTheWay = claims.filter(({ address }) => wanted === undefined || address === wanted);
    if (inTheWay.every(({ owner }) => isKept(owner))) throw noneLeft(network, wanted);
    return undefined;
  });
}

function checkWanted({ name }: Network, { subnet, gateway }: AddressPool, wanted: string): void {
  const address = parseAddress(wanted);
  if (!address || !contains(subnetOf(subnet), address)) {
    throw new Failure(`Invalid address ${wanted}: It does not belong to any of network ${name}'s subnets`);
  }
  if (wanted === gateway) throw new Failure("Address already in use");
}

function noneLeft({ name, id }: Network, wanted?: string): Failure {
  if (wanted !== undefined) return new Failure("Address already in use");
  return new Failure(`no available IPv4 addresses on this network's address pools: ${name} (${id})`);
}

function lowestFree({ subnet, gateway, range }: AddressPool, taken: Set<string>): string | undefined {
  const whole = subnetOf(subnet);
  const [network, broadcast] = bounds(whole);
  const [first, last] = bounds(subnetOf(range ?? subnet));
  for (let value = first; value <= last; value++) {
    if (value === network || value === broadcast) continue;
    const address = addressText({ family: whole.family, value });
    if (address !== gateway && !taken.has(address)) return address;
  }
  return undefined;
}

/** Does `work` while nobody else claims an address of the network. */
function withClaims<T>(network: Pick<Network, "name">, work: () => T): T {
  const fd = file.openat(rootFd(), `${claimsFolder(network)}/.lock`, file.O_RDWR);
  try {
    lock(fd, "exclusive");
    return work();
  } finally {
    file.close(fd);
  }
}
