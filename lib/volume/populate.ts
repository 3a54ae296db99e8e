// Fills an empty volume with the image's content at its mount point. The content is copied into tmp/, moved
// next to _data as "fill" in one step, and from there into _data, entry by entry. A kill before that step
// leaves nothing; after it, the next process to open the volume continues. _data stays the directory that
// running containers have mounted, and files that they create meanwhile stay too.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { copyAttributes, copyTree } from "../layer/copy_tree.ts";
import { beginWork, rootFd, temporaryName } from "../store/root.ts";

/**
 * Fills the volume `name`, if it is empty, from the image's directory `image` (a descriptor; O_PATH is
 * enough), and gives it that directory's owner and mode, as docker does. If several processes do so at once,
 * one copies and the others wait for it. Descriptors from openVolume remain valid. Returns whether this
 * process filled it. Throws KernelError.
 */
export async function populate(name: string, image: number): Promise<boolean> {
  const home = openHome(name);
  try {
    if (!isPending(home) && !isEmpty(home)) return false;
    await beginWork();
    return locked(home, () => {
      finish(home);
      if (!isEmpty(home)) return false;
      stage(home, image);
      finish(home);
      return true;
    });
  } finally {
    file.close(home);
  }
}

/** Whether populate would do anything. */
export function isUnfilled(name: string): boolean {
  const home = openHome(name);
  try {
    return isPending(home) || isEmpty(home);
  } finally {
    file.close(home);
  }
}

/**
 * Fills a volume that is a mount. Nothing can be moved into it in one step, so a kill leaves what has been
 * copied. Throws KernelError.
 */
export async function populateMounted(name: string, mount: number, image: number): Promise<void> {
  await beginWork();
  const home = openHome(name);
  const content = file.reopen(mount, file.O_RDONLY | file.O_DIRECTORY);
  try {
    locked(home, () => {
      if (file.entries(content).length === 0) copyTree(image, content);
    });
  } finally {
    file.close(content);
    file.close(home);
  }
}

/** Completes a filling that a killed command began. Throws KernelError. */
export async function finishPopulating(name: string): Promise<void> {
  await beginWork();
  const home = openHome(name);
  try {
    locked(home, () => finish(home));
  } finally {
    file.close(home);
  }
}

function openHome(name: string): number {
  return file.openat(rootFd(), `volumes/${name}`, file.O_RDONLY | file.O_DIRECTORY);
}

function openContent(home: number): number {
  return file.openat(home, "_data", file.O_RDONLY | file.O_DIRECTORY | file.O_NOFOLLOW);
}

function isEmpty(home: number): boolean {
  const fd = openContent(home);
  try {
    return file.entries(fd).length === 0;
  } finally {
    file.close(fd);
  }
}

function isPending(home: number): boolean {
  return file.statIfAny(home, "fill") !== undefined;
}

/** Calls `work` while no other process works on the same volume. */
function locked<Result>(home: number, work: () => Result): Result {
  const held = file.openat(home, "lock", file.O_RDWR | file.O_CREAT, 0o600);
  try {
    lock(held, "exclusive");
    return work();
  } finally {
    file.close(held);
  }
}

function stage(home: number, image: number): void {
  const staging = temporaryName("volume-content");
  file.mkdirat(rootFd(), staging, 0o700);
  const to = file.openat(rootFd(), staging, file.O_PATH | file.O_DIRECTORY);
  try {
    copyTree(image, to);
    file.renameat2(rootFd(), staging, home, "fill");
  } catch (error) {
    removeTree(rootFd(), staging);
    throw error;
  } finally {
    file.close(to);
  }
}

function finish(home: number): void {
  if (!isPending(home)) return;
  const content = openContent(home);
  const fill = file.openat(home, "fill", file.O_RDONLY | file.O_DIRECTORY);
  try {
    const attributes = file.stat(fill, ".");
    copyAttributes(fill, content, ".", attributes);
    for (const { name } of file.entries(fill)) move(fill, content, name);
    file.utimensat(content, ".", attributes.modified);
  } finally {
    file.close(fill);
    file.close(content);
  }
  const grave = temporaryName("volume-filled");
  file.renameat2(home, "fill", rootFd(), grave);
  removeTree(rootFd(), grave);
}

/** Files that a running container created meanwhile are newer, and stay. */
function move(from: number, to: number, name: string): void {
  try {
    file.renameat2(from, name, to, name, file.RENAME_NOREPLACE);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}
