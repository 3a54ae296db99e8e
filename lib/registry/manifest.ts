// Manifests: what an image consists of, and lists of them by platform. OCI image-spec manifest.md and image-index.md,
// docker's "Image Manifest Version 2, Schema 2".

import { fitness, formatPlatform, type Platform } from "../image/platform.ts";
import { fields, list, type Shape, text, word } from "../image/shape.ts";
import { digestOf } from "../layer/digest.ts";
import type { Client } from "./client.ts";
import { BadAnswer } from "./failure.ts";

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
  platform?: Platform | null;
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
      throw new BadAnswer(
        `manifest verification failed for digest ${expected}: what came is ${digest}`,
      );
    }
    top ??= digest;
    const value = parse(bytes, shown);
    const type = value.mediaType ?? headers.get("content-type")?.split(";")[0].trim() ?? "";
    if (SCHEMA_1.test(type) || value.schemaVersion === 1) {
      throw new BadAnswer(
        `${shown} has a manifest of the old schema 1, which is not supported: its owner has to push it again`,
      );
    }
    if (!value.manifests) return { manifest: imageOf(value, type, shown), digest: top };
    wanted = choose(value.manifests, platform, shown);
  }
  throw new BadAnswer(`${shown}: lists of manifests are nested too deeply`);
}

const DESCRIPTOR: Shape = fields(
  { mediaType: text, platform: fields({ os: text, architecture: text, variant: text }) },
  {
    digest: word(/^sha256:[0-9a-f]{64}$/, "a SHA-256 digest"),
    size: (value, path) => isSize(value) ? undefined : `${path} must be a number of bytes`,
  },
);

/** Of an image, or of a list: which of them it is, its fields say. */
const MANIFEST: Shape = fields({
  mediaType: text,
  manifests: list(DESCRIPTOR),
  config: DESCRIPTOR,
  layers: list(DESCRIPTOR),
});

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && value as number >= 0;
}

interface Parsed {
  mediaType?: string | null;
  schemaVersion?: unknown;
  manifests?: Entry[] | null;
  config?: Descriptor | null;
  layers?: Descriptor[] | null;
}

function parse(bytes: Uint8Array, shown: string): Parsed {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new BadAnswer(`${shown}: the manifest is no JSON`, { cause: error });
  }
  const problem = MANIFEST(value, "");
  if (problem === undefined) return value as Parsed;
  throw new BadAnswer(`${shown}: the manifest is damaged: ${problem}`);
}

function imageOf({ config, layers }: Parsed, type: string, shown: string): Manifest {
  if (!config || !layers) {
    throw new BadAnswer(`${shown}: unsupported manifest media type ${JSON.stringify(type)}`);
  }
  if (!CONFIGS.includes(config.mediaType)) {
    throw new BadAnswer(`${shown} is no image: its configuration is ${config.mediaType}`);
  }
  return { config, layers };
}

function choose(entries: Entry[], wanted: Platform, shown: string): string {
  const rated = entries.flatMap(({ digest, platform }) => {
    const rating = platform ? fitness(wanted, platform) : undefined;
    return rating === undefined ? [] : [{ digest, rating }];
  });
  // The order of equals is the list's.
  const best = rated.sort((a, b) => b.rating === a.rating ? 0 : b.rating - a.rating)[0];
  if (best) return best.digest;
  const unnamed = entries.filter(({ platform }) => !platform);
  if (unnamed.length === 1) return unnamed[0].digest;
  throw new BadAnswer(
    `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries of ${shown}`,
  );
}
