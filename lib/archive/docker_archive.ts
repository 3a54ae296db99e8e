// docker-archives: manifest.json says which images there are, with paths to their configurations and layers.

import { CommandError } from "../cli/error.ts";
import { checkConfig, checkDigest, checkTags, document, layerFile, type Loadable } from "./loadable.ts";
import { parseDocument, type Source } from "./source.ts";

interface ManifestItem {
  Config: string;
  RepoTags?: string[] | null;
  Layers?: string[] | null;
}

const isText = (value: unknown): value is string => typeof value === "string";
const isTexts = (value: unknown) => value == null || (Array.isArray(value) && value.every(isText));

function isManifest(value: unknown): value is ManifestItem[] {
  return Array.isArray(value) &&
    value.every((item: Partial<ManifestItem> | null) =>
      isText(item?.Config) && isTexts(item.RepoTags) && isTexts(item.Layers)
    );
}

/** The images that manifest.json, whose bytes are given, tells of. Throws CommandError where something is wrong. */
export async function readDockerArchive(source: Source, bytes: Uint8Array): Promise<Loadable[]> {
  const manifest = parseDocument(bytes, "manifest.json");
  if (!isManifest(manifest)) throw new CommandError("manifest.json is not what docker save writes", 1);
  const images: Loadable[] = [];
  for (const { Config, RepoTags, Layers } of manifest) {
    const config = document(source, Config);
    const hex = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(Config)?.[1];
    if (hex) await checkDigest(config, `sha256:${hex}`, Config);
    const layers = (Layers ?? []).map((path) => layerFile(source, path));
    const diffIds = checkConfig(config, Config, layers.length).rootfs.diff_ids;
    images.push({ config, diffIds, layers, tags: checkTags(RepoTags ?? []) });
  }
  return images;
}
