// OCI image layouts (OCI image-spec image-layout.md): index.json leads to manifests, those to configurations and layers,
// all of them blobs named by their digests.

import { CommandError } from "../cli/error.ts";
import { hostArchitecture } from "../image/config.ts";
import {
  checkConfig,
  checkDigest,
  checkTags,
  document,
  type LayerFile,
  layerFile,
  type Loadable,
} from "./loadable.ts";
import { type Descriptor, isIndex, isManifest } from "./media_types.ts";
import { parseDocument, type Source } from "./source.ts";

interface Found {
  descriptor: Descriptor;
  tags: Set<string>;
}

/** Indexes in indexes: nobody nests them deeper. */
const MAX_DEPTH = 4;

/** The images that index.json, whose bytes are given, leads to. Throws CommandError where something is wrong. */
export async function readOciLayout(source: Source, bytes: Uint8Array): Promise<Loadable[]> {
  const found = new Map<string, Found>();
  const top = descriptorsIn(parseDocument(bytes, "index.json"), "index.json");
  for (const descriptor of suitable(top)) {
    await collect(source, descriptor, namesOf(descriptor), found, 0);
  }
  const images: Loadable[] = [];
  for (const one of found.values()) images.push(await readManifest(source, one));
  return images;
}

function descriptorsIn(index: unknown, path: string): Descriptor[] {
  const list = (index as { manifests?: unknown } | null)?.manifests;
  if (!Array.isArray(list)) throw new CommandError(`${path} is no OCI image index`, 1);
  for (const one of list) checkDescriptor(one, path);
  return list;
}

function checkDescriptor(one: Partial<Descriptor> | null | undefined, path: string): Descriptor {
  if (/^sha256:[0-9a-f]{64}$/.test(one?.digest ?? "")) return one as Descriptor;
  throw new CommandError(`${path}: ${JSON.stringify(one?.digest)} is no digest this program can check`, 1);
}

/** Of several with one name those for this machine; all where none is, as the user must know what they do. */
function suitable(list: Descriptor[]): Descriptor[] {
  const names = Map.groupBy(list, (one) => JSON.stringify(namesOf(one)));
  return [...names.values()].flatMap((group) => {
    const fitting = group.filter(({ platform }) =>
      platform === undefined || (platform.os === "linux" && platform.architecture === hostArchitecture())
    );
    return fitting.length > 0 ? fitting : group.filter(({ platform }) => platform?.os !== "unknown");
  });
}

/** Tags among the annotations: a name by itself is of no registry's, and a tag by itself of no repository. */
function namesOf({ annotations }: Descriptor): string[] {
  const full = annotations?.["io.containerd.image.name"];
  if (full !== undefined) return full.includes("@") ? [] : [full];
  const name = annotations?.["org.opencontainers.image.ref.name"] ?? "";
  return /^[^:@]+[:/]/.test(name) && !name.includes("@") ? [name] : [];
}

async function collect(
  source: Source,
  descriptor: Descriptor,
  names: string[],
  found: Map<string, Found>,
  depth: number,
): Promise<void> {
  const known = found.get(descriptor.digest);
  if (known) return checkTags(names).forEach((tag) => known.tags.add(tag));
  if (!isIndex(descriptor)) {
    if (isManifest(descriptor)) found.set(descriptor.digest, { descriptor, tags: new Set(checkTags(names)) });
    return;
  }
  if (depth === MAX_DEPTH) throw new CommandError("index.json: too many indexes one inside the other", 1);
  const [inner] = suitable(descriptorsIn(await readBlob(source, descriptor), blobPath(descriptor)));
  if (inner) await collect(source, inner, names, found, depth + 1);
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/${digest.replace(":", "/")}`;
}

async function readBlob(source: Source, descriptor: Descriptor): Promise<unknown> {
  const path = blobPath(descriptor);
  const bytes = document(source, path);
  await checkDigest(bytes, descriptor.digest, path);
  return parseDocument(bytes, path);
}

async function readManifest(source: Source, { descriptor, tags }: Found): Promise<Loadable> {
  const path = blobPath(descriptor);
  const manifest = await readBlob(source, descriptor) as
    | { config?: Descriptor; layers?: Descriptor[] }
    | null;
  if (!Array.isArray(manifest?.layers)) throw new CommandError(`${path} is no image manifest`, 1);
  const configPath = blobPath(checkDescriptor(manifest.config, path));
  const config = document(source, configPath);
  await checkDigest(config, manifest.config!.digest, configPath);
  const layers: LayerFile[] = manifest.layers.map((one) =>
    layerFile(source, blobPath(checkDescriptor(one, path)))
  );
  const diffIds = checkConfig(config, configPath, layers.length).rootfs.diff_ids;
  return { config, diffIds, layers, tags: [...tags] };
}
