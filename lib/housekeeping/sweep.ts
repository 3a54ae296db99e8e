// Cleans up what killed commands left.

import * as file from "../../ffi/file.ts";
import { MountPoint, removeTree } from "../../ffi/remove_tree.ts";
import { step } from "../base/debug.ts";
import { completePublishing } from "../image/publish.ts";
import { unusedLayers } from "../image/layer_usage.ts";
import { hasName, nameOwner } from "../container/names.ts";
import { groupsOf, PROBE, removeGroups, sweepGroups } from "../cgroup/group.ts";
import { keeperLives } from "../container/state.ts";
import { readJson } from "../base/json.ts";
import { discard, MountedWithin, rootFd } from "../store/root.ts";
import type { GroupOwner } from "../cgroup/types.ts";

/**
 * Completes what was being published, and removes everything in tmp/, unused layers, names without a
 * container, and cgroups of containers that do not run. The caller holds the exclusive lock of tmp/. So
 * nobody is at work, and everything that looks unfinished is.
 */
export function sweep(): void {
  const names = namesIn("tmp").filter((name) => name !== ".lock");
  for (const name of names.filter((name) => name.startsWith(PROBE))) {
    const owner = readJson<GroupOwner>(rootFd(), `tmp/${name}`);
    if (owner?.id) removeGroups(groupsOf(owner));
  }
  for (const name of names) completePublishing(`tmp/${name}`);
  sweepGroups((id) => file.statIfAny(rootFd(), `containers/${id}`) !== undefined && !isKept(id));
  for (const layer of unusedLayers()) unlessMounted(() => discard(`layers/${layer}`));
  for (const name of namesIn("names")) {
    if (name !== ".lock" && !isHad(name)) removeTree(rootFd(), `names/${name}`);
  }
  // This comes last: as long as one of them exists, a sweep that was killed is repeated.
  for (const name of names) unlessMounted(() => removeTree(rootFd(), `tmp/${name}`));
}

/** What has something mounted in it stays for the next sweep, since the command has to go on. */
function unlessMounted(remove: () => void): void {
  try {
    remove();
  } catch (error) {
    if (!(error instanceof MountedWithin || error instanceof MountPoint)) throw error;
    step(`not swept: ${error.message}`);
  }
}

function isKept(id: string): boolean {
  const dir = file.openIfAny(rootFd(), `containers/${id}`, file.O_RDONLY | file.O_DIRECTORY);
  if (dir === undefined) return false;
  try {
    return keeperLives(dir);
  } finally {
    file.close(dir);
  }
}

function isHad(name: string): boolean {
  const owner = nameOwner(name);
  return owner !== undefined && hasName(owner, name);
}

function namesIn(folder: string): string[] {
  const fd = file.openat(rootFd(), folder, file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(fd).map(({ name }) => name);
  } finally {
    file.close(fd);
  }
}
