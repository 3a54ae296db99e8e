// Writes images as docker does since its version 25: a docker-archive (manifest.json; docker, podman, skopeo)
// and an OCI image layout (index.json; skopeo, umoci, buildah) in one tar archive. Both name the same blobs.

import { step } from "../base/debug.ts";
import { Failure } from "../base/error.ts";
import { layersOf } from "../image/config.ts";
import { CONFIG_TYPE, type Descriptor, INDEX_TYPE, LAYER_TYPE, MANIFEST_TYPE } from "../image/descriptor.ts";
import { canonicalName, parseReference } from "../base/reference.ts";
import { readImage } from "../image/store.ts";
import { digestOf } from "../base/digest.ts";
import { archiveLength, writeLayer } from "../layer/layer_archive.ts";
import type { TarEntry } from "../layer/tar_entry.ts";
import { createTarWriter, type Sink, type TarWriter } from "../layer/tar_write.ts";
import { readBytes } from "../base/json.ts";
import { rootFd } from "../store/root.ts";

/** An image to save, and the tags ("name:tag") it gets when it is loaded. */
export interface Saved {
  hex: string;
  tags: string[];
}

/** Called while a layer is written, with its diff id (hex), the bytes so far, and their total. */
export type Progress = (layer: string, written: number, total: number) => void;

interface State {
  writer: TarWriter;
  progress: Progress;
  /** Blobs that are in the archive, hex. */
  written: Set<string>;
  /** By diff id, hex. */
  layers: Map<string, Descriptor>;
}

interface ManifestItem {
  Config: string;
  RepoTags: string[] | null;
  Layers: string[];
  LayerSources: Record<string, Descriptor>;
}

const encoder = new TextEncoder();

/**
 * Writes an archive of `images` to `sink`. The same images give the same bytes. Throws Failure for a damaged
 * image, at the latest after its last layer. The caller holds lockImages("shared").
 */
export async function saveImages(images: Saved[], sink: Sink, progress: Progress): Promise<void> {
  const state: State = { writer: createTarWriter(sink), progress, written: new Set(), layers: new Map() };
  directory(state, "blobs/");
  directory(state, "blobs/sha256/");
  const items: ManifestItem[] = [];
  const manifests: Descriptor[] = [];
  for (const image of images) {
    const { item, manifest } = await saveImage(state, image);
    items.push(item);
    manifests.push(...image.tags.map((tag) => named(manifest, tag, images)));
    if (image.tags.length === 0) manifests.push(manifest);
  }
  plainFile(state, "index.json", json({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }));
  plainFile(state, "manifest.json", json(items));
  plainFile(state, "oci-layout", json({ imageLayoutVersion: "1.0.0" }));
  const repositories = repositoriesOf(images, items);
  if (Object.keys(repositories).length > 0) plainFile(state, "repositories", json(repositories));
  state.writer.end();
}

async function saveImage(
  state: State,
  { hex, tags }: Saved,
): Promise<{ item: ManifestItem; manifest: Descriptor }> {
  const bytes = readBytes(rootFd(), `images/${hex}.json`) as Uint8Array<ArrayBuffer> | undefined;
  const config = readImage(hex);
  if (!bytes || !config || await digestOf(bytes) !== hex) {
    throw new Failure(`image sha256:${hex} is damaged; remove it with: mydocker rmi -f ${hex}`);
  }
  const layers: Descriptor[] = [];
  for (const layer of layersOf(config)) layers.push(await saveLayer(state, layer));
  const configured = await blob(state, bytes, CONFIG_TYPE);
  const manifest = { schemaVersion: 2, mediaType: MANIFEST_TYPE, config: configured, layers };
  const item: ManifestItem = {
    Config: blobPath(configured),
    RepoTags: tags.length > 0 ? tags : null,
    Layers: layers.map(blobPath),
    LayerSources: Object.fromEntries(layers.map((layer) => [layer.digest, layer])),
  };
  return { item, manifest: await blob(state, json(manifest), MANIFEST_TYPE) };
}

/** Writes a layer once, however many images have it. */
async function saveLayer(state: State, hex: string): Promise<Descriptor> {
  const known = state.layers.get(hex);
  if (known) return known;
  const size = await archiveLength(hex);
  const descriptor = { mediaType: LAYER_TYPE, digest: `sha256:${hex}`, size };
  state.layers.set(hex, descriptor);
  state.writer.entry(entryOf(blobPath(descriptor), "file", size));
  let left = size;
  await writeLayer(hex, (chunk) => {
    left -= chunk.length;
    if (left < 0) throw new Failure("it is longer than it was");
    state.writer.data(chunk);
    state.progress(hex, size - left, size);
  });
  state.writer.pad(size);
  step(`layer sha256:${hex} written, ${size} bytes`);
  return descriptor;
}

async function blob(state: State, bytes: Uint8Array<ArrayBuffer>, mediaType: string): Promise<Descriptor> {
  const descriptor = { mediaType, digest: `sha256:${await digestOf(bytes)}`, size: bytes.length };
  if (!state.written.has(descriptor.digest)) plainFile(state, blobPath(descriptor), bytes);
  state.written.add(descriptor.digest);
  return descriptor;
}

/**
 * An index entry for one tag. umoci and skopeo look for the tag alone, as docker writes it. If another image
 * of the archive has the same tag, they would find neither, so the entry then has the name with the tag.
 */
function named(manifest: Descriptor, text: string, images: Saved[]): Descriptor {
  const { name, tag } = parseReference(text);
  const alike = images.flatMap(({ tags }) => tags).filter((other) => other.endsWith(`:${tag}`));
  const annotations = {
    "io.containerd.image.name": `${canonicalName(name)}:${tag}`,
    "org.opencontainers.image.ref.name": alike.length === 1 ? tag! : text,
  };
  return { ...manifest, annotations };
}

/** The file for docker before 1.10, by which such programs find the top layer. */
function repositoriesOf(images: Saved[], items: ManifestItem[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {};
  images.forEach(({ tags }, i) => {
    const top = items[i].Layers.at(-1)?.slice("blobs/sha256/".length);
    for (const text of top === undefined ? [] : tags) {
      const { name, tag } = parseReference(text);
      (repositories[name] ??= {})[tag!] = top!;
    }
  });
  return repositories;
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return encoder.encode(JSON.stringify(value));
}

function directory(state: State, path: string): void {
  state.writer.entry(entryOf(path, "directory", 0));
}

function plainFile(state: State, path: string, bytes: Uint8Array): void {
  state.writer.entry(entryOf(path, "file", bytes.length));
  state.writer.data(bytes);
  state.writer.pad(bytes.length);
}

function entryOf(path: string, type: "file" | "directory", size: number): TarEntry {
  return {
    path,
    type,
    linkPath: "",
    mode: type === "file" ? 0o644 : 0o755,
    uid: 0,
    gid: 0,
    size,
    modified: { seconds: 0, nanoseconds: 0 },
    major: 0,
    minor: 0,
    sparse: false,
  };
}
