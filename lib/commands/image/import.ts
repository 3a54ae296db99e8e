// import: creates an image of one layer from the archive of a root file system.

import * as file from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { openInput } from "../../cli/input_file.ts";
import { print } from "../../base/output.ts";
import { emitImage } from "../../events/emit.ts";
import { applyChanges, CHANGE_FLAG } from "../../image/change.ts";
import type { ImageConfig } from "../../image/config.ts";
import { timestamp } from "../../base/time.ts";
import { parsePlatform } from "../../image/platform.ts";
import { configBytes, publish } from "../../image/publish.ts";
import { checkTag, lockImages } from "../../image/store.ts";
import { chunksOf, decompressed } from "../../layer/decompress.ts";
import { addLayer, type Layer, staged, type Staging } from "../../layer/store.ts";

export const spec: CommandSpec = {
  name: "import",
  usage: "[OPTIONS] FILE|URL|- [REPOSITORY[:TAG]]",
  summary: "Import the contents from a tarball to create a filesystem image",
  aliases: ["image import"],
  flags: [
    CHANGE_FLAG,
    { name: "message", short: "m", kind: "string", help: "Set commit message for imported image" },
    { name: "platform", kind: "string", help: "Platform of the image (e.g., linux/arm64)" },
  ],
  args: [1, 2],
};

const STDIN = 0;

export async function run(parsed: Parsed): Promise<number> {
  const [path, name] = parsed.args;
  const tag = name === undefined || name === "" ? undefined : checkTag(name);
  const process = applyChanges({}, parsed.list("change"));
  const platform = parsePlatform(parsed.text("platform"));
  const comment = parsed.text("message") || `Imported from ${isURL(path) ? path : "-"}`;
  const source = isURL(path) ? await download(path) : chunksOf(openArchive(path), path);
  const id = await staged("import", async (staging) => {
    const layer = await naming(path, () => addLayer(staging, decompressed(source)));
    const created = timestamp();
    const config: ImageConfig = {
      ...platform,
      created,
      config: process,
      rootfs: { type: "layers", diff_ids: [layer.diffId] },
      history: [{ created, comment }],
      comment,
    };
    return await addToStore(staging, layer, config, tag);
  });
  print(`${id}\n`);
  return 0;
}

/** Adds the archive's name to errors about it. */
async function naming<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`${path === "-" ? "stdin" : path}: ${error.message}`, { cause: error });
  }
}

async function addToStore(
  staging: Staging,
  layer: Layer,
  config: ImageConfig,
  tag: string | undefined,
): Promise<string> {
  const lock = lockImages("shared");
  try {
    const image = { config: configBytes(config), references: tag === undefined ? [] : [tag] };
    const [id] = await publish(staging, [{ layer, staging }], [image]);
    if (tag !== undefined) emitImage({ id, labels: config.config.Labels }, "tag", tag);
    emitImage({ id, labels: config.config.Labels }, "import");
    return id;
  } finally {
    file.close(lock);
  }
}

function isURL(path: string): boolean {
  return /^https?:\/\//.test(path);
}

async function download(url: string): Promise<AsyncIterable<Uint8Array>> {
  if (!URL.canParse(url)) throw new Failure(`${url} is no URL`);
  const [{ openURL }, { RegistryError }] = await Promise.all([
    import("../../registry/client.ts"),
    import("../../registry/failure.ts"),
  ]);
  try {
    const { chunks } = await openURL(url);
    print(`Downloading from ${url}\n`);
    return chunks();
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    throw new Failure(`failed to GET ${url} with status ${error.status}`, { cause: error });
  }
}

function openArchive(path: string): number {
  if (path === "-") {
    if (Deno.stdin.isTerminal()) {
      throw new Failure("refusing to read an archive from a terminal; name a file");
    }
    return STDIN;
  }
  const fd = openInput(path);
  if ((file.stat(fd, "").mode & file.S_IFMT) !== file.S_IFDIR) return fd;
  throw new Failure(`${path} is a directory; try: tar -C ${path} -c . | mydocker import - NAME`);
}
