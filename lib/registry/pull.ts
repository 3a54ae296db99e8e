// Pulls an image from a registry into the store.

import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { shortId } from "../base/human.ts";
import { emitImage } from "../events/emit.ts";
import { asImageConfig, configProblem, type ImageConfig, layersOf } from "../image/config.ts";
import { fitness, formatPlatform, parsePlatform, type Platform } from "../image/platform.ts";
import { formatReference, type Reference } from "../base/reference.ts";
import { type NewImage, type NewLayer, publish, referTogether } from "../image/publish.ts";
import { checkStorable, lockImages, readImage, resolveIfAny } from "../image/store.ts";
import { staged, type Staging } from "../layer/store.ts";
import { fetchBlob } from "./blob.ts";
import { type Client, createClient } from "./client.ts";
import { BadAnswer, RegistryError } from "./failure.ts";
import { fetchLayers, hasLayer, type WantedLayer } from "./layers.ts";
import { endingBySignals } from "./interrupt.ts";
import { type ImageManifest, type Resolution, resolveManifest } from "./manifest.ts";
import { createProgress, type Progress, SILENT } from "../cli/progress.ts";
import { parsePullReference, repositoryOf } from "./repository.ts";

/**
 * Pulls the image that `reference`, with a tag or a digest, stands for. `platform` is the one that was asked
 * for, if any. Returns whether the reference stands for another image than before. Throws Failure, and then
 * has left the store as it was.
 */
export async function pullImage(
  client: Client,
  reference: Reference,
  platform: { wanted: Platform; given: boolean },
  progress: Progress,
): Promise<boolean> {
  const { name, path } = client.repository;
  const shown = formatReference(reference);
  const wanted = reference.digest ?? reference.tag!;
  checkStorable(`${name}@sha256:${"0".repeat(64)}`);
  try {
    const resolution = await resolveManifest(client, wanted, platform.wanted, shown);
    progress.line(`${wanted}: Pulling from ${path}`);
    const before = resolveIfAny(shown)?.hex;
    const config = await endingBySignals((signal) =>
      addToStore(client, resolution, reference, progress, signal)
    );
    const hex = resolution.manifest.config.digest.slice("sha256:".length);
    emitImage({ id: shown, labels: config.config?.Labels }, "pull", name);
    progress.line(`Digest: ${resolution.digest}`);
    if (platform.given && fitness(platform.wanted, config) === undefined) {
      progress.line(
        `WARNING: image with reference ${shown} was found but does not match the specified platform: ` +
          `wanted ${formatPlatform(platform.wanted)}, actual: ${formatPlatform(config)}`,
      );
    }
    return before !== hex;
  } catch (error) {
    throw inDockersWords(error, name, shown);
  }
}

/** The last line of pull. */
export function statusLine(updated: boolean, shown: string): string {
  return `Status: ${updated ? "Downloaded newer image" : "Image is up to date"} for ${shown}`;
}

/** A request to pull an image for a container. */
export interface PullRequest {
  image: string;
  /** Pull it even if it is in the store. */
  always: boolean;
  platform: string | undefined;
  quiet: boolean;
}

/**
 * Pulls an image for `run` and `create` unless the one in the store is good enough. Reports on stderr. Throws
 * Failure.
 */
export async function pullForContainer({ image, always, platform, quiet }: PullRequest): Promise<void> {
  const wanted = parsePlatform(platform);
  const given = platform !== undefined;
  if (!always && isInStore(image, given ? wanted : undefined)) return;
  const reference = parsePullReference(image);
  const shown = formatReference(reference);
  const progress = quiet ? SILENT : createProgress("stderr");
  if (!always) progress.line(`Unable to find image '${shown}' locally`);
  const client = createClient(repositoryOf(reference.name));
  const updated = await pullImage(client, reference, { wanted, given }, progress);
  progress.line(statusLine(updated, shown));
}

function isInStore(image: string, wanted: Platform | undefined): boolean {
  const resolved = resolveIfAny(image);
  if (!resolved || !wanted) return resolved !== undefined;
  const config = readImage(resolved.hex);
  return config !== undefined && fitness(wanted, config) !== undefined;
}

/** docker's messages about missing images say more than those of its registry. */
function inDockersWords(error: unknown, name: string, shown: string): unknown {
  if (!(error instanceof RegistryError)) return error;
  const { message, code } = error;
  const intro = {
    DENIED: `pull access denied for ${name}, repository does not exist or may require 'docker login'`,
    MANIFEST_UNKNOWN: `manifest for ${shown} not found`,
    NAME_UNKNOWN: `repository ${name} not found`,
  }[code];
  return intro === undefined ? error : new Failure(`${intro}: ${message}`, { cause: error });
}

/** Makes sure that the image and its references are in the store. */
async function addToStore(
  client: Client,
  { manifest, digest }: Resolution,
  reference: Reference,
  progress: Progress,
  signal: AbortSignal,
): Promise<ImageConfig> {
  const { name } = client.repository;
  const hex = manifest.config.digest.slice("sha256:".length);
  const references = [`${name}@${digest}`, ...(reference.digest ? [] : [formatReference(reference)])];
  return await staged("pull", async (staging) => {
    const there = withImages(() => {
      const config = readImage(hex);
      if (!config || !config.rootfs.diff_ids.every(hasLayer)) return undefined;
      referTogether(staging, hex, references);
      return config;
    });
    if (there) return there;
    const bytes = await fetchBlob(client, manifest.config, signal);
    const config = checkConfig(bytes, manifest, formatReference(reference));
    const image = { config: bytes, references };
    await fetchAndPublish(client, wantedLayers(config, manifest), image, staging, progress, signal);
    return config;
  });
}

/** Does `work` while nobody removes images or layers. */
function withImages<T>(work: () => T): T {
  const lock = lockImages("shared");
  try {
    return work();
  } finally {
    file.close(lock);
  }
}

function checkConfig(bytes: Uint8Array, manifest: ImageManifest, shown: string): ImageConfig {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new BadAnswer(`${shown}: the image's configuration is no JSON`, { cause: error });
  }
  const problem = configProblem(value);
  if (problem !== undefined) throw new BadAnswer(`${shown}: invalid image configuration: ${problem}`);
  const config = asImageConfig(value);
  if (layersOf(config).length !== manifest.layers.length) {
    throw new BadAnswer(`${shown}: layers from manifest don't match image configuration`);
  }
  if (config.os && config.os !== "linux") {
    throw new BadAnswer(`image operating system "${config.os}" cannot be used on this platform`);
  }
  return config;
}

function wantedLayers(config: ImageConfig, { layers }: ImageManifest): WantedLayer[] {
  const wanted = config.rootfs.diff_ids.map((diffId, index) => ({ diffId, blob: layers[index] }));
  return wanted.filter(({ diffId }, index) => config.rootfs.diff_ids.indexOf(diffId) === index);
}

/**
 * Fetches the missing layers, and publishes them all with the image at once. The lock is not held during the
 * transfer, which may take long; layers that were removed meanwhile are fetched then.
 */
async function fetchAndPublish(
  client: Client,
  wanted: WantedLayer[],
  image: NewImage,
  staging: Staging,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const fetched = new Map<string, NewLayer>();
  const isHere = ({ diffId }: WantedLayer) => fetched.has(diffId) || hasLayer(diffId);
  for (const { blob, diffId } of wanted) {
    progress.status(shortId(blob.digest), hasLayer(diffId) ? "Already exists" : "Pulling fs layer");
  }
  for (;;) {
    const missing = wanted.filter((layer) => !isHere(layer));
    for (const done of await fetchLayers(client, missing, staging, progress, signal)) {
      fetched.set(done.layer.diffId, done);
    }
    const lock = lockImages("shared");
    try {
      if (!wanted.every(isHere)) continue;
      await publish(staging, [...fetched.values()], [image]);
      return;
    } finally {
      file.close(lock);
    }
  }
}
