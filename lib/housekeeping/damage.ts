// Lists records that can't be read, and how to remove them.

import * as file from "../../ffi/file.ts";
import { containerIds, damagedContainers } from "../container/find.ts";
import { damagedNames } from "../container/names.ts";
import { hasLostLock } from "../container/lost_lock.ts";
import { damagedImages } from "../image/list.ts";
import { damagedTags } from "../image/store.ts";
import { damagedNetworks } from "../network/store.ts";
import { damagedVolumes } from "../volume/store.ts";
import { rootFd } from "../store/root.ts";

/** One line for each damaged record. */
export function damageReport(): string[] {
  const containers = damagedContainers();
  const images = damagedImages();
  return [
    ...containers.map((id) =>
      `config.json of container ${id} is missing or damaged: ${way("rm -f", id.slice(0, 12))}`
    ),
    ...lostLocks().map((id) =>
      `the file lock of container ${id} is damaged: ${way("rm -f", id.slice(0, 12))}`
    ),
    ...images.map(({ id, tags }) => `image ${id} is damaged: ${way("rmi -f", tags[0] ?? id.slice(0, 19))}`),
    ...damagedTags().map((tag) => `tag ${tag} leads to no image: ${way("rmi -f", tag)}`),
    ...damagedNames().map((name) => `name ${name} leads to no container: ${wayOfPrune}`),
    ...damagedNetworks().map((name) =>
      `network.json of network ${name} is missing or damaged: ${way("network rm -f", name)}`
    ),
    ...damagedVolumes().map((name) =>
      `volume.json of volume ${name} is missing or damaged, but not what is in the volume`
    ),
  ];
}

const wayOfPrune = "remove it with: mydocker container prune";
const way = (command: string, what: string) => `remove it with: mydocker ${command} ${what}`;

function lostLocks(): string[] {
  return containerIds().filter((id) => {
    const dir = file.openIfAny(rootFd(), `containers/${id}`, file.O_RDONLY | file.O_DIRECTORY);
    if (dir === undefined) return false;
    try {
      return hasLostLock({ id, dir });
    } finally {
      file.close(dir);
    }
  });
}
