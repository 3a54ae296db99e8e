// Names on networks that users made. Each member's /etc/hosts has a line for every member of the network,
// which containers that join or leave keep current. There is no name server to ask, so a program that has
// read the file once does not learn about containers that join later. Our lines end with the network's name
// as a comment; all other lines belong to the container.
//
// The members of a network are listed by one process at a time, and each such list has a number. The files
// are written after that lock is released, since containers control them. Each file is written under a lock
// of its container's, `names.lock`, which also records the number of the list that the file shows for each
// network. So an older list never replaces a newer one.

import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import { warn } from "../base/notice.ts";
import { openUndamaged } from "../container/find.ts";
import { keeperLives } from "../container/state.ts";
import { writeFile } from "../base/json.ts";
import { finite, mapOf, readRecord } from "../base/shape.ts";
import { rootFd } from "../store/root.ts";
import { claimsOn } from "./claims.ts";
import { type Endpoint, readEndpoints } from "./endpoint.ts";
import { ownLines } from "./hosts.ts";
import { changeHosts } from "./hosts_file.ts";
import { isDefaultBridge, networkExists } from "./store.ts";
import type { Container, ContainerConfig } from "../model/container.ts";

interface Member {
  container: Container;
  endpoint: Endpoint;
}

/**
 * Updates the hosts files of the members of those networks. The default network and unknown networks have no
 * names.
 */
export function refreshNames(networks: string[]): void {
  for (const network of networks) {
    if (isDefaultBridge({ name: network }) || !networkExists(network)) continue;
    const { number, members } = lookUp(network);
    const lines = members.flatMap(linesOf);
    for (const { container: { dir, config } } of members) {
      withNames(dir, (shown) => {
        if ((shown[network] ?? 0) >= number) return;
        change(dir, config, network, lines, (line) => line.endsWith(tag(network)));
        writeFile(dir, "names.shown", JSON.stringify({ ...shown, [network]: number }));
      });
      file.close(dir);
    }
  }
}

/**
 * Updates a running container's own name in its hosts file, and removes the names of `network` if the
 * container has left it.
 */
export function refreshOwnNames(id: string, network: string): void {
  const container = openUndamaged(id);
  if (!container) return;
  const { dir, config } = container;
  withNames(dir, () => {
    if (!keeperLives(dir)) return;
    const endpoints = readEndpoints(dir);
    const hasLeft = !endpoints.some((endpoint) => endpoint.network === network);
    const own = endpoints.flatMap((endpoint) => linesIn(ownLines(config, endpoint)));
    const given = config.extraHosts?.map((entry) => entry.split(":", 1)[0]) ?? [];
    const ending = given.includes(config.hostname) ? undefined : namesOfOwn(config);
    const isOurs = (line: string) =>
      (ending !== undefined && line.endsWith(ending)) || (hasLeft && line.endsWith(tag(network)));
    change(dir, config, network, own, isOurs);
  });
  file.close(dir);
}

const linesIn = (text: string) => text.split(/(?<=\n)/);

/** The suffix of the lines with a container's own name. */
function namesOfOwn(config: ContainerConfig): string {
  return ownLines(config, { addresses: [""] });
}

/**
 * Makes the file show `lines`, and no other lines of ours. A problem is printed as a warning, since the
 * container controls the file.
 */
function change(
  dir: number,
  { name }: ContainerConfig,
  network: string,
  lines: string[],
  isOurs: (line: string) => boolean,
): void {
  const problem = changeHosts(dir, lines, isOurs);
  if (problem === undefined) return;
  warn(`names of network ${network} are not current in container ${name}: ${problem}`);
}

/**
 * Does `work` with exclusive access to a container's hosts file. `shown` has the number of the list that the
 * file shows of each network.
 */
function withNames(dir: number, work: (shown: Record<string, number>) => void): void {
  const fd = file.openat(dir, "names.lock", file.O_RDWR | file.O_CREAT, 0o600);
  try {
    lock(fd, "exclusive");
    work(readRecord<Record<string, number>>(dir, "names.shown", mapOf(finite)) ?? {});
  } finally {
    file.close(fd);
  }
}

/**
 * The members of the network, and the number of this list. It is higher than all before, even if their
 * numbers are forgotten.
 */
function lookUp(network: string): { number: number; members: Member[] } {
  const fd = file.openat(rootFd(), "networks/.names", file.O_RDWR | file.O_CREAT, 0o600);
  try {
    lock(fd, "exclusive");
    const last = new Float64Array(1);
    file.pread(fd, new Uint8Array(last.buffer), 0);
    const number = Math.max(Date.now(), last[0] >= 0 ? last[0] + 1 : 0);
    file.pwrite(fd, new Uint8Array(Float64Array.of(number).buffer), 0);
    return { number, members: membersOf(network) };
  } finally {
    file.close(fd);
  }
}

/** The members according to their claims: a container without a claim has left. */
function membersOf(network: string): Member[] {
  const owners = new Set(claimsOn({ name: network }).map(({ owner }) => owner));
  return [...owners].flatMap((id) => {
    const container = openUndamaged(id);
    if (!container) return [];
    const endpoint = keeperLives(container.dir)
      ? readEndpoints(container.dir).find((endpoint) => endpoint.network === network)
      : undefined;
    if (endpoint) return [{ container, endpoint }];
    file.close(container.dir);
    return [];
  }).sort((a, b) => a.container.config.name < b.container.config.name ? -1 : 1);
}

/** The suffix of the lines about a network's members. */
const tag = (network: string): string => `\t# ${network}\n`;

function linesOf({ container: { id, config }, endpoint }: Member): string[] {
  const { aliases = [] } = config.networks?.find(({ network }) => network === endpoint.network) ?? {};
  const names = [...new Set([config.name, ...aliases, id.slice(0, 12)])].join(" ");
  return endpoint.addresses.map((address) => `${address}\t${names}${tag(endpoint.network)}`);
}
