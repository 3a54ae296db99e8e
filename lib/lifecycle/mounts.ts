// Opens a container's configured mounts as descriptors of detached mounts.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import {
  bindDetached,
  changeMount,
  cloneMount,
  MOUNT_ATTR,
  type MountChange,
  mountDetached,
  MS_PRIVATE,
  MS_SHARED,
  MS_SLAVE,
} from "../../ffi/mount.ts";
import { Failure } from "../base/error.ts";
import { mountOf } from "../base/mount_table.ts";
import { openInsideIfAny } from "../layer/inside.ts";
import { openImageRoot } from "../layer/overlay.ts";
import { attributesOf, fileSystemOptions } from "../volume/mount_flags.ts";
import { ETC_FILES } from "./etc_files.ts";
import { resolveMountPoint } from "./mount_points.ts";
import type { Container, Mount, Propagation } from "../model/container.ts";
import type { PreparedMount } from "../keeper/plan.ts";

/**
 * Detached mounts for all the container's mounts, with their attributes, parents before children. For
 * inspecting a stopped container (`aside`), there is no tmpfs, and nothing propagates.
 */
export async function openMounts(
  container: Container,
  rootfs: number,
  aside: "aside" | undefined = undefined,
): Promise<PreparedMount[]> {
  const opened: number[] = [];
  try {
    return await openAll(container, rootfs, aside, (fd) => opened.push(fd));
  } catch (error) {
    // The command may go on with other containers.
    for (const fd of opened) file.close(fd);
    throw error;
  }
}

async function openAll(
  container: Container,
  rootfs: number,
  aside: "aside" | undefined,
  note: (fd: number) => void,
): Promise<PreparedMount[]> {
  const prepared: PreparedMount[] = [];
  const mounts = container.config.mounts.filter(({ type }) => !aside || type !== "tmpfs");
  const targets = new Set(mounts.map(({ target }) => target));
  const home = await etcDirectory(container);
  const readOnly = container.config.readOnlyRootfs;
  for (const name of ETC_FILES) {
    // Before its first start, when cp may look into it, a container does not have these files yet.
    if (targets.has(`/etc/${name}`) || !file.statIfAny(home, name)) continue;
    const fd = bindDetached(home, name);
    note(fd);
    prepared.push({ target: resolveMountPoint(rootfs, `/etc/${name}`, []), isFile: true, fd });
    if (readOnly) changeMount(fd, { set: MOUNT_ATTR.readOnly });
  }
  if (home !== container.dir) file.close(home);
  for (const mount of mounts) {
    const one = await prepareMount(aside ? { ...mount, propagation: undefined } : mount, container, rootfs);
    note(one.fd);
    one.target = resolveMountPoint(rootfs, mount.target, prepared);
    prepared.push(one);
  }
  // What is attached below a shared mount becomes shared (mount_namespaces(7)).
  if (!aside && mounts.some(({ propagation }) => propagation?.endsWith("shared"))) {
    mounts.forEach(({ propagation }, n) => prepared.at(n - mounts.length)!.attached = changes(propagation));
  }
  return prepared;
}

/** The directory of these files: the other container's, if the network is another's. */
async function etcDirectory({ dir, config: { network } }: Container): Promise<number> {
  if (!network.startsWith("container:")) return dir;
  const { sharedContainer } = await import("../network/shared.ts");
  return sharedContainer(network).dir;
}

async function prepareMount(mount: Mount, { config }: Container, rootfs: number): Promise<PreparedMount> {
  const { type, target, readOnly } = mount;
  if (type === "tmpfs") return { target, isFile: false, fd: newTmpfs(mount, config.layers, rootfs) };
  const fd = type === "bind" ? bindSource(mount) : await volumeSource(mount.source);
  try {
    for (const change of changes(mount.propagation)) changeMount(fd, change);
    if (readOnly) changeMount(fd, { set: MOUNT_ATTR.readOnly, recursive: !mount.writableBelow });
    const isFile = (file.stat(fd, "").mode & file.S_IFMT) !== file.S_IFDIR;
    return { target, isFile, fd };
  } catch (error) {
    file.close(fd);
    throw error;
  }
}

/**
 * The changes that give a clone the wanted propagation; without them it propagates like the mount it was
 * cloned from.
 */
function changes(propagation: Propagation = "rprivate"): MountChange[] {
  switch (propagation) {
    case "rprivate":
      return [{ propagation: MS_PRIVATE, recursive: true }];
    case "private": // as docker's: it alone
      return [{ propagation: MS_SLAVE, recursive: true }, { propagation: MS_PRIVATE }];
    case "rslave":
    case "slave":
      return [{ propagation: MS_SLAVE, recursive: true }];
    case "rshared":
      return [{ propagation: MS_SHARED, recursive: true }];
    case "shared":
      return [{ propagation: MS_SHARED }];
  }
}

function newTmpfs(mount: Mount, layers: string[], rootfs: number): number {
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

function bindSource({ source: path, nonRecursive, propagation }: Mount): number {
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

async function volumeSource(name: string): Promise<number> {
  const { mountVolume } = await import("../volume/store.ts");
  return await mountVolume(name);
}
