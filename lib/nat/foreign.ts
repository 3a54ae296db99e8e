// The host's own iptables, which filter beside our nf_tables. A packet that their chain FORWARD drops is
// lost, whatever our rules accept; docker and ufw set that chain to drop all they don't know. Where there is
// such a chain, we put rules at its head that let the bridge's packets through, as docker does. Our own chain
// still decides which of these packets may pass.
//
// Other chains that drop forwarded packets (a hand-written table of nf_tables, or firewalld's) are left
// alone, as docker leaves them. Whoever wrote them has to let the bridge through.

import { step } from "../base/debug.ts";
import { acceptInForward, forgetInForward } from "./forward_chain.ts";
import { hasForward } from "./nftables.ts";
import type { Family, NetworkRules } from "./rules.ts";

/** Makes the host's iptables accept the network's packets. */
export async function acceptForeign({ name, bridge, subnets }: NetworkRules): Promise<void> {
  for (const { family } of subnets) {
    if (hasForward(family)) {
      acceptInForward(family, name, bridge);
      step(`iptables' FORWARD lets packets of ${bridge} through`);
    }
    await changeLegacy(family, name, bridge, true);
  }
}

/** Removes what acceptForeign added. */
export async function forgetForeign({ name, bridge, subnets }: NetworkRules): Promise<void> {
  for (const { family } of subnets) {
    if (hasForward(family)) forgetInForward(family, name);
    await changeLegacy(family, name, bridge, false);
  }
}

/** Changes the older (legacy) iptables, which only its own program can do. */
async function changeLegacy(family: Family, name: string, bridge: string, on: boolean): Promise<void> {
  if (!hasLegacyFilter(family)) return;
  const { acceptForward, hasProgram } = await import("./iptables.ts");
  if (hasProgram("-legacy", family)) acceptForward("-legacy", family, name, bridge, on);
}

/** Whether the legacy iptables has its table `filter` in this network namespace. */
function hasLegacyFilter(family: Family): boolean {
  try {
    return Deno.readTextFileSync(`/proc/net/${family}_tables_names`).split("\n").includes("filter");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
