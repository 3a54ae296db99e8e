// Does for containers' networks what killed keepers could not do.

import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import { openRoute } from "../../ffi/netlink.ts";
import { removePortRules as removeRules } from "../nat/firewall.ts";
import { rootFd } from "../store/root.ts";
import { removeUnusedBridges } from "./bridge.ts";
import { claimsOn, isKept, releaseAddresses } from "./claims.ts";
import { vethName } from "./endpoint.ts";
import { removeLink } from "./link.ts";
import { refreshNames } from "./names.ts";
import { readPorts } from "../container/ports.ts";
import { networkByName, networkNames } from "./store.ts";

/** Repairs all networks, and removes the bridges that then have no users. Throws Failure. */
export async function repairNetworks(): Promise<void> {
  const owners = new Set(networkNames().flatMap((name) => claimsOn({ name })).map(({ owner }) => owner));
  for (const id of owners) if (!isKept(id)) await repairOne(id);
  await removeUnusedBridges();
}

/** Holds the container's lock, so that nobody starts it meanwhile. */
async function repairOne(id: string): Promise<void> {
  const lock = file.openIfAny(rootFd(), `containers/${id}/lock`, file.O_RDWR);
  try {
    if (lock === undefined || tryLock(lock, "exclusive")) await leaveForKilled(id);
  } finally {
    if (lock !== undefined) file.close(lock);
  }
}

/** Releases what the container had. The caller has its lock, or the container is gone. */
export async function leaveForKilled(id: string): Promise<void> {
  const left = networkNames().filter((name) => claimsOn({ name }).some(({ owner }) => owner === id));
  const dir = file.openIfAny(rootFd(), `containers/${id}`, file.O_RDONLY | file.O_DIRECTORY);
  try {
    // This comes first: the next owner of the address must not get packets for these ports.
    if (dir !== undefined) await removePortRules(dir);
  } finally {
    if (dir !== undefined) file.close(dir);
  }
  for (const name of left) await leaveNetwork(name, id);
  refreshNames(left);
}

/**
 * Removes its interface, which its namespace does not take along while others use that, and its addresses.
 */
async function leaveNetwork(name: string, id: string): Promise<void> {
  const network = await networkByName(name);
  const had = claimsOn({ name }).filter(({ owner }) => owner === id).map(({ address }) => address);
  const route = openRoute();
  try {
    for (const address of network ? had : []) {
      removeLink(route, vethName({ networkId: network!.id, addresses: [address] }));
    }
  } finally {
    file.close(route);
  }
  releaseAddresses({ name }, had, id);
}

/** Removes rules that no socket of the keeper's owned. */
async function removePortRules(dir: number): Promise<void> {
  const ports = readPorts(dir);
  if (!ports || ports.firewall !== undefined) return;
  await removeRules(ports.rules);
}
