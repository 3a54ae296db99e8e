// Removes networks.

import * as file from "../../ffi/file.ts";
import { lockWithin, tryLock } from "../../ffi/lock.ts";
import { openRoute } from "../../ffi/netlink.ts";
import { Failure } from "../base/error.ts";
import { type Filters, matchesLabels } from "../cli/filter.ts";
import { untilOf } from "../cli/until.ts";
import { emitNetwork, emitPrune } from "../events/emit.ts";
import { beginWork, discard } from "../store/root.ts";
import { sleep } from "../base/sleep.ts";
import { isInUse, removeBridge } from "./bridge.ts";
import { rulesName } from "./outside.ts";
import { removeUnknownBridges } from "./owner.ts";
import {
  damagedNetworks,
  DEFAULT_NETWORKS,
  findNetwork,
  listNetworks,
  lockNetworks,
  type Network,
  openUsers,
} from "./store.ts";
import { members } from "./users.ts";

/** How long the keepers of ended containers may still be busy with the network's bridge, in ms. */
const PATIENCE = 3000;

/**
 * Removes a network, which may be given by name or ID. Throws Failure where there is none, or
 * containers are in it.
 */
export async function removeNetwork(reference: string): Promise<void> {
  const network = await findNetwork(reference);
  if (!network) throw new Failure(`No such network: ${reference}`);
  const { name, id } = network;
  if (DEFAULT_NETWORKS.includes(name)) {
    throw new Failure(`${name} is a pre-defined network and cannot be removed`);
  }
  if (!await removeIfUnused(network)) {
    throw new Failure(`error while removing network: network ${name} id ${id} has active endpoints`);
  }
}

/** Removes the unused networks that the filters label, label! and until let through; returns their names. */
export async function pruneNetworks(filters: Filters): Promise<string[]> {
  const before = untilOf(filters);
  const removed: string[] = [];
  for (const network of await listNetworks()) {
    const { name, labels, created } = network;
    if (DEFAULT_NETWORKS.includes(name) || !matchesLabels(labels, filters)) continue;
    if (Date.parse(created) >= before) continue;
    if (await removeIfUnused(network)) removed.push(name);
  }
  for (const name of filters.size === 0 ? damagedNetworks() : []) {
    if (await removeDamaged(name)) removed.push(name);
  }
  emitPrune("network", 0);
  return removed;
}

/**
 * Removes a network of which only the name is known. Throws Failure where containers are in it.
 */
export async function removeDamagedNetwork(name: string): Promise<void> {
  if (await removeDamaged(name)) return;
  throw new Failure(`error while removing network: network ${name} has active endpoints`);
}

/** Returns false where a container is in it. */
async function removeDamaged(name: string): Promise<boolean> {
  await beginWork();
  const held = lockNetworks("exclusive");
  const users = openUsers(name);
  try {
    // Without the lock file, nobody can hold its lock.
    if ((users !== undefined && !lockWithin(users, "exclusive", PATIENCE)) || isInUse({ name })) return false;
    discard(`networks/${name}`);
    const known = await Promise.all((await listNetworks()).map(({ id }) => rulesName(id)));
    const route = openRoute();
    await removeUnknownBridges(route, new Set(known));
    file.close(route);
    return true;
  } finally {
    if (users !== undefined) file.close(users);
    file.close(held);
  }
}

/** Returns false where a container is in it. */
async function removeIfUnused(network: Network): Promise<boolean> {
  await beginWork();
  const held = lockNetworks("exclusive");
  const users = openUsers(network.name);
  try {
    if (users === undefined) return true; // another command was faster
    const patience = performance.now() + PATIENCE;
    while (!tryLock(users, "exclusive")) {
      if (members().some(({ endpoint }) => endpoint.networkId === network.id)) return false;
      if (performance.now() > patience) return false;
      sleep(5);
    }
    if (isInUse(network)) return false;
    const route = openRoute();
    await removeBridge(route, network);
    file.close(route);
    discard(`networks/${network.name}`, () => emitNetwork(network, "destroy"));
    return true;
  } finally {
    if (users !== undefined) file.close(users);
    file.close(held);
  }
}
