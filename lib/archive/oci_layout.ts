// Reads OCI image layouts (OCI image-spec image-layout.md). index.json leads to manifests, which lead to
// configurations and layers; all are blobs named by their digests. There may also be signatures, attestations
// and other artifacts.

import { Failure } from "../base/error.ts";
import {
  type Descriptor,
  INDEX_TYPES,
  isImageManifest,
  type Manifest,
  MANIFEST_TYPES,
  manifestProblem,
} from "../image/descriptor.ts";
import { fitness, mostFitting, parsePlatform, type Platform } from "../image/platform.ts";
import { checkConfig, checkDigest, checkTags, document, layerFile, type Loadable } from "./loadable.ts";
import { parseDocument, type Source } from "./source.ts";

/** The limit for nested indexes; nobody uses more. */
const MAX_DEPTH = 4;

/** The images that index.json, given as bytes, leads to. Throws Failure where something is wrong. */
export async function readOciLayout(source: Source, bytes: Uint8Array): Promise<Loadable[]> {
  const images = new Map<string, Loadable>();
  for (const descriptor of suitable(entriesOf(readIndex(bytes)))) {
    const found = await findImage(source, descriptor, 0);
    if (!found) continue;
    const image = images.get(found.digest) ?? await readImage(source, found);
    image.tags = checkTags([...image.tags, ...namesOf(descriptor)]);
    images.set(found.digest, image);
  }
  if (images.size === 0) throw new Failure("index.json leads to no image");
  return [...images.values()];
}

function readIndex(bytes: Uint8Array): Manifest {
  const index = parseManifest(bytes, "index.json");
  if (index.manifests) return index;
  throw new Failure("index.json is no OCI image index: manifests is missing");
}

function parseManifest(bytes: Uint8Array, path: string): Manifest {
  const value = parseDocument(bytes, path);
  const problem = manifestProblem(value);
  if (problem === undefined) return value as Manifest;
  throw new Failure(`${path} is no image manifest and no index: ${problem}`);
}

function entriesOf({ manifests }: Manifest): Descriptor[] {
  return manifests!.filter(({ artifactType }) => !artifactType);
}

/**
 * Of several images with one name those that fit this machine; all if none fits, because the user may want
 * them.
 */
function suitable(list: Descriptor[]): Descriptor[] {
  const names = Map.groupBy(list, (one) => JSON.stringify(namesOf(one)));
  return [...names.values()].flatMap((group) => {
    const [best, ...others] = ranked(group);
    // An image without a platform may fit any.
    return best ? [best, ...others.filter(({ platform }) => !platform || isAsGood(platform, best))] : [];
  });
}

function ranked(list: Descriptor[]): Descriptor[] {
  const fitting = mostFitting(parsePlatform(undefined), list);
  // Attestations have the platform "unknown".
  return fitting.length > 0 ? fitting : list.filter(({ platform }) => platform?.os !== "unknown");
}

function isAsGood(platform: Platform, { platform: best }: Descriptor): boolean {
  const wanted = parsePlatform(undefined);
  return fitness(wanted, platform) === (best ? fitness(wanted, best) : undefined);
}

/** Tags in the annotations, except names without registry and tags without repository. */
function namesOf({ annotations }: Descriptor): string[] {
  const full = annotations?.["io.containerd.image.name"];
  if (full !== undefined) return full.includes("@") ? [] : [full];
  const name = annotations?.["org.opencontainers.image.ref.name"] ?? "";
  return /^[^:@]+[:/]/.test(name) && !name.includes("@") ? [name] : [];
}

interface Found {
  digest: string;
  manifest: Manifest;
}

/**
 * The image that a descriptor leads to; from an index, the most suitable one. Undefined where it is something
 * else.
 */
async function findImage(source: Source, descriptor: Descriptor, depth: number): Promise<Found | undefined> {
  const { digest, mediaType } = descriptor;
  if (mediaType && ![...INDEX_TYPES, ...MANIFEST_TYPES].includes(mediaType)) return undefined;
  const path = blobPath(digest);
  const bytes = document(source, path);
  await checkDigest(bytes, digest, path);
  const manifest = parseManifest(bytes, path);
  if (!manifest.manifests) return isImage(manifest, path) ? { digest, manifest } : undefined;
  if (depth === MAX_DEPTH) throw new Failure("index.json: too many indexes one inside the other");
  const entries = entriesOf(manifest);
  // `docker save --platform` leaves the other platforms out, but not of the index.
  const present = entries.filter((inner) => source.find(blobPath(inner.digest)));
  for (const inner of ranked(present.length > 0 ? present : entries)) {
    const found = await findImage(source, inner, depth + 1);
    if (found) return found;
  }
  return undefined;
}

function isImage(manifest: Manifest, path: string): boolean {
  if (!manifest.config) throw new Failure(`${path} is no image manifest: config is missing`);
  return isImageManifest(manifest);
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

async function readImage(source: Source, { manifest }: Found): Promise<Loadable> {
  const { digest } = manifest.config!;
  const configPath = blobPath(digest);
  const config = document(source, configPath);
  await checkDigest(config, digest, configPath);
  const layers = manifest.layers!.map((one) => layerFile(source, blobPath(one.digest)));
  const diffIds = checkConfig(config, configPath, layers.length).rootfs.diff_ids;
  return { config, diffIds, layers, tags: [] };
}
