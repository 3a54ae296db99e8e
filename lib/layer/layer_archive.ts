// Restores the archive that a layer of the store came from: bit for bit, or an error.

import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { rootFd } from "../store/root.ts";
import { createDigest } from "../base/digest.ts";
import { pack } from "./pack.ts";
import { replay } from "./replay.ts";
import { readLayer } from "./store.ts";
import type { Sink } from "./tar_write.ts";

/** Length of the uncompressed archive of layer `hex`, in bytes. The caller holds lockImages("shared"). */
export async function archiveLength(hex: string): Promise<number> {
  const known = readLayer(hex)?.archive;
  if (known !== undefined) return known;
  let length = 0;
  await writeLayer(hex, (chunk) => void (length += chunk.length));
  return length;
}

/**
 * Writes the uncompressed archive of layer `hex` to `sink`, which may not keep its chunks. Throws
 * Failure after the last chunk if the archive does not match the layer's digest. The caller holds
 * lockImages("shared").
 */
export async function writeLayer(hex: string, sink: Sink): Promise<void> {
  const digest = await createDigest();
  const layer = openLayer(hex);
  try {
    await writeArchive(hex, layer, (chunk) => {
      digest.update(chunk);
      sink(chunk);
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`layer sha256:${hex}: ${error.message}`, { cause: error });
  } finally {
    file.close(layer);
  }
  if (digest.hex() !== hex) throw changed(hex);
}

function openLayer(hex: string): number {
  const layer = file.openIfAny(rootFd(), `layers/${hex}`, file.O_RDONLY | file.O_DIRECTORY);
  if (layer === undefined) throw new Failure(`layer sha256:${hex} is missing`);
  return layer;
}

async function writeArchive(hex: string, layer: number, sink: Sink): Promise<void> {
  const record = readLayer(hex);
  if (record?.archive !== undefined) {
    for (const chunk of await replay(layer, record.replaced ?? [])) sink(chunk);
    return;
  }
  // An earlier mydocker kept no skeletons. Layers made by commit are packed the same way again.
  const diff = file.openat(layer, "diff", file.O_RDONLY | file.O_DIRECTORY);
  try {
    pack(diff, sink, { overlay: true });
  } finally {
    file.close(diff);
  }
}

function changed(hex: string): Failure {
  const kept = readLayer(hex)?.archive !== undefined;
  const why = kept
    ? "its files are not what they were"
    : "it is from a mydocker that did not keep what it takes";
  return new Failure(
    `layer sha256:${hex} can't be put together again: ${why}; remove its images and load them again`,
  );
}
