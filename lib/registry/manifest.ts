// Resolves a tag or a digest in a registry to the manifest of one image.

import {
  type Descriptor,
  INDEX_TYPES,
  isImageManifest,
  type Manifest,
  MANIFEST_TYPES,
  manifestProblem,
} from "../image/descriptor.ts";
import { formatPlatform, mostFitting, type Platform } from "../image/platform.ts";
import { digestOf } from "../base/digest.ts";
import type { Client } from "./client.ts";
import { BadAnswer } from "./failure.ts";

/** The parts of an image. */
export interface ImageManifest {
  config: Descriptor;
  layers: Descriptor[];
}

const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;
const ACCEPT = [...MANIFEST_TYPES, ...INDEX_TYPES, "application/json;q=0.5"].join(", ");
const MAX_SIZE = 4 << 20;
/** Lists may be nested. */
const MAX_DEPTH = 4;

/** An image's manifest, and the digest that its tag stands for: the manifest's own, or that of a list. */
export interface Resolution {
  manifest: ImageManifest;
  digest: string;
}

/**
 * Fetches the manifest that `reference`, a tag or a digest, stands for; from a list, the one for `platform`.
 * `shown` is the image's name in errors. Throws Failure.
 */
export async function resolveManifest(
  client: Client,
  reference: string,
  platform: Platform,
  shown: string,
): Promise<Resolution> {
  const algorithm = /^(\w+):/.exec(reference)?.[1] ?? "sha256";
  if (algorithm !== "sha256") {
    throw new BadAnswer(`${shown}: a digest of ${algorithm} can't be checked, only one of sha256`);
  }
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

function parse(bytes: Uint8Array, shown: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new BadAnswer(`${shown}: the manifest is no JSON`, { cause: error });
  }
  const problem = manifestProblem(value);
  if (problem === undefined) return value as Manifest;
  throw new BadAnswer(`${shown}: the manifest is damaged: ${problem}`);
}

function imageOf(manifest: Manifest, type: string, shown: string): ImageManifest {
  const { config, layers } = manifest;
  if (!config || !layers) {
    throw new BadAnswer(`${shown}: unsupported manifest media type ${JSON.stringify(type)}`);
  }
  if (!isImageManifest(manifest)) {
    throw new BadAnswer(`${shown} is no image: its configuration is ${config.mediaType}`);
  }
  return { config, layers };
}

function choose(entries: Descriptor[], wanted: Platform, shown: string): string {
  const [best] = mostFitting(wanted, entries.filter(({ platform }) => platform));
  if (best) return best.digest;
  const unnamed = entries.filter(({ platform, artifactType }) => !platform && !artifactType);
  if (unnamed.length === 1) return unnamed[0].digest;
  throw new BadAnswer(
    `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries of ${shown}`,
  );
}
