// iptables of the host's own, beside our tables of nf_tables. What its chain FORWARD drops is gone, whatever we accept;
// and that is what docker and ufw have it do with all they don't know. So where there is such a chain, rules that let
// the bridge's packets through are put into it, at its head, as docker does. Which of those packets may pass is decided by
// our own chain all the same.
//
// Chains that drop forwarded packets elsewhere (a table of nf_tables that somebody wrote, or firewalld's) are left
// alone, as docker leaves them alone: there, the bridge has to be let through by whoever wrote them.

import { step } from "../cli/debug.ts";
import { acceptForward, hasProgram, type Variant } from "./iptables.ts";
import { hasForward } from "./nftables.ts";
import type { Family, NetworkRules } from "./rules.ts";

/** Has the host's iptables let the network's packets through. */
export function acceptForeign({ name, bridge, subnets }: NetworkRules): void {
  for (const { family } of subnets) {
    for (const variant of variants(family)) {
      acceptForward(variant, family, name, bridge, true);
      step(`iptables${variant} lets packets of ${bridge} through`);
    }
  }
}

/** Takes that back. */
export function forgetForeign({ name, bridge, subnets }: NetworkRules): void {
  for (const { family } of subnets) {
    for (const variant of variants(family)) acceptForward(variant, family, name, bridge, false);
  }
}

/** Those that have a chain FORWARD, and a program to change it with. */
function variants(family: Family): Variant[] {
  const found: Variant[] = [];
  if (hasForward(family)) found.push("-nft");
  if (hasLegacyFilter(family)) found.push("-legacy");
  return found.filter((variant) => hasProgram(variant, family));
}

/** Whether the older iptables has its table `filter` in this network namespace. */
function hasLegacyFilter(family: Family): boolean {
  try {
    return Deno.readTextFileSync(`/proc/net/${family}_tables_names`).split("\n").includes("filter");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
