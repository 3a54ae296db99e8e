// Loads the images of an archive into the store: all of them, or none.

import { Failure } from "../base/error.ts";
import * as file from "../../ffi/file.ts";
import { emitImage } from "../events/emit.ts";
import { type NewLayer, publish } from "../image/publish.ts";
import { lockImages, readImage, tagTarget } from "../image/store.ts";
import { decompressed } from "../layer/decompress.ts";
import { createDigest } from "../base/digest.ts";
import { requireSpace } from "../layer/space.ts";
import { addLayer, hasLayer, type Layer, type Staging } from "../layer/store.ts";
import { rootFd } from "../store/root.ts";
import { readDockerArchive } from "./docker_archive.ts";
import { readLegacyArchive } from "./legacy.ts";
import { type LayerFile, type Loadable, wrongDigest } from "./loadable.ts";
import { readOciLayout } from "./oci_layout.ts";
import { contentOf, readDocument, type Source } from "./source.ts";

/** An image that is now in the store. */
export interface Loaded {
  id: string;
  tags: string[];
  /** Tags that another image had before, and that image's ID. */
  taken: Map<string, string>;
}

/** Called with the number of bytes read of a layer's file, and its size. */
export type Progress = (diffId: string, read: number, total: number) => void;

interface State {
  staging: Staging;
  progress: Progress;
  /** Unpacked layers, by diff id. */
  unpacked: Map<string, NewLayer>;
}

/**
 * Loads all images of a docker-archive (also of docker before 1.10) or OCI image layout. Layers that exist in
 * the store are not read. Throws Failure, and then nothing has changed.
 */
export async function loadImages(source: Source, staging: Staging, progress: Progress): Promise<Loaded[]> {
  const images = await readImages(source);
  const state: State = { staging, progress, unpacked: new Map() };
  requireSpace(rootFd(), leastSpace(images));
  for (const image of images) await unpackLayers(state, image);
  const lock = lockImages("shared");
  try {
    // Layers that existed may have been removed before we had the lock.
    for (const image of images) await unpackLayers(state, image);
    const holders = new Map(images.flatMap(({ tags }) => tags.map((tag) => [tag, tagTarget(tag)])));
    const wanted = images.map(({ config, tags }) => ({ config, references: tags }));
    const ids = await publish(staging, [...state.unpacked.values()], wanted);
    return images.map((image, i) => reported(ids[i], image, holders));
  } finally {
    file.close(lock);
  }
}

async function readImages(source: Source): Promise<Loadable[]> {
  const manifest = readDocument(source, "manifest.json");
  if (manifest) return await readDockerArchive(source, manifest);
  const index = readDocument(source, "index.json");
  if (index) return await readOciLayout(source, index);
  const repositories = readDocument(source, "repositories");
  if (repositories) return await readLegacyArchive(source, repositories);
  throw new Failure(
    "no images in it: neither manifest.json nor index.json nor repositories; for a root file system: mydocker import",
  );
}

/** The least space that the layers take: the size of their files, which may be compressed. */
function leastSpace(images: Loadable[]): number {
  const sizes = new Map<string, number>();
  for (const { diffIds, layers } of images) {
    diffIds.forEach((diffId, i) => {
      if (!hasLayer(diffId)) sizes.set(diffId, layers[i].place?.length ?? 0);
    });
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

async function unpackLayers(state: State, { diffIds, layers }: Loadable): Promise<void> {
  for (const [i, diffId] of diffIds.entries()) {
    if (hasLayer(diffId) || state.unpacked.has(diffId)) continue;
    const path = `${state.staging.path}/${state.unpacked.size}`;
    file.mkdirat(rootFd(), path, 0o700);
    const staging: Staging = { path, published: false };
    const layer = await unpackLayer(staging, layers[i], (read, total) => state.progress(diffId, read, total));
    if (layer.diffId !== diffId) {
      throw new Failure(
        `invalid diffID for layer ${i}: expected ${JSON.stringify(diffId)}, got ${
          JSON.stringify(layer.diffId)
        }`,
      );
    }
    state.unpacked.set(diffId, { layer, staging });
  }
}

async function unpackLayer(
  staging: Staging,
  { path, place, digest }: LayerFile,
  progress: (read: number, total: number) => void,
): Promise<Layer> {
  if (!place) throw new Failure(`open ${path}: no such file or directory in the archive`);
  const compressed = digest === undefined ? undefined : await createDigest();
  const source = function* () {
    let read = 0;
    for (const chunk of contentOf(place)) {
      compressed?.update(chunk);
      yield chunk;
      progress(read += chunk.length, place.length);
    }
  };
  let layer: Layer;
  try {
    layer = await addLayer(staging, decompressed(source()));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`layer ${path}: ${error.message}`, { cause: error });
  }
  const found = compressed && `sha256:${compressed.hex()}`;
  if (found !== digest) throw wrongDigest(`layer ${path}`, digest!, found!);
  return layer;
}

/** Emits the events, and returns what the user is told. `holders` are the images that had the tags before. */
function reported(id: string, { tags }: Loadable, holders: Map<string, string | undefined>): Loaded {
  const labels = readImage(id.slice("sha256:".length))?.config?.Labels;
  emitImage({ id, labels }, "load");
  const taken = new Map<string, string>();
  for (const tag of tags) {
    emitImage({ id, labels }, "tag", tag);
    const before = holders.get(tag);
    if (before !== undefined && before !== id) taken.set(tag, before);
    holders.set(tag, id);
  }
  return { id, tags, taken };
}
