// An empty volume starts with what the image has at its mount point. The content is put together in tmp/,
// moved next to _data as "fill" in one step, and from there into _data, entry by entry. A kill before that
// step leaves nothing; after it, the next one to open the volume goes on. _data itself stays the directory
// that running containers have mounted, and what they put there meanwhile stays too.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { copyAttributes, copyTree } from "../layer/copy_tree.ts";
import { beginWork, rootFd, temporaryName } from "../store/root.ts";

/**
 * Fills the volume `name`, if it is empty, with what is in the image's directory `image` (a descriptor;
 * O_PATH will do), and gives it that directory's owner and mode, as docker does. Of several at once one
 * copies, and the others wait for it. Descriptors that openVolume gave stay good. Answers whether this one
 * did it. Throws KernelError.
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

/** Whether populate would have something to do. */
export function isUnfilled(name: string): boolean {
  const home = openHome(name);
  try {
    return isPending(home) || isEmpty(home);
  } finally {
    file.close(home);
  }
}

/**
 * The same for a volume that is a mount, which nothing can be moved into in one step: where this is killed,
 * what it has copied stays. Throws KernelError.
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

/** Completes what a killed command began, if any did. Throws KernelError. */
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

/** Calls `work` while nobody else does so with the same volume. */
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

/** What a running container has made in the meantime is newer, and stays. */
function move(from: number, to: number, name: string): void {
  try {
    file.renameat2(from, name, to, name, file.RENAME_NOREPLACE);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}
