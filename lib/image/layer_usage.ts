// Which layers are in use: those of all images, and those of all containers, whose images may have been
// removed.

import * as file from "../../ffi/file.ts";
import { readConfig } from "../container/config.ts";
import { containerIds } from "../container/find.ts";
import { layersOf } from "./config.ts";
import { imageIds, readImage } from "./store.ts";
import { checkNothingMounted, rootFd } from "../store/root.ts";
import type { Staging } from "../layer/store.ts";

/** Hex diff ids of all layers in use; undefined where a damaged file makes them unknown. */
function layersInUse(): Set<string> | undefined {
  const used = new Set<string>();
  for (const hex of imageIds()) {
    const config = readImage(hex);
    if (!config) return undefined;
    layersOf(config).forEach((layer) => used.add(layer));
  }
  for (const id of containerIds()) {
    const layers = containerLayers(id);
    if (!layers) return undefined;
    layers.forEach((layer) => used.add(layer));
  }
  return used;
}

/** [] for a container that has just been removed; undefined for a damaged one. */
function containerLayers(id: string): string[] | undefined {
  const dir = file.openIfAny(rootFd(), `containers/${id}`, file.O_PATH | file.O_DIRECTORY);
  if (dir === undefined) return [];
  try {
    // A container that is being removed is moved away before it is emptied.
    return readConfig(dir)?.layers ?? (file.statIfAny(rootFd(), `containers/${id}`) ? undefined : []);
  } finally {
    file.close(dir);
  }
}

/** Hex diff ids of all unused layers; empty where that can't be known. */
export function unusedLayers(): string[] {
  const used = layersInUse();
  if (!used) return [];
  const folder = file.openat(rootFd(), "layers", file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(folder).map(({ name }) => name)
      .filter((name) => /^[0-9a-f]{64}$/.test(name) && !used.has(name));
  } finally {
    file.close(folder);
  }
}

/**
 * Moves the unused ones among the layers `candidates` (hex) into the staging directory, to be deleted with
 * it; returns them. The caller holds lockImages("exclusive"). Throws MountedWithin before anything is moved.
 */
export function buryUnusedLayers(staging: Staging, candidates: string[]): string[] {
  const unused = new Set(unusedLayers());
  const buried = candidates.filter((hex) => unused.has(hex));
  for (const hex of buried) checkNothingMounted(`layers/${hex}`);
  for (const hex of buried) file.renameat2(rootFd(), `layers/${hex}`, rootFd(), `${staging.path}/${hex}`);
  return buried;
}
