// Layers. layers/HEX/diff is an unpacked layer, layer.json its sizes, and skeleton the rest of its archive.
// HEX is the SHA-256 of the uncompressed archive. A layer never changes once it exists. Commands that make or
// remove images work in a directory of their own under tmp/.

import { step } from "../base/debug.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { writeFile } from "../base/json.ts";
import { type Check, listOf, optional, readRecord, shapeOf, text, whole } from "../base/shape.ts";
import { beginWork, rootFd, temporaryName } from "../store/root.ts";
import { createDigest } from "../base/digest.ts";
import { createRecorder, type Replaced } from "./skeleton.ts";
import { createSpaceGuard } from "./space.ts";
import { createUnpacker } from "./unpack.ts";

/** A directory under tmp/ for the unfinished work of one command. */
export interface Staging {
  /** Relative to the root directory. */
  path: string;
  /** Something in it has been moved to its final place. */
  published: boolean;
}

export interface Layer {
  /** "sha256:HEX" */
  diffId: string;
  /** Sum of the sizes of all files, in bytes. */
  size: number;
}

/** layer.json; a layer of an older mydocker has only its size, and no skeleton. */
export interface LayerRecord {
  /** As in Layer. */
  size: number;
  /** Bytes of the uncompressed archive. */
  archive?: number;
  /** See lib/layer/skeleton.ts. */
  replaced?: Replaced[];
}

const isReplaced: Check = (value) =>
  Array.isArray(value) && value.length === 2 && whole(value[0]) && text(value[1]);

const isLayerRecord = shapeOf<LayerRecord>({
  size: whole,
  archive: optional(whole),
  replaced: optional(listOf(isReplaced)),
});

/**
 * Does `work` with a directory of its own in tmp/, and removes the directory at the end. If the command is
 * killed, the directory tells the next one to sweep, even when everything in it was published, because that
 * may be only a part of what belongs together. If `work` fails after it published something, an empty
 * directory stays behind for the same reason.
 */
export async function staged<T>(kind: string, work: (staging: Staging) => Promise<T>): Promise<T> {
  await beginWork();
  const staging: Staging = { path: temporaryName(kind), published: false };
  file.mkdirat(rootFd(), staging.path, 0o700);
  let done = false;
  try {
    const result = await work(staging);
    done = true;
    return result;
  } finally {
    removeTree(rootFd(), staging.path);
    if (!done && staging.published) file.mkdirat(rootFd(), staging.path, 0o700);
  }
}

/** See beginLayer. */
export interface LayerWriter {
  /** Takes the next bytes of the layer's uncompressed archive. */
  push(chunk: Uint8Array): void;
  /** Completes the layer in the staging directory. */
  end(): Layer;
  /** Must always be called. */
  close(): void;
}

/** Unpacks the archive pushed into it into the staging directory; publish makes it a layer. */
export async function beginLayer(staging: Staging): Promise<LayerWriter> {
  const digest = await createDigest();
  const path = `${staging.path}/layer`;
  file.mkdirat(rootFd(), path, 0o700);
  const layer = file.openat(rootFd(), path, file.O_RDONLY | file.O_DIRECTORY);
  const root = makeDiff(layer);
  const recorder = await createRecorder(layer);
  const unpacker = createUnpacker(root, recorder);
  const written = createSpaceGuard(layer);
  return {
    push(chunk) {
      written(chunk.length);
      digest.update(chunk);
      unpacker.push(chunk);
    },
    end() {
      const size = unpacker.end();
      const record: LayerRecord = { size, ...recorder.end() };
      if (record.replaced?.length === 0) delete record.replaced;
      writeFile(layer, "layer.json", JSON.stringify(record));
      return { diffId: `sha256:${digest.hex()}`, size };
    },
    close() {
      unpacker.close();
      recorder.close();
      file.close(root);
      file.close(layer);
    },
  };
}

/**
 * Makes the directory that a layer is unpacked in. Its owner and mode are set, since a set-group-ID directory
 * would hand down its own.
 */
function makeDiff(layer: number): number {
  file.mkdirat(layer, "diff", 0o755);
  const fd = file.openat(layer, "diff", file.O_RDONLY | file.O_DIRECTORY);
  file.fchown(fd, 0, 0);
  file.fchmod(fd, 0o755);
  return fd;
}

/**
 * Moves the layer that beginLayer completed in the staging directory `path` into layers/. Does nothing if it
 * was moved already, or an equal layer exists. Only lib/image/publish.ts calls it.
 */
export function moveLayer(path: string, diffId: string): void {
  const target = `layers/${diffId.slice("sha256:".length)}`;
  try {
    file.renameat2(rootFd(), `${path}/layer`, rootFd(), target, file.RENAME_NOREPLACE);
  } catch (error) {
    if (!isErrno(error, "EEXIST", "ENOTEMPTY", "ENOENT")) throw error;
  }
}

/**
 * Unpacks the uncompressed archive that `source` yields; publish makes it a layer. Throws as createUnpacker
 * does.
 */
export async function addLayer(
  staging: Staging,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Layer> {
  const writer = await beginLayer(staging);
  try {
    for await (const chunk of source) writer.push(chunk);
    const layer = writer.end();
    step(`layer ${layer.diffId} unpacked`);
    return layer;
  } finally {
    writer.close();
  }
}

/** Sum of the sizes of a layer's files, in bytes; 0 where layer.json is missing or damaged. */
export function layerSize(hex: string): number {
  return readLayer(hex)?.size ?? 0;
}

/** The content of layer.json; undefined where it is missing or damaged. */
export function readLayer(hex: string): LayerRecord | undefined {
  return readRecord<LayerRecord>(rootFd(), `layers/${hex}/layer.json`, isLayerRecord);
}

/** Whether the store has a layer, given by its diff id. It may be removed unless lockImages is held. */
export function hasLayer(diffId: string): boolean {
  return file.statIfAny(rootFd(), `layers/${diffId.slice("sha256:".length)}/layer.json`) !== undefined;
}
