// The history of an image, layer by layer, from its configuration.

import { layerSize } from "../layer/store.ts";
import { type History, type ImageConfig, layersOf } from "./config.ts";
import { type Image, readImage } from "./store.ts";

export interface HistoryEntry extends History {
  /** "sha256:HEX" of the image at this step, if it still exists. */
  id?: string;
  /** Bytes of all files of its layer; 0 for a step without a layer. */
  size: number;
}

/** The latest step comes first. */
export function imageHistory(image: Image): HistoryEntry[] {
  const layers = layersOf(image.config);
  const entries: HistoryEntry[] = (image.config.history ?? []).map((step) => {
    const layer = step.empty_layer ? undefined : layers.shift();
    return { ...step, size: layer === undefined ? 0 : layerSize(layer) };
  });
  for (const [id, length] of lineage(image)) {
    if (length > 0 && entries[length - 1]) entries[length - 1].id = id;
  }
  return entries.reverse();
}

/** The image and its ancestors, each by the number of its steps: the last of them made it. */
function lineage({ id, config }: Image): Map<string, number> {
  const family = new Map<string, number>();
  for (let [at, one]: [string, ImageConfig | undefined] = [id, config]; one;) {
    family.set(at, one.history?.length ?? 0);
    const parent: string | undefined = one.parent;
    one = parent && !family.has(parent) ? readImage(parent.slice("sha256:".length)) : undefined;
    at = parent ?? "";
  }
  return family;
}
