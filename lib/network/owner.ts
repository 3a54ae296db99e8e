// The owner of a network's interface and rules, written on themselves. They outlive a root directory that
// somebody removed, whose subnets would be in use for ever. Whoever makes a bridge removes those whose root
// directory is gone.
//
// A directory that this process can't see may exist for others: in another mount namespace, the same path is
// another directory. So the owner's mount namespace is written down too, and only a process in that namespace
// can be certain. Networks of other namespaces are assumed to be forsaken only where no subnets are left. A
// bridge that has a port is never removed: a container runs.

import { encodeName } from "../../ffi/bytes.ts";
import { KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import * as netlink from "../../ffi/netlink.ts";
import { step } from "../base/debug.ts";
import { removeNetworkRules } from "../nat/firewall.ts";
import { listTables } from "../nat/nftables.ts";
import { rootFd } from "../store/root.ts";
import { deleteMessage, type LinkDetails, links } from "./link.ts";

/** Room in an alias or a comment (IFALIASZ, NFT_USERDATA_MAXLEN), in bytes. */
const ROOM = 250;

interface Owner {
  /** The name of the rules. */
  rules: string;
  path: string;
  device: string;
  inode: string;
  mounts: string;
}

/**
 * "mydocker_MARK_ID of PATH (DEVICE INODE mnt:[…])" for the rules of this name; undefined where the path is
 * too long.
 */
export function ownerText(rules: string): string | undefined {
  const { device, inode } = file.stat(rootFd(), "");
  const text = `${rules} of ${file.pathOf(rootFd())} (${device} ${inode} ${mountNamespace()})`;
  return encodeName(text).length <= ROOM ? text : undefined;
}

function parseOwner(text: string): Owner | undefined {
  const found = /^(mydocker_\w+) of (\/.*) \((\S+) (\d+) (mnt:\[\d+\])\)$/s.exec(text);
  if (!found) return undefined;
  const [, rules, path, device, inode, mounts] = found;
  return { rules, path, device, inode, mounts };
}

const mountNamespace = () => file.readlinkat(file.AT_FDCWD, "/proc/self/ns/mnt");

/** Removes the networks of root directories that are gone, for certain or as far as can be seen from here. */
export async function removeForsakenBridges(
  route: number,
  sure: "certain" | "seen from here",
): Promise<void> {
  const found = links(route);
  const used = new Set(found.map(({ bridge }) => bridge));
  const isForsaken = (owner: Owner) => !rootIsThere(owner, sure);
  const bridges = owned(found).filter(({ link, owner }) => !used.has(link.index) && isForsaken(owner));
  const standing = new Set(owned(found).map(({ owner }) => owner.rules));
  for (const { link: { name }, owner } of bridges) {
    await removeRules(owner, name);
    netlink.request(route, deleteMessage(name), name);
    step(`bridge ${name} of ${owner.path} removed, which is gone`);
  }
  for (const text of listTables()) {
    const owner = parseOwner(text);
    if (owner && !standing.has(owner.rules) && isForsaken(owner)) await removeRules(owner, "");
  }
}

/**
 * Removes the bridges of this root directory whose rules are not among `known`: they belong to unknown
 * networks.
 */
export async function removeUnknownBridges(route: number, known: Set<string>): Promise<void> {
  const found = links(route);
  const used = new Set(found.map(({ bridge }) => bridge));
  const { device, inode } = file.stat(rootFd(), "");
  for (const { link: { name, index }, owner } of owned(found)) {
    const isOurs = owner.device === device && owner.inode === String(inode);
    if (!isOurs || known.has(owner.rules) || used.has(index)) continue;
    await removeRules(owner, name);
    netlink.request(route, deleteMessage(name), name);
  }
}

function owned(found: LinkDetails[]): { link: LinkDetails; owner: Owner }[] {
  return found.flatMap((link) => {
    const owner = parseOwner(link.alias);
    return owner ? [{ link, owner }] : [];
  });
}

/** Removes the rules, also those in iptables, of both families. */
async function removeRules({ rules: name }: Owner, bridge: string): Promise<void> {
  const subnets = [{ family: "ip", subnet: "" }, { family: "ip6", subnet: "" }] as const;
  await removeNetworkRules({ name, bridge, subnets: [...subnets], internal: false, masquerade: false });
}

function rootIsThere({ path, device, inode, mounts }: Owner, sure: "certain" | "seen from here"): boolean {
  if (sure === "certain" && mounts !== mountNamespace()) return true;
  try {
    const found = file.statIfAny(file.AT_FDCWD, path, true);
    return found !== undefined && found.device === device && String(found.inode) === inode;
  } catch (error) {
    if (error instanceof KernelError) return true; // a disk that fails, say
    throw error;
  }
}

/** Root directories that have networks up in this network namespace, each once. */
export function rootsWithNetworks(route: number): string[] {
  return [...new Set(owned(links(route)).map(({ owner }) => owner.path))];
}
