// A container's root: an overlay of its image's layers, mounted detached (overlayfs.rst).

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { mountDetached } from "../../ffi/mount.ts";
import { Failure } from "../base/error.ts";
import { mountByHelper } from "./overlay_helper.ts";
import { kernelAtLeast } from "../base/kernel.ts";
import { rootFd, rootPath } from "../store/root.ts";

/** The kernel's limit (OVL_MAX_STACK); beyond it the errno says nothing useful. */
const MAX_LAYERS = 500;

/** Options that keep the upper directory to whole files and plain whiteouts, which commit reads. */
const PLAIN_UPPER: [string, string][] = [["redirect_dir", "off"], ["metacopy", "off"], ["index", "off"]];

/** The parts of an overlay: its layers' diff ids in hex, bottom first, and the container it is for. */
export interface RootfsSource {
  id: string;
  layers: string[];
}

/**
 * Mounts the root for running a container: writes go to upper/ in its directory. Returns the mount's
 * descriptor.
 */
export function mountRootfs({ id, layers }: RootfsSource): number {
  const home = `containers/${id}`;
  return mountOverlay(layerPaths(layers), { upper: `${home}/upper`, work: `${home}/work` });
}

/**
 * Mounts the root read-only for inspection, whether or not the container runs or ever ran. Nothing is written
 * for it.
 */
export function openRootfs({ id, layers }: RootfsSource): number {
  return mountOverlay([`containers/${id}/upper`, ...layerPaths(layers)], undefined);
}

/** Mounts the container's image without the container's own changes, read-only. */
export function openImageRoot(layers: string[]): number {
  return mountOverlay(layerPaths(layers), undefined);
}

/**
 * Paths of the layers' directories, relative to the root directory, top layer first as overlayfs wants them.
 * overlayfs refuses a directory that occurs twice; of equal layers the topmost is enough, since it hides
 * those below it.
 */
function layerPaths(layers: string[]): string[] {
  const stack = [...new Set(layers.toReversed())];
  if (stack.length > MAX_LAYERS) {
    throw new Failure(`image has ${stack.length} layers; the kernel mounts at most ${MAX_LAYERS}`);
  }
  return stack.map((hex) => `layers/${hex}/diff`);
}

interface Writable {
  upper: string;
  work: string;
}

function mountOverlay(lowers: string[], writable: Writable | undefined): number {
  // overlayfs refuses a single layer.
  const stack = writable || lowers.length > 1 ? lowers : [...lowers, emptyLayer()];
  try {
    return (kernelAtLeast(6, 7) ? mountByDescriptors : mountOnOldKernel)(stack, writable);
  } catch (error) {
    if (isErrno(error, "ENODEV")) {
      throw new Failure("this kernel has no overlayfs; load it with: modprobe overlay", {
        cause: error,
      });
    }
    throw error;
  }
}

/** Mounts by descriptors, whose names are short however long the path of the root directory is. */
function mountByDescriptors(lowers: string[], writable: Writable | undefined): number {
  const opened: number[] = [];
  const name = (path: string) => {
    opened.push(openDirectory(path));
    return `/proc/self/fd/${opened.at(-1)}`;
  };
  try {
    const options: [string, string?][] = [["source", "overlay"]];
    for (const path of lowers) options.push(["lowerdir+", name(path)]);
    if (writable) {
      options.push(["upperdir", name(writable.upper)], ["workdir", name(writable.work)], ...PLAIN_UPPER);
    }
    return mountDetached("overlay", options);
  } finally {
    opened.forEach(file.close);
  }
}

function openDirectory(path: string): number {
  try {
    return file.openat(rootFd(), path, file.O_PATH | file.O_DIRECTORY);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    throw new Failure(`${rootPath()}/${path} is missing; import or load the image again`, {
      cause: error,
    });
  }
}

/** overlay_helper.ts explains why this is so different. */
function mountOnOldKernel(lowers: string[], writable: Writable | undefined): number {
  const absolute = (path: string) => `${rootPath()}/${path}`;
  return mountByHelper(
    lowers.map(absolute),
    writable && { upper: absolute(writable.upper), work: absolute(writable.work) },
    writable ? PLAIN_UPPER.map((option) => option.join("=")) : [],
    absolute("tmp"),
  );
}

/** An empty directory to stack on, so that a lone layer can be mounted read-only. */
function emptyLayer(): string {
  const path = "layers/.empty";
  try {
    file.mkdirat(rootFd(), path, 0o755);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
  return path;
}
