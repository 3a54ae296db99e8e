// How an image came about: its configuration's history, layer by layer.

import { layerSize } from "../layer/store.ts";
import { type History, layersOf } from "./config.ts";
import { type Image, readImage } from "./store.ts";

export interface HistoryEntry extends History {
  /** "sha256:HEX" where the image as it was then is still there. */
  id?: string;
  /** Bytes of all files of its layer; 0 where it has none. */
  size: number;
}

/** The last step first. */
export function imageHistory(image: Image): HistoryEntry[] {
  const layers = layersOf(image.config);
  const entries: HistoryEntry[] = (image.config.history ?? []).map((step) => {
    const layer = step.empty_layer ? undefined : layers.shift();
    return { ...step, size: layer === undefined ? 0 : layerSize(layer) };
  }).reverse();
  let id: string | undefined = image.id;
  for (const entry of entries) {
    const config = readImage(id.slice("sha256:".length));
    if (!config) break;
    entry.id = id;
    id = config.parent;
    if (!id) break;
  }
  return entries;
}
