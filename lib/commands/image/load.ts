// load: loads the images of a docker-archive or OCI image layout.

import { loadImages } from "../../archive/load.ts";
import { openArchive, openSource } from "../../archive/source.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { shortId } from "../../base/human.ts";
import { print } from "../../base/output.ts";
import { createProgress, SILENT } from "../../cli/progress.ts";
import { staged } from "../../layer/store.ts";

export const spec: CommandSpec = {
  name: "load",
  usage: "[OPTIONS]",
  summary: "Load an image from a tar archive or STDIN",
  aliases: ["image load"],
  flags: [
    {
      name: "input",
      short: "i",
      kind: "string",
      value: "string",
      help: "Read from tar archive file, or an OCI image layout's directory, instead of STDIN",
    },
    { name: "quiet", short: "q", kind: "bool", help: "Suppress the load output" },
  ],
  args: [0, 0],
};

export async function run(parsed: Parsed): Promise<number> {
  const path = parsed.text("input") || undefined;
  const fd = openArchive(path);
  const { bar } = parsed.bool("quiet") ? SILENT : createProgress("stdout");
  const progress = (diffId: string, read: number, total: number) =>
    bar(shortId(diffId), "Loading layer", read, total);
  const images = await staged("load", async (staging) => {
    try {
      const source = await openSource(fd, staging);
      return await loadImages(source, staging, progress);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(`can't load ${path ?? "stdin"}: ${error.message}`, { cause: error });
    }
  });
  for (const { taken } of images) {
    for (const [tag, id] of taken) {
      print(`The image ${tag} already exists, renaming the old one with ID ${id} to empty string\n`);
    }
  }
  const tags = images.flatMap((image) => image.tags);
  for (const tag of tags) print(`Loaded image: ${tag}\n`);
  if (tags.length === 0) { for (const { id } of images) print(`Loaded image ID: ${id}\n`); }
  return 0;
}
