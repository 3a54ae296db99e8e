// Removes all stopped containers.

import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { type Filters, matchesLabels } from "../cli/filter.ts";
import type { Pruned } from "../cli/pruned.ts";
import { untilOf } from "../cli/until.ts";
import { emitPrune } from "../events/emit.ts";
import { MountedWithin, rootFd } from "../store/root.ts";
import { damagedContainers, openContainer } from "../container/find.ts";
import { listContainers, type ListedContainer } from "../container/list.ts";
import { removeContainer, removeDamaged } from "./remove.ts";
import { removeDamagedNames } from "../container/names.ts";
import { writableSize } from "../container/size.ts";
import { keeperLives } from "../container/state.ts";

/**
 * Removes containers that pass the filters label, label! and until. A damaged container can't be filtered, so
 * it is removed only if there is no filter.
 */
export async function pruneContainers(filters: Filters): Promise<Pruned> {
  const limit = untilOf(filters);
  const unwanted = listContainers({ all: true }).filter((container) =>
    isStopped(container) && Date.parse(container.config.created) < limit &&
    matchesLabels(container.config.process.Labels ?? {}, filters)
  );
  const [removed, kept]: string[][] = [[], []];
  let reclaimed = 0;
  for (const id of filters.size === 0 ? damagedContainers() : []) {
    const size = writableSize(id);
    if (isKept(id) || !await removeUnread(id, kept)) continue;
    removed.push(id);
    reclaimed += size;
  }
  for (const { id } of unwanted) {
    const size = writableSize(id);
    if (!await removeStopped(id, kept)) continue;
    removed.push(id);
    reclaimed += size;
  }
  removeDamagedNames();
  emitPrune("container", reclaimed);
  return { removed, reclaimed, kept };
}

function isStopped({ state }: ListedContainer): boolean {
  return state.status === "created" || state.status === "exited";
}

function isKept(id: string): boolean {
  const folder = file.openat(rootFd(), "containers", file.O_PATH | file.O_DIRECTORY);
  try {
    return keeperLives(folder, id);
  } finally {
    file.close(folder);
  }
}

/** Returns false where something is mounted in it. */
async function removeUnread(id: string, kept: string[]): Promise<boolean> {
  try {
    await removeDamaged(id);
    return true;
  } catch (error) {
    if (!(error instanceof MountedWithin)) throw error;
    kept.push(error.message);
    return false;
  }
}

/** Returns false if it has been started meanwhile, or is gone. */
async function removeStopped(id: string, kept: string[]): Promise<boolean> {
  const container = openContainer(id);
  if (!container) return false;
  try {
    await removeContainer(container, {});
    return true;
  } catch (error) {
    if (error instanceof MountedWithin) kept.push(error.message);
    else if (!(error instanceof Failure) || !keeperLives(container.dir)) throw error;
    return false;
  } finally {
    file.close(container.dir);
  }
}
