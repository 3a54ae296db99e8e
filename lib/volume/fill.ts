// The initial content of volumes, when a container that has them is created.

import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { openInsideIfAny } from "../layer/inside.ts";
import { openImageRoot } from "../layer/overlay.ts";
import { isMounted, isVolatile, mountLocal } from "./local_options.ts";
import { isUnfilled, populate, populateMounted } from "./populate.ts";
import { mountpointOf, readVolume } from "./store.ts";
import type { Mount } from "../model/container.ts";

/**
 * Fills the empty volumes among `mounts` with the content that the image of these layers has at their mount
 * points. The caller holds lockVolumes("shared"). Throws Failure.
 */
export async function fillVolumes(mounts: Mount[], layers: string[]): Promise<void> {
  const wanting = mounts.filter(({ type, source, noCopy }) => type === "volume" && !noCopy && wants(source));
  if (wanting.length === 0) return;
  const root = openImageRoot(layers);
  try {
    for (const { source, target } of wanting) {
      const image = openInsideIfAny(root, target, file.O_PATH | file.O_DIRECTORY);
      if (image === undefined) continue;
      try {
        await fill(source, image);
      } finally {
        file.close(image);
      }
    }
  } finally {
    file.close(root);
  }
}

function wants(name: string): boolean {
  const options = readVolume(name)?.options;
  return isMounted(options) ? !isVolatile(options) : isUnfilled(name);
}

async function fill(name: string, image: number): Promise<void> {
  const options = readVolume(name)?.options;
  if (!isMounted(options)) {
    await populate(name, image);
    return;
  }
  const mount = await mountLocal(options, mountpointOf(name));
  try {
    await populateMounted(name, mount, image);
  } catch (error) {
    throw new Failure(`can't fill volume ${name} from the image: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    file.close(mount);
  }
}
