// An image in an archive of any kind.

import { Failure } from "../base/error.ts";
import { asImageConfig, configProblem, type ImageConfig } from "../image/config.ts";
import { checkTag } from "../image/store.ts";
import { digestOf } from "../base/digest.ts";
import { parseDocument, readDocument, type Source } from "./source.ts";
import type { Place } from "./tar_index.ts";

export interface Loadable {
  /** The configuration, byte for byte. */
  config: Uint8Array<ArrayBuffer>;
  /** "sha256:HEX" of each layer's uncompressed archive, bottom first. */
  diffIds: string[];
  /** The layers' files, in the same order. */
  layers: LayerFile[];
  /** "name:tag" */
  tags: string[];
}

export interface LayerFile {
  path: string;
  /** Undefined if it is missing, which matters only if the layer is not in the store. */
  place: Place | undefined;
  /** "sha256:HEX" of the file as it is, if that is known. */
  digest?: string;
}

/** A layer's archive, plain or compressed. The name of a file in blobs/sha256/ is its digest. */
export function layerFile(source: Source, path: string): LayerFile {
  const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(path)?.[1];
  return { path, place: source.find(path), ...(hex ? { digest: `sha256:${hex}` } : {}) };
}

/** The bytes of a file that must exist. */
export function document(source: Source, path: string): Uint8Array<ArrayBuffer> {
  const bytes = readDocument(source, path);
  if (!bytes) throw new Failure(`open ${path}: no such file or directory in the archive`);
  return bytes;
}

/** Throws Failure unless `bytes` have this digest, "sha256:HEX". */
export async function checkDigest(bytes: Uint8Array<ArrayBuffer>, digest: string, path: string) {
  const found = `sha256:${await digestOf(bytes)}`;
  if (found !== digest) throw wrongDigest(path, digest, found);
}

/** The error for a file whose digest is not the expected one. */
export function wrongDigest(path: string, wanted: string, found: string): Failure {
  return new Failure(`${path} is damaged: its digest is ${found}, not ${wanted}`);
}

/** Throws Failure unless it is the configuration of an image with `layers` layers for Linux. */
export function checkConfig(bytes: Uint8Array, path: string, layers: number): ImageConfig {
  const value = parseDocument(bytes, path);
  const problem = configProblem(value);
  if (problem !== undefined) throw new Failure(`${path} is no image configuration: ${problem}`);
  const config = asImageConfig(value);
  if (config.os && config.os !== "linux") {
    throw new Failure(`cannot load ${config.os} image on linux`);
  }
  const expected = config.rootfs.diff_ids.length;
  if (expected !== layers) {
    throw new Failure(`invalid manifest, layers length mismatch: expected ${layers}, got ${expected}`);
  }
  return config;
}

/** The tags in the store's form, without duplicates. Throws Failure for an invalid one. */
export function checkTags(tags: string[]): string[] {
  return [...new Set(tags.map(checkNamed))];
}

/** Names the invalid tag in the error. */
function checkNamed(tag: string): string {
  try {
    return checkTag(tag);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`invalid tag ${JSON.stringify(tag)}: ${error.message}`, { cause: error });
  }
}
