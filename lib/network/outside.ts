// What a network needs of the host's packet filter: its way out. Called with all locks that are needed for
// it, once before the network's interface comes up and once before it is deleted.

import { lowerNetwork, raiseNetwork } from "../nat/firewall.ts";
import type { NetworkRules } from "../nat/rules.ts";
import { familyOf } from "../nat/rules.ts";
import { rootMark } from "../store/mark.ts";
import { masquerades } from "./driver_options.ts";
import { ownerText } from "./owner.ts";
import type { Network } from "./store.ts";

/** The network's interface is made, and has its addresses; it is up when this returns. */
export async function networkCameUp(network: Network): Promise<void> {
  await raiseNetwork(await networkRules(network));
}

/** Nobody uses the network any more; its interface is deleted when this returns. */
export async function lastUserLeft(network: Network): Promise<void> {
  await lowerNetwork(await networkRules(network));
}

/** What the packet filter has to know of the network. */
export async function networkRules(network: Network): Promise<NetworkRules> {
  const { id, interface: bridge, pools, internal, options } = network;
  const name = await rulesName(id);
  return {
    name,
    owner: ownerText(name),
    bridge,
    subnets: pools.map(({ subnet }) => ({ family: familyOf(subnet), subnet })),
    internal,
    masquerade: masquerades(options),
  };
}

/** The name of the rules that are for a network or container. */
export async function rulesName(id: string): Promise<string> {
  return `mydocker_${await rootMark()}_${id.slice(0, 12)}`;
}
