// The locks for making bridges. One mydocker at a time makes bridges in a host's network namespace, because
// each has to see which subnets the others chose. There are two lock files, both in folders where only root
// can open anything: one in the root directory, and /run/mydocker/net-DEVICE-INODE for the network namespace
// with that inode, which all root directories share.
//
// Mydockers in different mount namespaces may have different /run directories, or none that can be used, and
// do not see each other's second lock. So the locks only save work: whoever has made a bridge checks that no
// other has its subnets (bridge.ts), and gives way if another has.

import { isErrno, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lockWithin } from "../../ffi/lock.ts";
import { Failure } from "../base/error.ts";
import { rootFd } from "../store/root.ts";

/** Milliseconds to wait for another process. */
const PATIENCE = 20_000;
const FOLDER = "/run/mydocker";
const WRITABLE_FOR_OTHERS = 0o022;

/** Does `work` with both locks. Throws Failure where another process keeps one of them for too long. */
export async function makingBridges<T>(work: () => Promise<T>): Promise<T> {
  const ofRoot = lockedFile(rootFd(), "networks/.making");
  try {
    const folder = usable(openFolder);
    if (folder === undefined) return await work();
    try {
      return await withNamespace(folder, work);
    } finally {
      file.close(folder);
    }
  } finally {
    file.close(ofRoot);
  }
}

async function withNamespace<T>(folder: number, work: () => Promise<T>): Promise<T> {
  const { device, inode } = file.stat(file.AT_FDCWD, "/proc/self/ns/net", true);
  const name = `net-${device.replace(":", ".")}-${inode}`;
  const held = usable(() => lockedFile(folder, name));
  if (held === undefined) return await work();
  try {
    return await work();
  } finally {
    // Unlinked while it is locked: a process that waits for it then finds that the file has lost its name.
    file.unlinkIfAny(folder, name);
    file.close(held);
  }
}

/** Descriptor of the file of that name, locked; the file is made if it does not exist. */
function lockedFile(dir: number, name: string): number {
  for (;;) {
    const fd = file.openat(dir, name, file.O_RDWR | file.O_CREAT | file.O_NOFOLLOW, 0o600);
    let isOurs = false;
    try {
      if (!lockWithin(fd, "exclusive", PATIENCE)) {
        throw new Failure(`waited ${PATIENCE / 1000} s for another mydocker to make a bridge`);
      }
      isOurs = file.statIfAny(dir, name)?.inode === file.stat(fd, "").inode;
      if (isOurs) return fd;
    } finally {
      if (!isOurs) file.close(fd);
    }
  }
}

/** The result of `open`; undefined where the kernel refuses: /run may be read-only, full or missing. */
function usable(open: () => number | undefined): number | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
}

/**
 * Descriptor of the folder; undefined where somebody else than root could have made it, in a /run that others
 * can write to.
 */
function openFolder(): number | undefined {
  try {
    file.mkdirat(file.AT_FDCWD, FOLDER, 0o700);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
  const fd = file.openat(file.AT_FDCWD, FOLDER, file.O_RDONLY | file.O_DIRECTORY | file.O_NOFOLLOW);
  const { uid, mode } = file.stat(fd, "");
  if (uid === 0 && (mode & WRITABLE_FOR_OTHERS) === 0) return fd;
  file.close(fd);
  return undefined;
}
