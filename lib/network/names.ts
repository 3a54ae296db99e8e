// Names on a network of a user's: every member's /etc/hosts has a line for each member, kept current by whoever joins or
// leaves. There is no name server that could be asked, so a program that has read the file once knows nothing of who
// comes later. The lines end with the network's name as a comment; all other lines are the container's own affair.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import { type Container, openContainer } from "../container/find.ts";
import { keeperLives } from "../container/state.ts";
import { rootFd } from "../state/root.ts";
import { claimsOn } from "./claims.ts";
import { type Endpoint, readEndpoints } from "./endpoint.ts";
import { isDefaultBridge, networkExists } from "./store.ts";

interface Member {
  container: Container;
  endpoint: Endpoint;
}

/** Brings the hosts files of those networks' members up to date; the default network and unknown ones have no names. */
export function refreshNames(networks: string[]): void {
  const named = networks.filter((name) => !isDefaultBridge({ name }) && networkExists(name));
  if (named.length === 0) return;
  // One for all: a container may be in several networks.
  const fd = file.openat(rootFd(), "networks/.names", file.O_RDWR | file.O_CREAT, 0o600);
  try {
    lock(fd, "exclusive");
    for (const network of named) {
      const members = membersOf(network);
      const lines = members.map((member) => linesOf(member)).join("");
      for (const { container } of members) {
        rewriteHosts(container.dir, (line) => line.endsWith(tag(network)), lines);
        file.close(container.dir);
      }
    }
  } finally {
    file.close(fd);
  }
}

/** By their claims: a container that has none has left. */
function membersOf(network: string): Member[] {
  const owners = new Set(claimsOn({ name: network }).map(({ owner }) => owner));
  return [...owners].flatMap((id) => {
    const container = openContainer(id);
    if (!container) return [];
    const endpoint = keeperLives(container.dir)
      ? readEndpoints(container.dir).find((endpoint) => endpoint.network === network)
      : undefined;
    if (endpoint) return [{ container, endpoint }];
    file.close(container.dir);
    return [];
  }).sort((a, b) => a.container.config.name < b.container.config.name ? -1 : 1);
}

/** How the lines end that are about a network's members. */
export const tag = (network: string): string => `\t# ${network}\n`;

function linesOf({ container: { id, config }, endpoint }: Member): string {
  const { aliases = [] } = config.networks?.find(({ network }) => network === endpoint.network) ?? {};
  const names = [...new Set([config.name, ...aliases, id.slice(0, 12)])].join(" ");
  return endpoint.addresses.map((address) => `${address}\t${names}${tag(endpoint.network)}`).join("");
}

/**
 * Replaces lines. In place, since the file is mounted, and with one write: lines that go make room for empty ones first, so that
 * whoever reads finds whole lines at any time.
 */
export function rewriteHosts(dir: number, isStale: (line: string) => boolean, lines: string): void {
  const fd = file.openIfAny(dir, "hosts", file.O_RDWR);
  if (fd === undefined) return;
  try {
    const before = new TextDecoder().decode(file.readAll(fd));
    const kept = before.split(/(?<=\n)/).filter((line) => !isStale(line)).join("");
    const after = new TextEncoder().encode(kept && !kept.endsWith("\n") ? `${kept}\n${lines}` : kept + lines);
    const size = new TextEncoder().encode(before).length;
    const padded = new Uint8Array(Math.max(size, after.length)).fill(10);
    padded.set(after);
    file.pwrite(fd, padded, 0, "hosts");
    file.ftruncate(fd, after.length);
  } catch (error) {
    if (!isErrno(error, "ENOSPC", "EDQUOT")) throw error; // names are missing then, and nothing else
  } finally {
    file.close(fd);
  }
}
