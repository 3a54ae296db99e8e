// From a container's configured mounts to descriptors of detached ones.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { bindDetached } from "../../ffi/mount.ts";
import { CommandError } from "../cli/error.ts";
import { openInsideIfAny } from "../layer/inside.ts";
import type { Mount } from "./config.ts";
import type { Container } from "./find.ts";
import type { PreparedMount } from "../keeper/init_program.ts";

/** /etc/hostname and its like, which every container has of its own, over the image's. */
const ETC_FILES = ["hostname", "hosts", "resolv.conf"];

/** Detached mounts for all the container's mounts, parents before what lies in them. */
export async function openMounts(container: Container, rootfs: number): Promise<PreparedMount[]> {
  const prepared: PreparedMount[] = [];
  const targets = new Set(container.config.mounts.map(({ target }) => target));
  const home = await etcDirectory(container);
  for (const name of ETC_FILES) {
    if (targets.has(`/etc/${name}`)) continue;
    const fd = bindDetached(home, name);
    prepared.push({ target: `/etc/${name}`, readOnly: false, flags: 0, isFile: true, source: { fd } });
  }
  if (home !== container.dir) file.close(home);
  for (const mount of container.config.mounts) prepared.push(await prepareMount(mount, rootfs));
  return prepared;
}

/** Where those files are: with the other one, of a container that shares another's network. */
async function etcDirectory({ dir, config: { network } }: Container): Promise<number> {
  if (!network.startsWith("container:")) return dir;
  const { sharedContainer } = await import("../network/shared.ts");
  return sharedContainer(network).dir;
}

async function prepareMount(mount: Mount, rootfs: number): Promise<PreparedMount> {
  const { target, readOnly } = mount;
  if (mount.type === "tmpfs") {
    const data = /(^|,)mode=/.test(mount.data ?? "") ? mount.data! : withMode(mount, rootfs);
    return { target, readOnly, flags: mount.flags ?? 0, isFile: false, source: { tmpfs: data } };
  }
  const fd = mount.type === "bind" ? bindSource(mount) : await volumeSource(mount, rootfs);
  const isFile = (file.stat(fd, "").mode & file.S_IFMT) !== file.S_IFDIR;
  return { target, readOnly, flags: file.mountFlags(fd), isFile, source: { fd } };
}

/** A tmpfs has the mode of the directory it covers, or docker's default where it covers none. */
function withMode(mount: Mount, rootfs: number): string {
  const fd = openInsideIfAny(rootfs, mount.target, file.O_PATH | file.O_DIRECTORY);
  const mode = fd === undefined ? 0o1777 : file.stat(fd, "").mode & 0o7777;
  if (fd !== undefined) file.close(fd);
  return [mount.data, `mode=${mode.toString(8)}`].filter(Boolean).join(",");
}

function bindSource({ source: path, nonRecursive }: Mount): number {
  try {
    return bindDetached(file.AT_FDCWD, path, !nonRecursive);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) {
      if (isErrno(error)) throw error;
      throw new CommandError(`can't mount ${path}: ${(error as Error).message}`, 125, { cause: error });
    }
  }
  throw new CommandError(`bind source path does not exist: ${path}`);
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
    return bindDetached(volume, "");
  } finally {
    file.close(volume);
  }
}
