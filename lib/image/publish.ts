// How images get into the store with their layers and tags: all that belongs together, also if the command is
// killed in the middle of it. What is to be done is written down in its staging directory before any of it
// is; what was left undone, the next command's sweep completes.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { step } from "../base/debug.ts";
import { Failure } from "../base/error.ts";
import { digestOf } from "../base/digest.ts";
import { hasLayer, type Layer, moveLayer, type Staging } from "../layer/store.ts";
import { readJson, replaceFile, writeFile } from "../base/json.ts";
import { rootFd } from "../store/root.ts";
import { configProblem, type ImageConfig } from "./config.ts";
import { imageExists, readTag, refer } from "./store.ts";

/** An image to be. */
export interface NewImage {
  /** The configuration, which is kept byte for byte. */
  config: Uint8Array<ArrayBuffer>;
  /** What is to stand for it: "name:tag" (see checkTag), "name@digest" (see checkStorable). */
  references: string[];
}

/** A layer that is complete, in a staging directory of its own or in the image's. */
export interface NewLayer {
  layer: Layer;
  staging: Staging;
}

/** The file in the staging directory that says what belongs together. */
interface Plan {
  /** Where under the root directory a layer is now, and its diff id. */
  layers: [path: string, diffId: string][];
  /** Their configurations are in the staging directory as HEX.json. */
  images: { hex: string; references: PlannedReference[] }[];
}

interface PlannedReference {
  name: string;
  /** The image (hex digits) that it stood for before, if it did. */
  before?: string;
}

/**
 * The bytes of a configuration made here. Throws Failure where --change has put in what none can have.
 */
export function configBytes(config: ImageConfig): Uint8Array<ArrayBuffer> {
  const problem = configProblem(config);
  if (problem !== undefined) throw new Failure(`invalid image configuration: ${problem}`);
  return new TextEncoder().encode(JSON.stringify(config));
}

/**
 * Puts layers and images into the store, and gives the images their references, which others may lose by it;
 * what is there already stays. Hold lockImages("shared") since before it was found out which layers are
 * missing. Returns the images' IDs, "sha256:HEX". Events are for the caller.
 */
export async function publish(staging: Staging, layers: NewLayer[], images: NewImage[]): Promise<string[]> {
  const plan: Plan = { layers: layers.map((one) => [one.staging.path, one.layer.diffId]), images: [] };
  for (const { config, references } of images) {
    const hex = await digestOf(config);
    replaceFile(rootFd(), `${staging.path}/${hex}.json`, config);
    plan.images.push({ hex, references: withHolders(references) });
  }
  begin(staging, plan);
  for (const { hex } of plan.images) step(`image sha256:${hex} in the store`);
  return plan.images.map(({ hex }) => `sha256:${hex}`);
}

/** The part of publish that is left where the image (hex digits) is there with all its layers. */
export function referTogether(staging: Staging, hex: string, references: string[]): void {
  begin(staging, { layers: [], images: [{ hex, references: withHolders(references) }] });
}

function withHolders(references: string[]): PlannedReference[] {
  return references.map((name) => ({ name, before: readTag(name) }));
}

function begin(staging: Staging, plan: Plan): void {
  writeFile(rootFd(), `${staging.path}/plan.new`, JSON.stringify(plan));
  staging.published = true;
  // From here on it is going to happen.
  file.renameat2(rootFd(), `${staging.path}/plan.new`, rootFd(), `${staging.path}/plan`);
  carryOut(staging.path, plan);
}

function carryOut(path: string, { layers, images }: Plan): void {
  for (const [from, diffId] of layers) moveLayer(from, diffId);
  for (const { hex } of images) moveIfAny(`${path}/${hex}.json`, `images/${hex}.json`);
  const own = images.map(({ hex }) => hex);
  for (const { hex, references } of images) {
    // Another may have got a name since, where this is done late.
    const free = references.filter(({ name, before }) => [before, ...own].includes(readTag(name)));
    refer(hex, free.map(({ name }) => name));
  }
  file.unlinkat(rootFd(), `${path}/plan`);
}

function moveIfAny(from: string, to: string): void {
  try {
    file.renameat2(rootFd(), from, rootFd(), to);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}

/**
 * Completes what a killed command was about to do in its staging directory, `path` under the root directory.
 * Nobody else may be at work. What has become impossible is left out: somebody may have removed a part before
 * the sweep.
 */
export function completePublishing(path: string): void {
  const plan = readJson<Plan>(rootFd(), `${path}/plan`);
  if (!plan) return;
  for (const [from, diffId] of plan.layers) moveLayer(from, diffId);
  const isPossible = (hex: string) => {
    const config = readJson<ImageConfig>(rootFd(), `${path}/${hex}.json`);
    return config ? config.rootfs.diff_ids.every(hasLayer) : imageExists(hex);
  };
  carryOut(path, { layers: [], images: plan.images.filter(({ hex }) => isPossible(hex)) });
}
