// Removes unused volumes.

import type { Filters } from "../cli/filter.ts";
import { NOTHING_PRUNED, type Pruned } from "../cli/pruned.ts";
import { damagedContainers } from "../container/find.ts";
import { emitPrune } from "../events/emit.ts";
import { rootFd } from "../store/root.ts";
import { treeSize } from "../base/tree_size.ts";
import { matches } from "./filter.ts";
import { listVolumes, removeUnused, volumesInUse } from "./store.ts";

/**
 * Removes unused volumes that pass the filters label and label!; those with names only with `all`. Removes
 * none where a container is damaged, which may use any of them.
 */
export async function pruneVolumes(
  filters: Filters,
  all: boolean,
): Promise<Pruned> {
  const damaged = damagedContainers().map((id) => id.slice(0, 12)).join(" ");
  if (damaged) {
    const why =
      `no volume is removed, as a damaged container may use it; remove that with: mydocker rm -f ${damaged}`;
    return { ...NOTHING_PRUNED, kept: [why] };
  }
  const users = volumesInUse();
  const unwanted = listVolumes().filter((volume) =>
    (all || volume.anonymous) && !users.has(volume.name) && matches(volume, filters)
  );
  const sizes = new Map(unwanted.map(({ name }) => [name, treeSize(rootFd(), `volumes/${name}/_data`)]));
  const { removed, kept } = await removeUnused(sizes.keys());
  const reclaimed = removed.reduce((sum, name) => sum + sizes.get(name)!, 0);
  emitPrune("volume", reclaimed);
  return { removed, reclaimed, kept: kept.map(({ message }) => message) };
}
