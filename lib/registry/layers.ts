// Fetches an image's layers, three at a time, and unpacks them while they arrive.

import * as file from "../../ffi/file.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { shortId } from "../base/human.ts";
import { Failure } from "../base/error.ts";
import { decompressed } from "../layer/decompress.ts";
import type { NewLayer } from "../image/publish.ts";
import { addLayer, type Layer, type Staging } from "../layer/store.ts";
import { rootFd } from "../store/root.ts";
import { readBlob, WrongDigest } from "./blob.ts";
import type { Client } from "./client.ts";
import type { Descriptor } from "../image/descriptor.ts";
import type { Progress } from "../cli/progress.ts";

/** docker's default for max-concurrent-downloads. */
const AT_ONCE = 3;

export interface WantedLayer {
  blob: Descriptor;
  /** "sha256:HEX" of its uncompressed content. */
  diffId: string;
}

/** Whether the layer `diffId` is in the store. */
export function hasLayer(diffId: string): boolean {
  return file.statIfAny(rootFd(), `layers/${diffId.slice("sha256:".length)}`) !== undefined;
}

/**
 * Fetches and unpacks layers, each into its own part of the staging directory. When one fails or `signal` is
 * aborted, all end and the error is thrown; then nothing writes there any more.
 */
export async function fetchLayers(
  client: Client,
  wanted: WantedLayer[],
  staging: Staging,
  progress: Progress,
  signal: AbortSignal,
): Promise<NewLayer[]> {
  const fetched: NewLayer[] = [];
  const failures: unknown[] = [];
  const abort = new AbortController();
  const all = AbortSignal.any([signal, abort.signal]);
  const waiting = [...wanted];
  const worker = async () => {
    for (let next; (next = waiting.shift()) && !all.aborted;) {
      try {
        fetched.push(await fetchLayer(client, next, staging, progress, all));
      } catch (error) {
        failures.push(error);
        abort.abort(error);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (failures.length > 0) throw failures[0];
  signal.throwIfAborted();
  return fetched;
}

/** Data that were joined from several answers and are wrong may be right the second time. */
async function fetchLayer(
  client: Client,
  wanted: WantedLayer,
  staging: Staging,
  progress: Progress,
  signal: AbortSignal,
): Promise<NewLayer> {
  const part = { path: `${staging.path}/${wanted.diffId.slice("sha256:".length)}`, published: false };
  for (let again = false;; again = true) {
    file.mkdirat(rootFd(), part.path, 0o700);
    try {
      return { layer: await unpackLayer(client, wanted, part, progress, signal), staging: part };
    } catch (error) {
      removeTree(rootFd(), part.path);
      if (again || !(error instanceof WrongDigest) || !error.resumed) throw error;
    }
  }
}

async function unpackLayer(
  client: Client,
  { blob, diffId }: WantedLayer,
  staging: Staging,
  progress: Progress,
  signal: AbortSignal,
): Promise<Layer> {
  const id = shortId(blob.digest);
  const arriving = readBlob(client, blob, {
    received: (bytes) => progress.bar(id, "Extracting", bytes, blob.size),
    retrying: (seconds) => progress.status(id, `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`),
  }, signal);
  let failure: unknown;
  /**
   * Remembers an error of the source. The decompressor may be the first to fail on wrong bytes, before the
   * digest is checked.
   */
  const remembering = async function* () {
    try {
      yield* arriving;
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  const bytes = remembering();
  let layer: Layer;
  try {
    layer = await addLayer(staging, decompressed(bytes));
  } catch (error) {
    // Data that can't be unpacked are often damaged. Only the rest of them tells, by the digest.
    for await (const _ of bytes);
    if (failure) throw failure;
    if (!(error instanceof Failure) || error instanceof WrongDigest || signal.aborted) throw error;
    throw new Failure(`failed to register layer ${id}: ${error.message}`, { cause: error });
  }
  if (layer.diffId !== diffId) {
    throw new Failure(
      `failed to register layer ${id}: its contents are ${layer.diffId}, the image's configuration says ${diffId}`,
    );
  }
  progress.status(id, "Pull complete");
  return layer;
}
