// Removes images, by docker's rules on what prevents that: tags, containers, and images made from the image.

import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { shortId } from "../base/human.ts";
import { listContainers } from "../container/list.ts";
import { isAlive } from "../container/state.ts";
import { emitImage } from "../events/emit.ts";
import { digestOf } from "../base/digest.ts";
import { layerSize, staged, type Staging } from "../layer/store.ts";
import { buryUnusedLayers, unusedLayers } from "./layer_usage.ts";
import { checkNothingMounted, rootFd } from "../store/root.ts";
import { layersOf } from "./config.ts";
import { parseReference } from "../base/reference.ts";
import {
  digestsByImage,
  imageExists,
  imageIds,
  isDigestReference,
  lockImages,
  readImage,
  removeDamagedTag,
  resolveIfAny,
  shownReference,
  tagsByImage,
  untag,
} from "./store.ts";

/** The error of removeImage where there is no such image; `rmi -f` ignores it. */
export class NoSuchImage extends Failure {}

export interface RemoveOptions {
  /** Remove it even if stopped containers use it, and whatever tags it has. */
  force: boolean;
  /** Remove its untagged ancestors too, if nothing else needs them. */
  prune: boolean;
}

interface Removal {
  staging: Staging;
  options: RemoveOptions;
  /** "Untagged: …", "Deleted: …" */
  lines: string[];
  /** Total size of the layers that were removed. */
  reclaimed: number;
  containers: { id: string; image: string; running: boolean }[];
}

/**
 * Removes a tag and, if it was the last one, the image; or, by ID, the image with its only tag. Returns
 * docker's lines about what was removed, and the number of bytes reclaimed. Throws Failure, among them
 * NoSuchImage.
 */
export async function removeImage(
  reference: string,
  options: RemoveOptions,
): Promise<{ lines: string[]; reclaimed: number }> {
  return await staged("rmi", async (staging) => {
    const lock = lockImages("exclusive");
    try {
      const found = resolveIfAny(reference);
      const damaged = options.force ? removeDamagedTag(reference) : undefined;
      if (damaged !== undefined) return { lines: [`Untagged: ${damaged}`], reclaimed: 0 };
      if (!found) throw new NoSuchImage(`No such image: ${shownReference(reference)}`);
      const config = readImage(found.hex);
      for (const layer of config ? layersOf(config) : []) checkNothingMounted(`layers/${layer}`);
      const removal: Removal = { staging, options, lines: [], reclaimed: 0, containers: imageUsers() };
      if (found.reference !== undefined) await removeTag(removal, reference, found.hex, found.reference);
      else await removeById(removal, found.hex);
      return { lines: removal.lines, reclaimed: removal.reclaimed };
    } finally {
      file.close(lock);
    }
  });
}

function imageUsers(): Removal["containers"] {
  return listContainers({ all: true }).map(({ id, config, state }) => {
    return { id, image: config.image, running: isAlive(state) };
  });
}

async function removeTag(removal: Removal, typed: string, hex: string, tag: string): Promise<void> {
  const user = removal.containers.find(({ image }) => image === `sha256:${hex}`);
  if (!removal.options.force && hasSingleReference(hex) && user) {
    throw new Failure(
      `conflict: unable to remove repository reference "${typed}" (must force) - ` +
        `container ${shortId(user.id)} is using its referenced image ${shortId(hex)}`,
    );
  }
  dropReference(removal, hex, tag);
  dropOrphanedDigests(removal, hex, tag);
  if (referencesOf(hex).length === 0) {
    await removeUntagged(removal, hex, { force: removal.options.force, quiet: true });
  }
}

/**
 * When a repository's last tag of an image is removed, the digests by which the image came from it go too.
 */
function dropOrphanedDigests(removal: Removal, hex: string, tag: string): void {
  if (isDigestReference(tag)) return;
  const left = referencesOf(hex).filter((other) => repositoryIn(other) === repositoryIn(tag));
  if (left.every(isDigestReference)) left.forEach((digest) => dropReference(removal, hex, digest));
}

async function removeById(removal: Removal, hex: string): Promise<void> {
  const { force } = removal.options;
  if (hasSingleReference(hex)) {
    const conflict = findConflict(removal, hex, { force, tagsCount: false });
    if (conflict) throw conflict.error;
    referencesOf(hex).forEach((reference) => dropReference(removal, hex, reference));
  }
  await removeUntagged(removal, hex, { force, quiet: false });
}

/** The image's tags, then its digests. */
function referencesOf(hex: string): string[] {
  return [...tagsByImage().get(hex) ?? [], ...digestsByImage().get(hex) ?? []];
}

/** Whether the image has at most one tag, and digests of the same repository only. */
function hasSingleReference(hex: string): boolean {
  const references = referencesOf(hex);
  if (references.length <= 1) return true;
  const tags = references.filter((reference) => !isDigestReference(reference));
  return tags.length <= 1 && new Set(references.map(repositoryIn)).size === 1;
}

/** The "name" of "name:tag" or "name@digest". */
function repositoryIn(reference: string): string {
  return parseReference(reference).name;
}

function dropReference(removal: Removal, hex: string, reference: string): void {
  removal.staging.published = true;
  untag(reference);
  emitImage({ id: `sha256:${hex}`, labels: readImage(hex)?.config?.Labels }, "untag");
  removal.lines.push(`Untagged: ${reference}`);
}

/** `quiet`: a tag has been removed already, which is enough if something prevents the rest. */
async function removeUntagged(
  removal: Removal,
  hex: string,
  { force, quiet }: { force: boolean; quiet: boolean },
): Promise<void> {
  const conflict = findConflict(removal, hex, { force, tagsCount: true });
  if (conflict) {
    const dangling = referencesOf(hex).length === 0 && childrenOf(hex).length === 0;
    if (quiet && (!dangling || conflict.used)) return;
    throw conflict.error;
  }
  referencesOf(hex).forEach((reference) => dropReference(removal, hex, reference));
  const parent = readImage(hex)?.parent?.slice("sha256:".length);
  await deleteImage(removal, hex);
  if (removal.options.prune && parent && imageExists(parent)) {
    await removeUntagged(removal, parent, { force: false, quiet: true });
  }
}

interface Conflict {
  /** It is a container that prevents the removal. */
  used: boolean;
  error: Failure;
}

/** What prevents the removal of an image; with `tagsCount`, tags that it still has, too. */
function findConflict(
  removal: Removal,
  hex: string,
  { force, tagsCount }: { force: boolean; tagsCount: boolean },
): Conflict | undefined {
  const conflict = (why: string, how: string, used: boolean): Conflict => ({
    used,
    error: new Failure(`conflict: unable to delete ${shortId(hex)} (${how}) - ${why}`),
  });
  if (childrenOf(hex).length > 0) {
    return conflict("image has dependent child images", "cannot be forced", false);
  }
  const users = removal.containers.filter(({ image }) => image === `sha256:${hex}`);
  const running = users.find((user) => user.running);
  const by = (state: string, { id }: { id: string }) =>
    `image is being used by ${state} container ${shortId(id)}`;
  if (running) return conflict(by("running", running), "cannot be forced", true);
  if (force) return undefined;
  if (tagsCount && referencesOf(hex).length > 0) {
    return conflict("image is referenced in multiple repositories", "must be forced", false);
  }
  return users.length > 0 ? conflict(by("stopped", users[0]), "must be forced", true) : undefined;
}

/** Images that were committed from containers of this one. */
export function childrenOf(hex: string): string[] {
  return imageIds().filter((child) => readImage(child)?.parent === `sha256:${hex}`);
}

async function deleteImage(removal: Removal, hex: string): Promise<void> {
  const { staging, lines } = removal;
  const config = readImage(hex);
  staging.published = true;
  if (imageExists(hex)) {
    file.renameat2(rootFd(), `images/${hex}.json`, rootFd(), `${staging.path}/${hex}.json`);
    emitImage({ id: `sha256:${hex}` }, "delete");
  }
  lines.push(`Deleted: sha256:${hex}`);
  // A damaged image does not tell which layers it had.
  const layers = config ? [...new Set(layersOf(config))] : unusedLayers();
  const sizes = new Map(layers.map((hex) => [hex, layerSize(hex)]));
  const buried = new Set(buryUnusedLayers(staging, layers));
  for (const hex of buried) removal.reclaimed += sizes.get(hex)!;
  const chains = config ? await chainIds(config.rootfs.diff_ids) : layers.map((layer) => `sha256:${layer}`);
  for (let i = layers.length - 1; i >= 0; i--) {
    if (buried.delete(layers[i])) lines.push(`Deleted: ${chains[i]}`);
  }
}

/** docker's IDs for layers on top of those below them (OCI image-spec config.md, "Layer ChainID"). */
async function chainIds(diffIds: string[]): Promise<string[]> {
  const chains: string[] = [];
  for (const diffId of new Set(diffIds)) {
    const below = chains.at(-1);
    const text = `${below} ${diffId}`;
    chains.push(below === undefined ? diffId : `sha256:${await digestOf(new TextEncoder().encode(text))}`);
  }
  return chains;
}

/**
 * Deletes those of the layers (hex) that are unused now. `rm` calls it, because the container may have been
 * the last user of an image that was removed by force.
 */
export async function removeUnusedLayers(layers: string[]): Promise<void> {
  await staged("layers", (staging) => {
    const lock = lockImages("exclusive");
    try {
      staging.published = true;
      buryUnusedLayers(staging, layers);
    } finally {
      file.close(lock);
    }
    return Promise.resolve();
  });
}
