// Connecting running containers to networks, and disconnecting them. A root directory allows one such change
// at a time. A note is written before the change begins; a note that is found later belongs to a killed
// command. Its container is then taken out of that network, which completes a disconnect and takes back a
// connect.

import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import * as netlink from "../../ffi/netlink.ts";
import { fetchDescriptor } from "../../ffi/process.ts";
import { readConfig } from "../container/config.ts";
import { lockNames } from "../container/names.ts";
import { processOf } from "../container/process.ts";
import { readStarted } from "../keeper/report.ts";
import { replaceFile } from "../base/json.ts";
import { hexId, readRecord, shapeOf } from "../base/shape.ts";
import { rootFd } from "../store/root.ts";
import { removeUnusedBridges } from "./bridge.ts";
import { CHANGE, noteStale, type Stale, staleNotes } from "./change_mark.ts";
import { claimsOn, releaseAddresses } from "./claims.ts";
import {
  defaultRoutes,
  type Endpoint,
  existingNetwork,
  isEndpoint,
  type JoinedNetwork,
  readEndpoints,
  vethName,
  writeEndpoints,
} from "./endpoint.ts";
import { removeLink } from "./link.ts";
import { refreshNames, refreshOwnNames } from "./names.ts";
import { addInterfaces } from "./interfaces.ts";
import { redirectPorts } from "./republish.ts";
import { openNetwork } from "./shared.ts";
import type { Container, EndpointRequest } from "../model/container.ts";

interface Change {
  container: string;
  endpoint: Endpoint;
}

const isChange = shapeOf<Change>({ container: hexId, endpoint: isEndpoint });

/**
 * Has the hosts files of this container and of all others in the network updated after the locks are
 * released. Containers can write to these files, so updating them may take long.
 */
export type Later = (container: string, network: string) => void;

/** Does `work` while no other change is made, and after what killed commands left has been cleaned up. */
export async function whileChangesAreLocked<T>(work: (later: Later) => Promise<T>): Promise<T> {
  const fd = file.openat(rootFd(), "networks/.changing", file.O_RDWR | file.O_CREAT, 0o600);
  const stale: Stale[] = [];
  const later: Later = (container, network) => void stale.push(noteStale(container, network));
  try {
    lock(fd, "exclusive");
    stale.push(...staleNotes());
    const found = readRecord<Change>(rootFd(), CHANGE, isChange);
    if (found) await leaveNetwork(found.container, found.endpoint, later);
    file.unlinkIfAny(rootFd(), CHANGE);
    return await work(later);
  } finally {
    file.close(fd);
    stale.forEach(refresh);
  }
}

/** Updates the files; another command may be doing the same, or may have been killed while it did. */
function refresh({ container, network, note }: Stale): void {
  refreshOwnNames(container, network);
  refreshNames([network]);
  file.unlinkIfAny(rootFd(), note);
}

/**
 * Does `work` on a container's endpoint. If it fails or is killed, the container is taken out of that
 * network. `work` passes on what it learns about the endpoint by its argument.
 */
export async function orLeaveNetwork(
  container: string,
  endpoint: Endpoint,
  later: Later,
  work: (note: (known: Endpoint) => void) => Promise<void>,
): Promise<void> {
  let latest = endpoint;
  const note = (known: Endpoint) => {
    const change: Change = { container, endpoint: latest = known };
    replaceFile(rootFd(), CHANGE, JSON.stringify(change));
  };
  note(endpoint);
  try {
    await work(note);
  } catch (error) {
    await leaveNetwork(container, latest, later);
    throw error;
  } finally {
    file.unlinkIfAny(rootFd(), CHANGE);
  }
}

/**
 * Removes everything a container has of a network. Every step allows for having been done before, or for
 * never having been begun.
 */
export async function leaveNetwork(id: string, endpoint: Endpoint, later: Later): Promise<void> {
  const route = netlink.openRoute();
  const dir = file.openIfAny(rootFd(), `containers/${id}`, file.O_RDONLY | file.O_DIRECTORY);
  try {
    if (dir !== undefined) {
      changeConfig(dir, (networks) => networks.filter((one) => one.network !== endpoint.network));
    }
    const claims = claimsOn({ name: endpoint.network }).filter(({ owner }) => owner === id);
    // Without a claim, this was done before, and by now another container may have the address.
    if (claims.some(({ address }) => address === endpoint.addresses[0])) {
      removeLink(route, vethName(endpoint));
    }
    if (dir !== undefined) await leaveAlive({ id, dir }, endpoint, route);
    releaseAddresses({ name: endpoint.network }, claims.map(({ address }) => address), id);
  } finally {
    if (dir !== undefined) file.close(dir);
    file.close(route);
  }
  later(id, endpoint.network);
  await removeUnusedBridges([endpoint.network]);
}

/** Replaces the container's networks in its config.json. */
export function changeConfig(dir: number, change: (networks: EndpointRequest[]) => EndpointRequest[]): void {
  const names = lockNames(); // for rename's sake, which replaces the file, too
  try {
    const config = readConfig(dir);
    if (!config) return;
    const networks = change(config.networks ?? []);
    if (JSON.stringify(networks) === JSON.stringify(config.networks ?? [])) return;
    replaceFile(dir, "config.json", JSON.stringify({ ...config, networks }));
  } finally {
    file.close(names);
  }
}

/** Takes the network away from the container's namespace, its files and its keeper. */
async function leaveAlive(
  container: Pick<Container, "id" | "dir">,
  endpoint: Endpoint,
  route: number,
): Promise<void> {
  const { dir } = container;
  const before = readEndpoints(dir);
  const rest = before.filter(({ id }) => id !== endpoint.id);
  if (rest.length < before.length) writeEndpoints(dir, rest);
  // A keeper that is alive is the one that the records name.
  const first = processOf(container);
  if (first === undefined) return;
  file.close(first);
  if (endpoint.users !== undefined) giveUsersBack(dir, endpoint.users);
  await redirectPorts(dir, rest);
  const routes = defaultRoutes(await joinedTo(rest), "replace");
  const namespace = routes.length > 0 ? openNetwork(dir) : undefined;
  if (namespace === undefined) return;
  addInterfaces(namespace, { socket: route, interfaces: [], routes, ipv6: false });
  file.close(namespace);
}

/** Endpoints together with their networks. */
export async function joinedTo(endpoints: Endpoint[]): Promise<JoinedNetwork[]> {
  return await Promise.all(
    endpoints.map(async (endpoint) => ({ endpoint, network: await existingNetwork(endpoint.network) })),
  );
}

/**
 * Releases the keeper's lock of the network. The lock belongs to the open file, so it can be released by way
 * of the keeper's descriptor.
 */
function giveUsersBack(dir: number, users: number): void {
  const keeper = readStarted(dir)?.keeper;
  if (keeper === undefined) return;
  const fd = fetchDescriptor(keeper, users);
  lock(fd, "none");
  file.close(fd);
}
