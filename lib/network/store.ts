// Networks: networks/NAME/ holds
//
//   network.json   the network's record; only subnets that were chosen automatically ever change, while the
//                  network is down
//   users          a lock file. A process that starts a container on the network takes its shared lock, which
//                  the container's keeper inherits; a process that takes the interface down has the exclusive
//                  lock (bridge.ts)
//   addresses/     which container has which address (claims.ts)
//   up             exists while the interface may exist
//
// A process that makes a container with a network holds the shared lock of networks/.lock until the container
// is in containers/. A process that removes a network holds the lock exclusively.
// networks/.storing is locked by whoever makes a damaged default network's record anew.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { lock } from "../../ffi/lock.ts";
import { Failure } from "../base/error.ts";
import { digestOf } from "../base/digest.ts";
import { replaceFile, writeFile } from "../base/json.ts";
import { rootMark } from "../store/mark.ts";
import { beginWork, rootFd, rootPath, temporaryName } from "../store/root.ts";
import {
  type Check,
  hexId,
  listOf,
  mapOf,
  matching,
  moment,
  oneOf,
  optional,
  readRecord,
  shapeOf,
  text,
  truth,
} from "../base/shape.ts";
import { parseAddress, parseSubnet } from "../base/address.ts";

/** A network's addresses of one family. */
export interface AddressPool {
  /** "172.17.0.0/16" */
  subnet: string;
  gateway: string;
  /** The part of the subnet that addresses are taken from; the whole subnet if undefined. */
  range?: string;
  /** It was chosen automatically, and can be chosen again. */
  automatic?: boolean;
}

/** What is known of a network. */
export interface Network {
  /** 64 hex digits. */
  id: string;
  name: string;
  driver: "bridge" | "host" | "null";
  /** RFC 3339, UTC. */
  created: string;
  /** One for IPv4, and maybe one for IPv6. */
  pools: AddressPool[];
  /** The bridge's name. */
  interface: string;
  /** The network has no way out: no default route. */
  internal: boolean;
  options: Record<string, string>;
  labels: Record<string, string>;
}

/** "" before it is chosen. */
const subnet: Check = (value) => value === "" || (text(value) && parseSubnet(value as string) !== undefined);
const address: Check = (value) =>
  value === "" || (text(value) && parseAddress(value as string) !== undefined);

const isNetwork = shapeOf<Network>({
  id: hexId,
  name: text,
  driver: oneOf("bridge", "host", "null"),
  created: moment,
  pools: listOf(
    shapeOf<AddressPool>({
      subnet,
      gateway: address,
      range: optional(subnet),
      automatic: optional(truth),
    }),
  ),
  // Names that the kernel accepts for an interface (dev_valid_name).
  interface: matching(/^([^/:\s]{1,15})?$/),
  internal: truth,
  options: mapOf(text),
  labels: mapOf(text),
});

/** Networks that exist without having been created. */
export const DEFAULT_NETWORKS = ["bridge", "host", "none"];
const DEFAULT_ROOT = "/var/lib/mydocker";
const OPTIONS_OF_DEFAULT = {
  "com.docker.network.bridge.default_bridge": "true",
  "com.docker.network.bridge.enable_icc": "true",
  "com.docker.network.bridge.enable_ip_masquerade": "true",
  "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
};

/** Whether it is the network of containers that name none. It has no name resolution, as in docker. */
export function isDefaultBridge({ name }: Pick<Network, "name">): boolean {
  return name === "bridge";
}

/** The network of this name; undefined where there is none. The default networks are stored on first use. */
export async function networkByName(name: string): Promise<Network | undefined> {
  if (!isNetworkName(name)) return undefined;
  const network = readNetwork(name);
  if (network || !DEFAULT_NETWORKS.includes(name)) return network;
  return await storeDefault(await defaultNetwork(name));
}

/** The same, but a default network is not stored: for commands that only read. */
async function knownNetwork(name: string): Promise<Network | undefined> {
  if (!isNetworkName(name)) return undefined;
  return readNetwork(name) ?? (DEFAULT_NETWORKS.includes(name) ? await defaultNetwork(name) : undefined);
}

/** Docker's rule for names of all kinds. */
export function isNetworkName(name: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name);
}

/** The network of this name, ID, or beginning of an ID. Nothing is stored. Throws Failure. */
export async function findNetwork(reference: string): Promise<Network | undefined> {
  const named = await knownNetwork(reference);
  if (!named) requireWhole(reference);
  if (named || !/^[0-9a-f]+$/.test(reference)) return named;
  const matches = (await listNetworks()).filter(({ id }) => id.startsWith(reference));
  if (matches.length > 1) {
    throw new Failure(
      `network ${reference} is ambiguous (${matches.length} matches found based on ID prefix)`,
    );
  }
  return matches[0];
}

/** The host's address on the default network; the most likely one, if the network was never up. */
export function defaultGateway(): string {
  return readNetwork("bridge")?.pools[0]?.gateway || "172.17.0.1";
}

/** Names of the networks whose record is damaged, except the default ones, which are made anew. */
export function damagedNetworks(): string[] {
  return networkNames().filter((name) => !DEFAULT_NETWORKS.includes(name) && !readNetwork(name));
}

/** Throws Failure where the network exists but its record is missing or damaged. */
export function requireWhole(name: string): void {
  if (!damagedNetworks().includes(name)) return;
  const way = `remove it with: mydocker network rm -f ${name}`;
  throw new Failure(`network.json of network ${name} is missing or damaged; ${way}`);
}

/** All networks, sorted by name. Nothing is stored. */
export async function listNetworks(): Promise<Network[]> {
  const names = [...new Set([...DEFAULT_NETWORKS, ...networkNames()])].sort();
  return (await Promise.all(names.map(knownNetwork))).filter((network) => network !== undefined);
}

/** Names of the networks that exist in the store, in no order. */
export function networkNames(): string[] {
  const folder = file.openIfAny(rootFd(), "networks", file.O_RDONLY | file.O_DIRECTORY);
  if (folder === undefined) return [];
  try {
    return file.entries(folder).map(({ name }) => name).filter(isNetworkName);
  } finally {
    file.close(folder);
  }
}

/** Whether there is a network of this name. */
export function networkExists(name: string): boolean {
  return isNetworkName(name) && file.statIfAny(rootFd(), `networks/${name}`) !== undefined;
}

function readNetwork(name: string): Network | undefined {
  const network = readRecord<Network>(rootFd(), `networks/${name}/network.json`, isNetwork);
  return network?.name === name ? network : undefined;
}

/**
 * A default network that has not been stored yet: the same each time. It is as old as the root directory:
 * networks/.lock is made with that, and never written.
 */
async function defaultNetwork(name: string): Promise<Network> {
  const bridge = name === "bridge";
  const mark = await rootMark();
  const { seconds, nanoseconds } = file.stat(rootFd(), "networks/.lock").modified;
  return {
    id: await digestOf(new TextEncoder().encode(`network ${name} of ${mark}`)),
    name,
    driver: bridge ? "bridge" : name === "host" ? "host" : "null",
    created: new Date(seconds * 1000 + nanoseconds / 1e6).toISOString(),
    // The subnet is chosen when the network comes up.
    pools: bridge ? [{ subnet: "", gateway: "", automatic: true }] : [],
    interface: !bridge ? "" : rootPath() === DEFAULT_ROOT ? "mydocker0" : `md-${mark}`,
    internal: false,
    options: bridge ? { ...OPTIONS_OF_DEFAULT } : {},
    labels: {},
  };
}

async function storeDefault(network: Network): Promise<Network> {
  if (await addNetwork(network)) return network;
  return readNetwork(network.name) ?? storeAnew(network);
}

/** Makes the record of a default network anew, which was damaged, unless another command is faster. */
function storeAnew(network: Network): Network {
  const held = file.openat(rootFd(), "networks/.storing", file.O_RDWR | file.O_CREAT, 0o600);
  try {
    lock(held, "exclusive");
    const found = readNetwork(network.name);
    if (found) return found;
    writeNetwork(network);
    return network;
  } finally {
    file.close(held);
  }
}

/** Adds a network to the store; false where there is one of that name. */
export async function addNetwork(network: Network): Promise<boolean> {
  await beginWork();
  makeFolder();
  const path = temporaryName("network");
  file.mkdirat(rootFd(), path, 0o700);
  file.mkdirat(rootFd(), `${path}/addresses`, 0o700);
  writeFile(rootFd(), `${path}/users`, "");
  writeFile(rootFd(), `${path}/addresses/.lock`, "");
  replaceFile(rootFd(), `${path}/network.json`, JSON.stringify(network));
  try {
    file.renameat2(rootFd(), path, rootFd(), `networks/${network.name}`, file.RENAME_NOREPLACE);
    return true;
  } catch (error) {
    removeTree(rootFd(), path);
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

/** Replaces a network's record. The caller makes sure that nobody else does so meanwhile. */
export function writeNetwork(network: Network): void {
  replaceFile(rootFd(), `networks/${network.name}/network.json`, JSON.stringify(network));
}

/** Root directories of earlier versions lack the folder. */
function makeFolder(): void {
  try {
    file.mkdirat(rootFd(), "networks", 0o700);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}

/**
 * Waits for the lock between commands that begin to use networks ("shared", until the container is in
 * containers/) and commands that remove networks ("exclusive"). Closing the descriptor releases it.
 */
export function lockNetworks(kind: "shared" | "exclusive"): number {
  makeFolder();
  const fd = file.openat(rootFd(), "networks/.lock", file.O_RDWR | file.O_CREAT, 0o600);
  lock(fd, kind);
  return fd;
}

/** Descriptor of the network's lock file `users`; undefined where the network is gone. */
export function openUsers(name: string): number | undefined {
  return file.openIfAny(rootFd(), `networks/${name}/users`, file.O_RDWR);
}

function upMark({ name }: Pick<Network, "name">): string {
  return `networks/${name}/up`;
}

/** Records, before the network's interface is made, that it may exist. */
export function markUp(network: Pick<Network, "name">): void {
  if (!mayBeUp(network)) writeFile(rootFd(), upMark(network), "");
}

/** Records that the interface is gone. */
export function markDown(network: Pick<Network, "name">): void {
  file.unlinkIfAny(rootFd(), upMark(network));
}

/** Whether the interface may exist. */
export function mayBeUp(network: Pick<Network, "name">): boolean {
  return file.statIfAny(rootFd(), upMark(network)) !== undefined;
}
