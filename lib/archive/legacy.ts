// Reads archives of docker before 1.10: `repositories` has names, tags and IDs, ID/json an image's
// configuration and its parent's ID, and ID/layer.tar its layer. Present-day configurations and IDs are
// derived from these as docker does.

import { Failure } from "../base/error.ts";
import { COMMAND } from "../image/config.ts";
import { fields, map, text } from "../image/shape.ts";
import { createDigest } from "../base/digest.ts";
import { decompressed } from "../layer/decompress.ts";
import { checkConfig, checkTags, document, type LayerFile, layerFile, type Loadable } from "./loadable.ts";
import { contentOf, parseDocument, type Source } from "./source.ts";

type Repositories = Record<string, Record<string, string>>;

interface Step {
  id: string;
  /** ID/json */
  json: StepConfig;
  layer: LayerFile;
  diffId: string;
}

/** The fields of ID/json that are used here. The others go into the configuration and are checked there. */
interface StepConfig {
  [field: string]: unknown;
  parent?: string | null;
  container_config?: { Cmd?: string[] | string | null } | null;
}

const REPOSITORIES = map(map(text));
const STEP = fields({ parent: text, container_config: fields({ Cmd: COMMAND }) });

/** Fields of ID/json that don't exist in a configuration. */
const DROPPED = ["id", "parent", "Size", "parent_id", "layer_id", "throwaway"];
const MAX_STEPS = 500;

/** The images that `repositories`, given as bytes, lists. Throws Failure where something is wrong. */
export async function readLegacyArchive(source: Source, bytes: Uint8Array): Promise<Loadable[]> {
  const repositories = parseDocument(bytes, "repositories");
  const problem = REPOSITORIES(repositories, "the list of names");
  if (problem !== undefined) {
    throw new Failure(`repositories is not what docker save writes: ${problem}`);
  }
  const known = new Map<string, Step>();
  const images = new Map<string, Loadable>();
  for (const [name, tags] of Object.entries(repositories as Repositories)) {
    for (const [tag, id] of Object.entries(tags)) {
      const image = images.get(id) ?? await readImage(source, id, known);
      image.tags = checkTags([...image.tags, `${name}:${tag}`]);
      images.set(id, image);
    }
  }
  return [...images.values()];
}

async function readImage(source: Source, top: string, known: Map<string, Step>): Promise<Loadable> {
  const steps: Step[] = [];
  for (let id: string | null | undefined = top; id;) {
    if (steps.length >= MAX_STEPS || steps.some((step) => step.id === id)) {
      throw new Failure(`image ${top} in the archive: its parents go round in a circle, or on for ever`);
    }
    const step: Step = known.get(id) ?? await readStep(source, id);
    known.set(id, step);
    steps.unshift(step);
    id = step.json.parent;
  }
  const config = configOf(steps);
  const layers = steps.map(({ layer }) => layer);
  checkConfig(config, `${top}/json`, layers.length);
  return { config, diffIds: steps.map(({ diffId }) => diffId), layers, tags: [] };
}

async function readStep(source: Source, id: string): Promise<Step> {
  const path = `${id}/json`;
  const json = parseDocument(document(source, path), path);
  const problem = STEP(json, "");
  if (problem !== undefined) throw new Failure(`${path} is no image: ${problem}`);
  const layer = layerFile(source, `${id}/layer.tar`);
  return { id, json: json as StepConfig, layer, diffId: await diffIdOf(layer) };
}

async function diffIdOf({ path, place }: LayerFile): Promise<string> {
  if (!place) throw new Failure(`open ${path}: no such file or directory in the archive`);
  const digest = await createDigest();
  for await (const chunk of decompressed(contentOf(place))) digest.update(chunk);
  return `sha256:${digest.hex()}`;
}

/** Encoded as docker does, with sorted fields, so that the image's ID is the same. */
function configOf(steps: Step[]): Uint8Array<ArrayBuffer> {
  const fields: Record<string, unknown> = { ...steps.at(-1)!.json };
  for (const name of DROPPED) delete fields[name];
  fields.rootfs = { type: "layers", diff_ids: steps.map(({ diffId }) => diffId) };
  fields.history = steps.map(({ json }) => historyOf(json));
  const sorted = Object.fromEntries(Object.entries(fields).sort(([a], [b]) => a < b ? -1 : 1));
  return new TextEncoder().encode(JSON.stringify(sorted));
}

function historyOf(json: StepConfig): Record<string, unknown> {
  const Cmd = json.container_config?.Cmd ?? [];
  const createdBy = typeof Cmd === "string" ? Cmd : Cmd.join(" ");
  return {
    created: json.created,
    ...(json.author ? { author: json.author } : {}),
    ...(createdBy ? { created_by: createdBy } : {}),
    ...(json.comment ? { comment: json.comment } : {}),
  };
}
