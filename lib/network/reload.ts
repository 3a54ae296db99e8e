// Adds the firewall's rules of everything that runs again: a reload of the host's own firewall often flushes
// the rules of all others.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import * as netlink from "../../ffi/netlink.ts";
import { fetchDescriptor } from "../../ffi/process.ts";
import { containerIds, openUndamaged } from "../container/find.ts";
import { keeperLives } from "../container/state.ts";
import { openRecords, readRecords } from "../keeper/report.ts";
import { addNetworkRules, restorePortRules } from "../nat/firewall.ts";
import { removeUnusedBridges } from "./bridge.ts";
import { linkByName } from "./link.ts";
import { networkRules } from "./outside.ts";
import { readPorts } from "../container/ports.ts";
import { listNetworks, openUsers } from "./store.ts";

/**
 * Adds the rules of every network that is up, and of every running container's ports. Throws Failure.
 */
export async function reloadRules(): Promise<void> {
  const route = netlink.openRoute();
  for (const network of await listNetworks()) {
    if (network.driver !== "bridge") continue;
    const users = openUsers(network.name);
    if (users === undefined) continue;
    // This lock keeps others from removing the bridge meanwhile.
    lock(users, "shared");
    if (linkByName(route, network.interface)?.up) await addNetworkRules(await networkRules(network));
    file.close(users);
  }
  file.close(route);
  for (const id of containerIds()) await reloadPorts(id);
  // Keepers that ended meanwhile saw our lock, so they left the bridges for us to remove.
  await removeUnusedBridges();
}

async function reloadPorts(id: string): Promise<void> {
  const container = openUndamaged(id);
  if (!container) return;
  const { dir } = container;
  try {
    const note = readPorts(dir);
    if (!note) return;
    const socket = keeperSocket(dir, note.firewall);
    const ended = note.firewall === undefined ? !keeperLives(dir) : socket === undefined;
    if (!ended) await restorePortRules({ name: note.rules, ports: note.ports }, note.bridge, socket);
    if (socket !== undefined) file.close(socket);
  } finally {
    file.close(dir);
  }
}

/**
 * The keeper's own socket, since only its owner can change the container's rules. Undefined where it has
 * none.
 */
export function keeperSocket(dir: number, fd: number | undefined): number | undefined {
  const records = fd === undefined ? undefined : openRecords(dir);
  if (fd === undefined || records === undefined) return undefined;
  const { start, end } = readRecords(records);
  file.close(records);
  try {
    return start && !end && keeperLives(dir) ? fetchDescriptor(start.keeper, fd) : undefined;
  } catch (error) {
    if (isErrno(error, "ESRCH", "EBADF")) return undefined; // it has just ended
    throw error;
  }
}
