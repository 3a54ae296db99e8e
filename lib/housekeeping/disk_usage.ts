// The disk space that images, containers and volumes take.

import { listContainers, type ListedContainer } from "../container/list.ts";
import { writableSize } from "../container/size.ts";
import { layersOf } from "../image/config.ts";
import { type ListedImage, listImages } from "../image/list.ts";
import { layerSize } from "../layer/store.ts";
import { listVolumes, type Volume, volumesInUse } from "../volume/store.ts";
import { rootFd } from "../store/root.ts";
import { treeSize } from "../base/tree_size.ts";

/** All sizes in bytes. */
export interface DiskUsage {
  /** `shared`: bytes in layers that other images have, too; `containers`: the number of its containers. */
  images: { image: ListedImage; containers: number; shared: number; unique: number }[];
  /** Total size of all layers of all images. */
  layersSize: number;
  /** `size`: bytes that it wrote; `active`: whether it runs. */
  containers: { container: ListedContainer; size: number; active: boolean }[];
  /** `links`: the number of containers that use it. */
  volumes: { volume: Volume; links: number; size: number }[];
}

/** The data of `system df`; sizes in bytes. */
export function diskUsage(): DiskUsage {
  const containers = listContainers({ all: true });
  const users = volumesInUse();
  return {
    ...imagesUsage(containers),
    containers: containers.map((container) => ({
      container,
      size: writableSize(container.id),
      active: !["created", "exited"].includes(container.state.status),
    })),
    volumes: listVolumes().map((volume) => ({
      volume,
      links: users.get(volume.name)?.length ?? 0,
      size: treeSize(rootFd(), `volumes/${volume.name}/_data`),
    })),
  };
}

function imagesUsage(containers: ListedContainer[]): Pick<DiskUsage, "images" | "layersSize"> {
  const listed = listImages();
  const owners = new Map<string, number>();
  for (const { config } of listed) {
    for (const hex of new Set(layersOf(config))) owners.set(hex, (owners.get(hex) ?? 0) + 1);
  }
  const sizes = new Map([...owners.keys()].map((hex) => [hex, layerSize(hex)]));
  const sum = (layers: Iterable<string>) => [...layers].reduce((total, hex) => total + sizes.get(hex)!, 0);
  const images = listed.map((image) => {
    const shared = sum(layersOf(image.config).filter((hex) => owners.get(hex)! > 1));
    const users = containers.filter(({ config }) => config.image === image.id);
    return { image, containers: users.length, shared, unique: image.size - shared };
  });
  return { images, layersSize: sum(owners.keys()) };
}
