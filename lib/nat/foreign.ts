// iptables of the host's own, beside our tables of nf_tables. What its chain FORWARD drops is gone, whatever
// we accept; and that is what docker and ufw have it do with all they don't know. So where there is such a
// chain, rules that let the bridge's packets through are put into it, at its head, as docker does. Which of
// those packets may pass is decided by our own chain all the same.
//
// Chains that drop forwarded packets elsewhere (a table of nf_tables that somebody wrote, or firewalld's) are
// left alone, as docker leaves them alone: there, the bridge has to be let through by whoever wrote them.

import { step } from "../base/debug.ts";
import { acceptInForward, forgetInForward } from "./forward_chain.ts";
import { hasForward } from "./nftables.ts";
import type { Family, NetworkRules } from "./rules.ts";

/** Has the host's iptables let the network's packets through. */
export async function acceptForeign({ name, bridge, subnets }: NetworkRules): Promise<void> {
  for (const { family } of subnets) {
    if (hasForward(family)) {
      acceptInForward(family, name, bridge);
      step(`iptables' FORWARD lets packets of ${bridge} through`);
    }
    await changeLegacy(family, name, bridge, true);
  }
}

/** Takes that back. */
export async function forgetForeign({ name, bridge, subnets }: NetworkRules): Promise<void> {
  for (const { family } of subnets) {
    if (hasForward(family)) forgetInForward(family, name);
    await changeLegacy(family, name, bridge, false);
  }
}

/** The older iptables, which only its own program can change. */
async function changeLegacy(family: Family, name: string, bridge: string, on: boolean): Promise<void> {
  if (!hasLegacyFilter(family)) return;
  const { acceptForward, hasProgram } = await import("./iptables.ts");
  if (hasProgram("-legacy", family)) acceptForward("-legacy", family, name, bridge, on);
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
