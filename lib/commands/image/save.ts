// save: writes images as an archive that docker, podman, skopeo and umoci can read.

import * as file from "../../../ffi/file.ts";
import { type Progress, type Saved, saveImages } from "../../archive/save.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { checkOutput, writeOutput } from "../../cli/output_file.ts";
import { createProgress } from "../../cli/progress.ts";
import { emitImage } from "../../events/emit.ts";
import { parseReference } from "../../base/reference.ts";
import {
  isDigestReference,
  lockImages,
  readImage,
  type Resolved,
  resolveIfAny,
  tagsByImage,
} from "../../image/store.ts";

export const spec: CommandSpec = {
  name: "save",
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
  aliases: ["image save"],
  flags: [
    {
      name: "output",
      short: "o",
      kind: "string",
      value: "string",
      help: "Write to a file, instead of STDOUT",
    },
  ],
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  const output = parsed.text("output");
  try {
    checkOutput(output);
  } catch (error) {
    if (!(error instanceof Failure) || !output) throw error;
    throw new Failure(`failed to save image: ${error.message}`, { cause: error });
  }
  // The lock is held until the end, so that rmi can't remove a layer meanwhile.
  const lock = lockImages("shared");
  try {
    const images = imagesToSave(parsed.args);
    await writeOutput(output, (sink) => saveImages(images, sink, progress()));
    for (const { hex } of images) {
      emitImage({ id: `sha256:${hex}`, labels: readImage(hex)?.config?.Labels }, "save");
    }
  } finally {
    file.close(lock);
  }
  return 0;
}

/** Progress on stderr, if that is a terminal: docker's save shows none. */
function progress(): Progress {
  if (!Deno.stderr.isTerminal()) return () => {};
  const shown = createProgress("stderr");
  return (layer, written, total) => shown.bar(layer.slice(0, 12), "Saving layer", written, total);
}

/** Each image once, with the tags asked for: a name without a tag means all its tags, an ID none. */
function imagesToSave(names: string[]): Saved[] {
  const images = new Map<string, Set<string>>();
  for (const name of names) {
    for (const { hex, tags } of imagesNamed(name)) {
      const all = images.get(hex) ?? new Set();
      tags.forEach((tag) => all.add(tag));
      images.set(hex, all);
    }
  }
  return [...images].map(([hex, tags]) => ({ hex, tags: [...tags] }));
}

function imagesNamed(text: string): Saved[] {
  const byId = /^(?:sha256:)?[0-9a-f]{64}$/.test(text) || /^sha256:[0-9a-f]+$/.test(text);
  const { name, tag, digest } = byId ? { name: "", tag: undefined, digest: undefined } : parseReference(text);
  if (!byId && tag === undefined && digest === undefined) {
    const all = [...tagsByImage()].map(([hex, tags]) => ({
      hex,
      tags: tags.filter((one) => parseReference(one).name === name),
    }));
    const tagged = all.filter(({ tags }) => tags.length > 0);
    if (tagged.length > 0) return tagged;
  }
  const found = resolveIfAny(text);
  if (found) return [{ hex: found.hex, tags: tagsOf(found) }];
  throw new Failure(tag === undefined ? `No such image: ${text}` : "reference does not exist");
}

/** The tag by which the image was asked for. A digest is of no use where the image is loaded. */
function tagsOf({ reference }: Resolved): string[] {
  return reference === undefined || isDigestReference(reference) ? [] : [reference];
}
