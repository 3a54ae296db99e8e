// From a container's configured mounts to descriptors of detached ones.

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
import { CommandError } from "../cli/error.ts";
import { mountOf } from "../host/mount_table.ts";
import { openInsideIfAny } from "../layer/inside.ts";
import type { Mount, Propagation } from "./config.ts";
import { ETC_FILES } from "./etc_files.ts";
import type { Container } from "./find.ts";
import type { PreparedMount } from "../keeper/init_program.ts";

/**
 * Detached mounts for all the container's mounts, with all their attributes, parents before what lies in them. For a
 * look at a container that does not run (`aside`) there is no tmpfs, and nothing propagates.
 */
export async function openMounts(
  container: Container,
  rootfs: number,
  aside: "aside" | undefined = undefined,
): Promise<PreparedMount[]> {
  const prepared: PreparedMount[] = [];
  const mounts = container.config.mounts.filter(({ type }) => !aside || type !== "tmpfs");
  const targets = new Set(mounts.map(({ target }) => target));
  const home = await etcDirectory(container);
  const readOnly = container.config.readOnlyRootfs;
  for (const name of ETC_FILES) {
    // Before its first start, when cp looks into it, a container has none yet.
    if (targets.has(`/etc/${name}`) || !file.statIfAny(home, name)) continue;
    const fd = bindDetached(home, name);
    prepared.push({ target: `/etc/${name}`, isFile: true, fd });
    if (readOnly) changeMount(fd, { set: MOUNT_ATTR.readOnly });
  }
  if (home !== container.dir) file.close(home);
  for (const mount of mounts) {
    prepared.push(await prepareMount(aside ? { ...mount, propagation: undefined } : mount, rootfs));
  }
  // Whatever is attached below a shared mount becomes one (mount_namespaces(7)).
  if (!aside && mounts.some(({ propagation }) => propagation?.endsWith("shared"))) {
    mounts.forEach(({ propagation }, n) => prepared.at(n - mounts.length)!.attached = changes(propagation));
  }
  return prepared;
}

/** Where those files are: with the other one, of a container that shares another's network. */
async function etcDirectory({ dir, config: { network } }: Container): Promise<number> {
  if (!network.startsWith("container:")) return dir;
  const { sharedContainer } = await import("../network/shared.ts");
  return sharedContainer(network).dir;
}

async function prepareMount(mount: Mount, rootfs: number): Promise<PreparedMount> {
  const { type, target, readOnly } = mount;
  if (type === "tmpfs") return { target, isFile: false, fd: newTmpfs(mount, rootfs) };
  const fd = type === "bind" ? bindSource(mount) : await volumeSource(mount, rootfs);
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

/** What makes a clone propagate as asked for: it still does as the mount it was cloned from. */
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

/** MS_ flags of a tmpfs that are attributes of its mount, and those that are the file system's. */
const TMPFS_ATTRIBUTES: [flag: number, attribute: number][] = [
  [2, MOUNT_ATTR.noSuid],
  [4, MOUNT_ATTR.noDev],
  [8, MOUNT_ATTR.noExec],
  [1024, MOUNT_ATTR.noAtime],
  [2048, MOUNT_ATTR.noDirAtime],
  [1 << 24, MOUNT_ATTR.strictAtime],
];
const TMPFS_FLAGS: [flag: number, name: string][] = [[16, "sync"], [128, "dirsync"]];

function newTmpfs(mount: Mount, rootfs: number): number {
  const data = /(^|,)mode=/.test(mount.data ?? "") ? mount.data! : withMode(mount, rootfs);
  const { flags = 0, readOnly } = mount;
  const options: [string, string?][] = [["source", "tmpfs"]];
  for (const [flag, name] of TMPFS_FLAGS) if (flags & flag) options.push([name]);
  for (const option of data.split(",")) {
    const equals = option.indexOf("=");
    options.push([option.slice(0, equals), option.slice(equals + 1)]);
  }
  const attributes = TMPFS_ATTRIBUTES.filter(([flag]) => flags & flag);
  try {
    return mountDetached(
      "tmpfs",
      options,
      attributes.reduce((all, [, attribute]) => all | attribute, readOnly ? MOUNT_ATTR.readOnly : 0),
    );
  } catch (error) {
    throw new CommandError(`can't mount a tmpfs on ${mount.target}: ${(error as Error).message}`, 125, {
      cause: error,
    });
  }
}

/** A tmpfs has the mode of the directory it covers, or docker's default where it covers none. */
function withMode(mount: Mount, rootfs: number): string {
  const fd = openInsideIfAny(rootfs, mount.target, file.O_PATH | file.O_DIRECTORY);
  const mode = fd === undefined ? 0o1777 : file.stat(fd, "").mode & 0o7777;
  if (fd !== undefined) file.close(fd);
  return [mount.data, `mode=${mode.toString(8)}`].filter(Boolean).join(",");
}

function bindSource({ source: path, nonRecursive, propagation }: Mount): number {
  let source: number | undefined;
  try {
    source = file.openat(file.AT_FDCWD, path, file.O_PATH);
    if (propagation && !propagation.endsWith("private")) checkPropagates(source, path, propagation);
    return cloneMount(source, "", !nonRecursive);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (isErrno(error, "ENOENT")) throw new CommandError(`bind source path does not exist: ${path}`);
    throw new CommandError(`can't mount ${path}: ${(error as Error).message}`, 125, { cause: error });
  } finally {
    if (source !== undefined) file.close(source);
  }
}

/** What is mounted on the host shows only where the mount it happens in tells. */
function checkPropagates(source: number, path: string, propagation: Propagation): void {
  const mount = mountOf(source);
  const has = (kind: string) => mount?.propagation.includes(`${kind}:`);
  if (has("shared")) return;
  const wanted = propagation.endsWith("shared") ? "a shared mount" : "a shared or slave mount";
  if (wanted !== "a shared mount" && has("master")) return;
  throw new CommandError(`path ${path} is mounted on ${mount?.point ?? "nothing"} but it is not ${wanted}`);
}

/** The volume's content; on first use what the image has at the mount point is copied in. */
async function volumeSource(mount: Mount, rootfs: number): Promise<number> {
  const { openVolume } = await import("../volume/store.ts");
  const volume = await openVolume(mount.source);
  try {
    const image = mount.noCopy
      ? undefined
      : openInsideIfAny(rootfs, mount.target, file.O_PATH | file.O_DIRECTORY);
    if (image !== undefined) {
      const { populate } = await import("../volume/populate.ts");
      await populate(mount.source, image);
      file.close(image);
    }
    return cloneMount(volume, "", true);
  } finally {
    file.close(volume);
  }
}
