// A container's disk space.

import { layerSize } from "../layer/store.ts";
import { rootFd } from "../store/root.ts";
import { treeSize } from "../base/tree_size.ts";
import type { ContainerConfig } from "../model/container.ts";

/** Bytes in a container's writable layer. */
export function writableSize(id: string): number {
  return treeSize(rootFd(), `containers/${id}/upper`);
}

/** Bytes in the layers of its image. */
export function imageSizeOf({ layers }: Pick<ContainerConfig, "layers">): number {
  return layers.reduce((sum, hex) => sum + layerSize(hex), 0);
}
