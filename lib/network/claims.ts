// Who has which address: networks/NAME/addresses/ADDRESS is a symlink to a container's ID. The keeper removes it at the
// container's end; what a killed keeper left counts for nothing, since its container's lock is free.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import { CommandError } from "../cli/error.ts";
import { keeperLives } from "../container/state.ts";
import { rootFd } from "../state/root.ts";
import { addressText, bounds, contains, parseAddress, subnetOf } from "./address.ts";
import type { AddressPool, Network } from "./store.ts";

/** Where the network keeps its claims, relative to the root directory. */
export function claimsOf(network: Pick<Network, "name">): string {
  return `networks/${network.name}/addresses`;
}

/** Does `work` while nobody else changes the network's claims, or what follows from them. */
export function withClaims<T>(network: Pick<Network, "name">, work: () => T): T {
  const fd = file.openat(rootFd(), `${claimsOf(network)}/.lock`, file.O_RDWR);
  try {
    lock(fd, "exclusive");
    return work();
  } finally {
    file.close(fd);
  }
}

/** Addresses that are claimed, by containers dead or alive. */
export function claimedAddresses(network: Pick<Network, "name">): string[] {
  const folder = file.openat(rootFd(), claimsOf(network), file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(folder).map(({ name }) => name).filter((name) => name !== ".lock");
  } finally {
    file.close(folder);
  }
}

/** The ID of the container that claimed an address; "" where none did. */
export function ownerOf(network: Pick<Network, "name">, address: string): string {
  try {
    return file.readlinkat(rootFd(), `${claimsOf(network)}/${address}`);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "";
    throw error;
  }
}

/** Whether the container has a keeper: who starts it counts, too. */
function isKept(id: string): boolean {
  return id !== "" && keeperLives(rootFd(), `containers/${id}`);
}

/**
 * Claims an address for a container, whose lock the caller holds: the `wanted` one, or the lowest that is free. Throws
 * CommandError where there is none, or somebody has it.
 */
export function claimAddress(network: Network, pool: AddressPool, id: string, wanted?: string): string {
  return withClaims(network, () => {
    const address = wanted ?? freeAddress(network, pool);
    const path = `${claimsOf(network)}/${address}`;
    if (wanted !== undefined) {
      checkWanted(network, pool, wanted);
      const owner = ownerOf(network, wanted);
      if (owner !== id && isKept(owner)) throw new CommandError("Address already in use");
    }
    file.unlinkIfAny(rootFd(), path);
    file.symlinkat(id, rootFd(), path);
    return address;
  });
}

function checkWanted({ name }: Network, { subnet, gateway }: AddressPool, wanted: string): void {
  const address = parseAddress(wanted);
  if (!address || !contains(subnetOf(subnet), address)) {
    throw new CommandError(
      `Invalid address ${wanted}: It does not belong to any of network ${name}'s subnets`,
    );
  }
  if (wanted === gateway) throw new CommandError("Address already in use");
}

/** Claims of containers that were killed are looked at where there is nothing else left. */
function freeAddress(network: Network, pool: AddressPool): string {
  const claimed = new Set(claimedAddresses(network));
  const free = lowestFree(pool, (address) => claimed.has(address)) ??
    lowestFree(pool, (address) => isKept(ownerOf(network, address)));
  if (free === undefined) {
    throw new CommandError(
      `no available IPv4 addresses on this network's address pools: ${network.name} (${network.id})`,
    );
  }
  return free;
}

function lowestFree(
  { subnet, gateway, range }: AddressPool,
  taken: (address: string) => boolean,
): string | undefined {
  const whole = subnetOf(subnet);
  const [network, broadcast] = bounds(whole);
  const [first, last] = bounds(subnetOf(range ?? subnet));
  for (let value = first; value <= last; value++) {
    if (value === network || value === broadcast) continue;
    const address = addressText({ family: whole.family, value });
    if (address !== gateway && !taken(address)) return address;
  }
  return undefined;
}

/** Gives addresses back, as far as they are the container's. */
export function releaseAddresses(network: Pick<Network, "name">, addresses: string[], id: string): void {
  withClaims(network, () => {
    for (const address of addresses) {
      if (ownerOf(network, address) === id) file.unlinkIfAny(rootFd(), `${claimsOf(network)}/${address}`);
    }
  });
}
