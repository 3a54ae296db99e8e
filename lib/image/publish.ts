// Adds images to the store together with their layers and tags, all or nothing, even if the command is killed
// in the middle. A plan in the staging directory describes the work before it begins; the next command's
// sweep completes what was left undone.

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

/** An image that is to be added. */
export interface NewImage {
  /** The configuration, which is kept byte for byte. */
  config: Uint8Array<ArrayBuffer>;
  /** The references for it: "name:tag" (see checkTag), "name@digest" (see checkStorable). */
  references: string[];
}

/** A complete layer, in a staging directory of its own or in the image's. */
export interface NewLayer {
  layer: Layer;
  staging: Staging;
}

/** The file in the staging directory that lists what belongs together. */
interface Plan {
  /** The layers' present paths under the root directory, and their diff ids. */
  layers: [path: string, diffId: string][];
  /** Their configurations are in the staging directory as HEX.json. */
  images: { hex: string; references: PlannedReference[] }[];
}

interface PlannedReference {
  name: string;
  /** The image (hex digits) that the reference stood for before, if any. */
  before?: string;
}

/** The bytes of a configuration made here. Throws Failure where --change has made it invalid. */
export function configBytes(config: ImageConfig): Uint8Array<ArrayBuffer> {
  const problem = configProblem(config);
  if (problem !== undefined) throw new Failure(`invalid image configuration: ${problem}`);
  return new TextEncoder().encode(JSON.stringify(config));
}

/**
 * Adds layers and images to the store, and gives the images their references, which other images may lose.
 * Existing layers and images stay. The caller has held lockImages("shared") since before it determined which
 * layers are missing, and emits the events. Returns the images' IDs, "sha256:HEX".
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

/** The part of publish that remains where the image (hex digits) exists with all its layers. */
export function referTogether(staging: Staging, hex: string, references: string[]): void {
  begin(staging, { layers: [], images: [{ hex, references: withHolders(references) }] });
}

function withHolders(references: string[]): PlannedReference[] {
  return references.map((name) => ({ name, before: readTag(name) }));
}

function begin(staging: Staging, plan: Plan): void {
  writeFile(rootFd(), `${staging.path}/plan.new`, JSON.stringify(plan));
  staging.published = true;
  // From here on the plan will be carried out.
  file.renameat2(rootFd(), `${staging.path}/plan.new`, rootFd(), `${staging.path}/plan`);
  carryOut(staging.path, plan);
}

function carryOut(path: string, { layers, images }: Plan): void {
  for (const [from, diffId] of layers) moveLayer(from, diffId);
  for (const { hex } of images) moveIfAny(`${path}/${hex}.json`, `images/${hex}.json`);
  const own = images.map(({ hex }) => hex);
  for (const { hex, references } of images) {
    // If this is done late, another image may have got a name meanwhile.
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
 * No other process may be using it. Steps that have become impossible are skipped: a part may have been
 * removed before the sweep.
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
