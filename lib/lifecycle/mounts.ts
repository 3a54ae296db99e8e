// Opens a container's configured mounts as descriptors of detached mounts.

import * as file from "../../ffi/file.ts";
import {
  bindDetached,
  changeMount,
  MOUNT_ATTR,
  type MountChange,
  MS_PRIVATE,
  MS_SHARED,
  MS_SLAVE,
} from "../../ffi/mount.ts";
import { ETC_FILES } from "./etc_files.ts";
import { resolveMountPoint } from "./mount_points.ts";
import type { Container, Mount, Propagation } from "../model/container.ts";
import type { PreparedMount } from "../keeper/plan.ts";
import { bindSource, newTmpfs, volumeSource } from "./mount_sources.ts";

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
  try {
    for (const name of ETC_FILES) {
      // Before its first start, when cp may look into it, a container does not have these files yet.
      if (targets.has(`/etc/${name}`) || !file.statIfAny(home, name)) continue;
      const fd = bindDetached(home, name);
      note(fd);
      prepared.push({ target: resolveMountPoint(rootfs, `/etc/${name}`, []), isFile: true, fd });
      if (container.config.readOnlyRootfs) changeMount(fd, { set: MOUNT_ATTR.readOnly });
    }
  } finally {
    if (home !== container.dir) file.close(home);
  }
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
