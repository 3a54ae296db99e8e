// The host's packet filter, for networks and published ports. It is nf_tables where the kernel has it, which
// needs no package; otherwise iptables. MYDOCKER_FIREWALL=iptables prefers iptables, for hosts whose other
// tools know nothing else.

import { isErrno, KernelError } from "../../ffi/errno.ts";
import { step } from "../base/debug.ts";
import { Failure } from "../base/error.ts";
import { warn } from "../base/notice.ts";
import { acceptForeign, forgetForeign } from "./foreign.ts";
import { forwardPackets, routeLoopback } from "./forwarding.ts";
import * as nftables from "./nftables.ts";
import { NoFirewall, preference } from "./preference.ts";
import type { NetworkRules, PortRules, PublishedPort } from "./rules.ts";

/**
 * Adds the rules of a network whose bridge exists; rules that are left of an earlier time are replaced. A
 * host without a packet filter gets a warning, and the network then only connects its containers
 * and this host. Throws Failure.
 */
export async function addNetworkRules(rules: NetworkRules): Promise<void> {
  try {
    await addRules(rules);
  } catch (error) {
    if (!(error instanceof NoFirewall)) throw error;
    warn(`no way out of ${rules.bridge}, nor published ports: ${error.message}`);
    return;
  }
  // Forwarding is switched on last, because the rules decide what may be forwarded.
  if (!rules.internal) forwardPackets(rules.subnets.map(({ family }) => family));
  step(`firewall rules of ${rules.bridge} are up`);
}

async function addRules(rules: NetworkRules): Promise<void> {
  if (!throughNftables(() => nftables.addNetworkRules(rules))) {
    (await import("./iptables.ts")).addNetworkRules(rules);
  } else if (!rules.internal) {
    await acceptForeign(rules);
  }
}

/** Removes the rules of a network. */
export async function removeNetworkRules(rules: NetworkRules): Promise<void> {
  if (!throughNftables(() => nftables.removeNetworkRules(rules))) {
    (await import("./iptables.ts")).lower(rules.name);
  } else if (!rules.internal) {
    await forgetForeign(rules);
  }
}

/**
 * Adds the rules of a container's ports, which lead to the container by its bridge. At the container's end
 * the keeper sends the messages that are returned, by the socket it holds until then. Where nothing is
 * returned, it calls removePortRules instead.
 */
export async function addPortRules(rules: PortRules, bridge: string): Promise<nftables.Held | undefined> {
  routeLoopback(bridge);
  const held = await addRulesOfPorts(rules);
  await forgetUdp(rules.ports);
  return held;
}

async function addRulesOfPorts(rules: PortRules): Promise<nftables.Held | undefined> {
  if (preference() !== "iptables") {
    try {
      return await nftables.addPortRules(rules);
    } catch (error) {
      if (preference() === "nftables" || !isMissing(error)) throw refused(error);
    }
  }
  (await import("./iptables.ts")).addPortRules(rules);
  return undefined;
}

/** Makes the kernel forget verdicts that it reached before these rules. */
async function forgetUdp(ports: PublishedPort[]): Promise<void> {
  if (ports.some(({ protocol }) => protocol === "udp")) (await import("./conntrack.ts")).forgetUdp(ports);
}

/** Adds those of a container's rules that are missing. `socket` is the keeper's, where it has one. */
export async function restorePortRules(
  rules: PortRules,
  bridge: string,
  socket: number | undefined,
): Promise<void> {
  routeLoopback(bridge);
  if (socket !== undefined) nftables.restorePortRules(socket, rules);
  else (await import("./iptables.ts")).addPortRules(rules);
  await forgetUdp(rules.ports);
}

/** Replaces the rules for the ports `before`. `socket` is as for restorePortRules. */
export async function replacePortRules(
  rules: PortRules,
  before: PublishedPort[],
  bridge: string,
  socket: number | undefined,
): Promise<void> {
  if (socket !== undefined) nftables.removePortRules(socket, { name: rules.name, ports: before });
  else await removePortRules(rules.name);
  if (rules.ports.length > 0) await restorePortRules(rules, bridge, socket);
  await forgetUdp(before);
}

/** Removes the rules of ports that no socket owns. */
export async function removePortRules(name: string): Promise<void> {
  (await import("./iptables.ts")).lower(name);
}

/** Whether nf_tables did the work; false where the kernel lacks it or the user wants iptables. */
function throughNftables(work: () => void): boolean {
  if (preference() === "iptables") return false;
  try {
    work();
    return true;
  } catch (error) {
    if (preference() === "nftables" || !isMissing(error)) throw refused(error);
    return false;
  }
}

/** Whether the kernel has no such family of sockets, subsystem or kind of expression. */
function isMissing(error: unknown): boolean {
  return isErrno(error, "EPROTONOSUPPORT", "ENOTSUP", "ENOENT", "EAFNOSUPPORT");
}

function refused(error: unknown): unknown {
  if (!(error instanceof KernelError)) return error;
  return new Failure(`can't set up the host's packet filter: ${error.message}`, { cause: error });
}
