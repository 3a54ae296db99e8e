// Reads docker-archives: manifest.json lists the images, with paths of their configurations and layers.

import { Failure } from "../base/error.ts";
import { fields, list, text } from "../image/shape.ts";
import { checkConfig, checkDigest, checkTags, document, layerFile, type Loadable } from "./loadable.ts";
import { parseDocument, type Source } from "./source.ts";

interface ManifestItem {
  Config: string;
  RepoTags?: string[] | null;
  Layers?: string[] | null;
}

const MANIFEST = list(fields({ RepoTags: list(text), Layers: list(text) }, { Config: text }));

/** The images that manifest.json, given as bytes, lists. Throws Failure where something is wrong. */
export async function readDockerArchive(source: Source, bytes: Uint8Array): Promise<Loadable[]> {
  const manifest = parseDocument(bytes, "manifest.json");
  const problem = MANIFEST(manifest, "the list of images");
  if (problem !== undefined) {
    throw new Failure(`manifest.json is not what docker save writes: ${problem}`);
  }
  const images: Loadable[] = [];
  for (const { Config, RepoTags, Layers } of manifest as ManifestItem[]) {
    const config = document(source, Config);
    const hex = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(Config)?.[1];
    if (hex) await checkDigest(config, `sha256:${hex}`, Config);
    const layers = (Layers ?? []).map((path) => layerFile(source, path));
    const diffIds = checkConfig(config, Config, layers.length).rootfs.diff_ids;
    images.push({ config, diffIds, layers, tags: checkTags(RepoTags ?? []) });
  }
  return images;
}
