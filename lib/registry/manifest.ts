// Manifests: what an image consists of, and lists of them by platform. OCI image-spec manifest.md and image-index.md,
// docker's "Image Manifest Version 2, Schema 2".

import { CommandError } from "../cli/error.ts";
import { fitness, formatPlatform, type Platform } from "../image/platform.ts";
import { digestOf } from "../layer/digest.ts";
import type { Client } from "./client.ts";

/** Something in a registry, by its contents. */
export interface Descriptor {
  mediaType: string;
  /** "sha256:HEX" */
  digest: string;
  /** Bytes. */
  size: number;
}

export interface Manifest {
  config: Descriptor;
  layers: Descriptor[];
}

interface Entry extends Descriptor {
  platform?: Platform;
}

const MANIFESTS = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const LISTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;
const CONFIGS = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
  "application/octet-stream", // what early docker called it
];
const ACCEPT = [...MANIFESTS, ...LISTS, "application/json;q=0.5"].join(", ");
const MAX_SIZE = 4 << 20;
/** A list may be in a list. */
const MAX_DEPTH = 4;

/** An image's manifest, and the digest of what its tag stands for: that, or a list of several. */
export interface Resolution {
  manifest: Manifest;
  digest: string;
}

/**
 * The manifest that `reference`, a tag or a digest, stands for; of a list the one for `platform`. `shown` is the image's
 * name in errors. Throws CommandError.
 */
export async function resolveManifest(
  client: Client,
  reference: string,
  platform: Platform,
  shown: string,
): Promise<Resolution> {
  let [wanted, top] = [reference, undefined as string | undefined];
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const { bytes, headers } = await client.fetch(`manifests/${wanted}`, ACCEPT, MAX_SIZE);
    const digest = `sha256:${await digestOf(bytes)}`;
    const expected = wanted.includes(":") ? wanted : headers.get("docker-content-digest") ?? digest;
    if (expected.startsWith("sha256:") && expected !== digest) {
      throw new CommandError(
        `manifest verification failed for digest ${expected}: what came is ${digest}`,
        1,
      );
    }
    top ??= digest;
    const value = parse(bytes, shown);
    const type = value.mediaType ?? headers.get("content-type")?.split(";")[0].trim() ?? "";
    if (SCHEMA_1.test(type) || value.schemaVersion === 1) {
      throw new CommandError(
        `${shown} has a manifest of the old schema 1, which is not supported: its owner has to push it again`,
        1,
      );
    }
    if (!Array.isArray(value.manifests)) return { manifest: checkManifest(value, type, shown), digest: top };
    wanted = choose(value.manifests.map((entry) => checkDescriptor(entry, shown)), platform, shown);
  }
  throw new CommandError(`${shown}: lists of manifests are nested too deeply`, 1);
}

type Parsed = {
  mediaType?: string;
  schemaVersion?: number;
  manifests?: unknown[];
  config?: unknown;
  layers?: unknown;
};

function parse(bytes: Uint8Array, shown: string): Parsed {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes));
    if (typeof value === "object" && value !== null) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw new CommandError(`${shown}: the manifest is no JSON`, 1);
}

function checkManifest({ config, layers }: Parsed, type: string, shown: string): Manifest {
  if (!config || !Array.isArray(layers)) {
    throw new CommandError(`${shown}: unsupported manifest media type ${JSON.stringify(type)}`, 1);
  }
  const checked = checkDescriptor(config, shown);
  if (!CONFIGS.includes(checked.mediaType)) {
    throw new CommandError(`${shown} is no image: its configuration is ${checked.mediaType}`, 1);
  }
  return { config: checked, layers: layers.map((layer) => checkDescriptor(layer, shown)) };
}

function checkDescriptor(value: unknown, shown: string): Entry {
  const { mediaType, digest, size, platform } = (value ?? {}) as Partial<Entry>;
  if (typeof digest !== "string" || !/^sha256:[0-9a-f]{64}$/.test(digest)) {
    throw new CommandError(`${shown}: the manifest has a digest that is none: ${JSON.stringify(digest)}`, 1);
  }
  if (!Number.isSafeInteger(size) || size! < 0) {
    throw new CommandError(`${shown}: the manifest has no size of ${digest}`, 1);
  }
  return { mediaType: String(mediaType), digest, size: size!, platform };
}

function choose(entries: Entry[], wanted: Platform, shown: string): string {
  const rated = entries.flatMap(({ digest, platform }) => {
    const rating = platform && fitness(wanted, platform);
    return rating === undefined ? [] : [{ digest, rating }];
  });
  // The order of equals is the list's.
  const best = rated.sort((a, b) => b.rating === a.rating ? 0 : b.rating - a.rating)[0];
  if (best) return best.digest;
  const unnamed = entries.filter(({ platform }) => !platform);
  if (unnamed.length === 1) return unnamed[0].digest;
  throw new CommandError(
    `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries of ${shown}`,
    1,
  );
}
