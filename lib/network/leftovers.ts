// Checks cheaply whether there is anything to repair (repair.ts), for commands that otherwise have nothing to
// do with networks.

import { claimsOn, isKept } from "./claims.ts";
import { mayBeUp, networkNames } from "./store.ts";
import { finishChange } from "./finish_change.ts";

/**
 * Repairs what killed keepers and commands left of containers' networks, if there seems to be anything.
 * `alive` answers true for containers that are known to run; the others are checked.
 */
export async function repairIfNeeded(alive: (id: string) => boolean = () => false): Promise<void> {
  await finishChange();
  if (!networkNames().some((name) => hasLeftovers(name, alive))) return;
  const { repairNetworks } = await import("./for_lifecycle.ts");
  await repairNetworks();
}

/** True also for a moment after the last container's end, while its keeper still has the bridge. */
function hasLeftovers(name: string, alive: (id: string) => boolean): boolean {
  if (!mayBeUp({ name })) return false;
  const claims = claimsOn({ name });
  return claims.length === 0 || claims.some(({ owner }) => !alive(owner) && !isKept(owner));
}
