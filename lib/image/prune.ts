// Removes unused images.

import { Failure } from "../base/error.ts";
import { type Filters, matchesLabels } from "../cli/filter.ts";
import { untilOf } from "../cli/until.ts";
import { listContainers } from "../container/list.ts";
import { emitPrune } from "../events/emit.ts";
import { createdAt, damagedImages, type ListedImage, listImages } from "./list.ts";
import { removeImage } from "./remove.ts";
import { damagedTags } from "./store.ts";

/**
 * Removes untagged images that have no children or, with `all`, all images that no container uses, if they
 * pass the filters label, label! and until. Without a filter, damaged images are removed too. Returns
 * docker's lines about what was removed, and the number of bytes reclaimed.
 */
export async function pruneImages(
  filters: Filters,
  all: boolean,
): Promise<{ removed: string[]; reclaimed: number }> {
  const limit = untilOf(filters);
  const used = new Set(listContainers({ all: true }).map(({ config }) => config.image));
  const removed: string[] = [];
  let reclaimed = 0;
  // Newest first, so that an image is removed before its ancestors.
  for (const image of listImages()) {
    const { id, config, tags, hasChildren } = image;
    if (used.has(id) || (tags.length === 0 ? hasChildren : !all)) continue;
    if (createdAt(config) >= limit || !matchesLabels(config.config?.Labels ?? {}, filters)) continue;
    const gone = await remove(image);
    removed.push(...gone.lines);
    reclaimed += gone.reclaimed;
  }
  for (const image of filters.size === 0 ? damagedImages() : []) {
    if (used.has(image.id) || (image.tags.length > 0 && !all)) continue;
    const gone = await remove(image);
    removed.push(...gone.lines);
    reclaimed += gone.reclaimed;
  }
  for (const tag of filters.size === 0 ? damagedTags() : []) {
    const gone = await removeImage(tag, { force: true, prune: false });
    removed.push(...gone.lines.map((line) => line[0].toLowerCase() + line.slice(1)));
  }
  emitPrune("image", reclaimed);
  return { removed, reclaimed };
}

async function remove(
  { id, tags, digests }: Pick<ListedImage, "id" | "tags" | "digests">,
): Promise<{ lines: string[]; reclaimed: number }> {
  const lines: string[] = [];
  let reclaimed = 0;
  const references = [...tags, ...digests];
  for (const reference of references.length > 0 ? references : [id]) {
    try {
      const gone = await removeImage(reference, { force: false, prune: true });
      // In docker's prunes these words begin with a small letter.
      lines.push(...gone.lines.map((line) => line[0].toLowerCase() + line.slice(1)));
      reclaimed += gone.reclaimed;
    } catch (error) {
      // The image has come into use, or is gone, since it was listed.
      if (!(error instanceof Failure)) throw error;
    }
  }
  return { lines, reclaimed };
}
