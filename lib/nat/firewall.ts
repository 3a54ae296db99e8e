// The host's packet filter, for networks and published ports: nf_tables where the kernel has it, which no
// package is needed for, or iptables. MYDOCKER_FIREWALL=iptables prefers that, for hosts whose tools know
// nothing else.

import { isErrno, KernelError } from "../../ffi/errno.ts";
import { step } from "../base/debug.ts";
import { Failure } from "../base/error.ts";
import { printError } from "../base/output.ts";
import { acceptForeign, forgetForeign } from "./foreign.ts";
import { forwardPackets, routeLoopback } from "./forwarding.ts";
import * as nftables from "./nftables.ts";
import { NoFirewall, preference } from "./preference.ts";
import type { NetworkRules, PortRules, PublishedPort } from "./rules.ts";

/**
 * Puts up the rules of a network whose bridge is there; also where some of them are left of before. Where
 * there is nothing to put them into, that is said on stderr, and the network is one of its containers and
 * this host. Throws Failure.
 */
export async function raiseNetwork(rules: NetworkRules): Promise<void> {
  try {
    await raiseRules(rules);
  } catch (error) {
    if (!(error instanceof NoFirewall)) throw error;
    printError(`mydocker: warning: no way out of ${rules.bridge}, nor published ports: ${error.message}\n`);
    return;
  }
  // Not before: what the host then forwards, the rules are there to sort.
  if (!rules.internal) forwardPackets(rules.subnets.map(({ family }) => family));
  step(`firewall rules of ${rules.bridge} are up`);
}

async function raiseRules(rules: NetworkRules): Promise<void> {
  if (!throughNftables(() => nftables.raiseNetwork(rules))) {
    (await import("./iptables.ts")).raiseNetwork(rules);
  } else if (!rules.internal) {
    await acceptForeign(rules);
  }
}

/** Takes them away. */
export async function lowerNetwork(rules: NetworkRules): Promise<void> {
  if (!throughNftables(() => nftables.lowerNetwork(rules))) {
    (await import("./iptables.ts")).lower(rules.name);
  } else if (!rules.internal) {
    await forgetForeign(rules);
  }
}

/**
 * Puts up the rules of a container's ports, which the bridge leads to. At the container's end the keeper has
 * to send what is returned by its socket, which it holds until then; or, where there is none, to see to
 * lowerPorts.
 */
export async function raisePorts(rules: PortRules, bridge: string): Promise<nftables.Held | undefined> {
  routeLoopback(bridge);
  const held = await raisePortRules(rules);
  await forgetUdp(rules.ports);
  return held;
}

async function raisePortRules(rules: PortRules): Promise<nftables.Held | undefined> {
  if (preference() !== "iptables") {
    try {
      return await nftables.raisePorts(rules);
    } catch (error) {
      if (preference() === "nftables" || !isMissing(error)) throw refused(error);
    }
  }
  (await import("./iptables.ts")).raisePorts(rules);
  return undefined;
}

/** What was decided of packets for these ports, before the rules were others. */
async function forgetUdp(ports: PublishedPort[]): Promise<void> {
  if (ports.some(({ protocol }) => protocol === "udp")) (await import("./conntrack.ts")).forgetUdp(ports);
}

/** Puts up again what is missing of a container's rules; `socket` is the keeper's, where it has one. */
export async function restorePorts(
  rules: PortRules,
  bridge: string,
  socket: number | undefined,
): Promise<void> {
  routeLoopback(bridge);
  if (socket !== undefined) nftables.restorePorts(socket, rules);
  else (await import("./iptables.ts")).raisePorts(rules);
  await forgetUdp(rules.ports);
}

/** Puts up other rules in place of those for the ports `before`; `socket` as for restorePorts. */
export async function raisePortsAnew(
  rules: PortRules,
  before: PublishedPort[],
  bridge: string,
  socket: number | undefined,
): Promise<void> {
  if (socket !== undefined) nftables.lowerPorts(socket, { name: rules.name, ports: before });
  else await lowerPorts(rules.name);
  if (rules.ports.length > 0) await restorePorts(rules, bridge, socket);
  await forgetUdp(before);
}

/** Takes away the rules of ports that no socket holds. */
export async function lowerPorts(name: string): Promise<void> {
  (await import("./iptables.ts")).lower(name);
}

/** Whether nf_tables did it; false where it is not there, or not wanted. */
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

/** No such family of sockets, subsystem, or kind of expression. */
function isMissing(error: unknown): boolean {
  return isErrno(error, "EPROTONOSUPPORT", "ENOTSUP", "ENOENT", "EAFNOSUPPORT");
}

function refused(error: unknown): unknown {
  if (!(error instanceof KernelError)) return error;
  return new Failure(`can't set up the host's packet filter: ${error.message}`, { cause: error });
}
