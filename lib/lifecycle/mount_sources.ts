// Detached mounts of what a container's mounts name: a directory or file of the host, a volume, a new tmpfs.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { cloneMount, MOUNT_ATTR, mountDetached } from "../../ffi/mount.ts";
import { Failure } from "../base/error.ts";
import { mountOf } from "../base/mount_table.ts";
import { openInsideIfAny } from "../layer/inside.ts";
import { openImageRoot } from "../layer/overlay.ts";
import { attributesOf, fileSystemOptions } from "../volume/mount_flags.ts";
import type { Mount, Propagation } from "../model/container.ts";

/** A new tmpfs with the options that the mount has. Throws Failure, as all of these do. */
export function newTmpfs(mount: Mount, layers: string[], rootfs: number): number {
  const data = /(^|,)mode=/.test(mount.data ?? "") ? mount.data! : withMode(mount, layers, rootfs);
  const { flags = 0, readOnly } = mount;
  const options = data.split(",").map((option): [string, string] => {
    const equals = option.indexOf("=");
    return [option.slice(0, equals), option.slice(equals + 1)];
  });
  const all: [string, string?][] = [["source", "tmpfs"], ...fileSystemOptions(flags), ...options];
  try {
    return mountDetached("tmpfs", all, attributesOf(flags) | (readOnly ? MOUNT_ATTR.readOnly : 0));
  } catch (error) {
    throw new Failure(`can't mount a tmpfs on ${mount.target}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * A tmpfs has the mode of the image's directory that it covers, or docker's default: also where there is a
 * directory by now, which may have been made to mount it the last time.
 */
function withMode(mount: Mount, layers: string[], rootfs: number): string {
  const covers = modeInside(rootfs, mount.target) !== undefined;
  const mode = (covers ? modeOfImage(layers, mount.target) : undefined) ?? 0o1777;
  return [mount.data, `mode=${mode.toString(8)}`].filter(Boolean).join(",");
}

function modeOfImage(layers: string[], path: string): number | undefined {
  const image = openImageRoot(layers);
  try {
    return modeInside(image, path);
  } finally {
    file.close(image);
  }
}

function modeInside(root: number, path: string): number | undefined {
  const fd = openInsideIfAny(root, path, file.O_PATH | file.O_DIRECTORY);
  if (fd === undefined) return undefined;
  try {
    return file.stat(fd, "").mode & 0o7777;
  } finally {
    file.close(fd);
  }
}

/** A clone of what is at a path of the host. */
export function bindSource({ source: path, nonRecursive, propagation }: Mount): number {
  let source: number | undefined;
  try {
    source = file.openat(file.AT_FDCWD, path, file.O_PATH);
    if (propagation && !propagation.endsWith("private")) checkPropagates(source, path, propagation);
    return cloneMount(source, "", !nonRecursive);
  } catch (error) {
    if (error instanceof Failure) throw error;
    if (isErrno(error, "ENOENT")) {
      throw new Failure(`invalid mount config for type "bind": bind source path does not exist: ${path}`);
    }
    throw new Failure(`can't mount ${path}: ${(error as Error).message}`, { cause: error });
  } finally {
    if (source !== undefined) file.close(source);
  }
}

/** Mounts on the host propagate only if the mount they happen in does. */
function checkPropagates(source: number, path: string, propagation: Propagation): void {
  const mount = mountOf(source);
  const has = (kind: string) => mount?.propagation.includes(`${kind}:`);
  if (has("shared")) return;
  const wanted = propagation.endsWith("shared") ? "a shared mount" : "a shared or slave mount";
  if (wanted !== "a shared mount" && has("master")) return;
  throw new Failure(`path ${path} is mounted on ${mount?.point ?? "nothing"} but it is not ${wanted}`);
}

/** A clone of a volume's directory, or of what the volume's options mount. */
export async function volumeSource(name: string): Promise<number> {
  const { mountVolume } = await import("../volume/store.ts");
  return await mountVolume(name);
}
