// A network's way out by the host's packet filter. Called with all the locks it needs, before the network's
// interface comes up and before it is deleted.

import { addNetworkRules, removeNetworkRules } from "../nat/firewall.ts";
import type { NetworkRules } from "../nat/rules.ts";
import { familyOf } from "../nat/rules.ts";
import { rootMark } from "../store/mark.ts";
import { masquerades } from "./driver_options.ts";
import { ownerText } from "./owner.ts";
import type { Network } from "./store.ts";

/** Called when the network's interface exists and has its addresses; the interface comes up afterwards. */
export async function networkCameUp(network: Network): Promise<void> {
  await addNetworkRules(await networkRules(network));
}

/** Called when nobody uses the network any more; its interface is deleted afterwards. */
export async function lastUserLeft(network: Network): Promise<void> {
  await removeNetworkRules(await networkRules(network));
}

/** The network as the packet filter needs to know it. */
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

/** The name of the rules for a network or container. */
export async function rulesName(id: string): Promise<string> {
  return `mydocker_${await rootMark()}_${id.slice(0, 12)}`;
}
