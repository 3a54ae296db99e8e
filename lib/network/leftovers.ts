// Whether there is anything to repair (repair.ts): asked by commands that have nothing else to do with
// networks.

import { claimsOn, isKept } from "./claims.ts";
import { mayBeUp, networkNames } from "./store.ts";
import { finishChange } from "./finish_change.ts";

/**
 * Repairs what killed keepers and commands left of containers' networks, where anything seems to be left.
 * `alive` knows of some containers that they run: the others are asked.
 */
export async function repairIfNeeded(alive: (id: string) => boolean = () => false): Promise<void> {
  await finishChange();
  if (!networkNames().some((name) => hasLeftovers(name, alive))) return;
  const { repairNetworks } = await import("./life.ts");
  await repairNetworks();
}

/** Also for a moment after the last container's end, while its keeper still has the bridge. */
function hasLeftovers(name: string, alive: (id: string) => boolean): boolean {
  if (!mayBeUp({ name })) return false;
  const claims = claimsOn({ name });
  return claims.length === 0 || claims.some(({ owner }) => !alive(owner) && !isKept(owner));
}
