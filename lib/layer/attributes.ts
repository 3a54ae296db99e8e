// Sets owner, mode, extended attributes and times of unpacked files, in the order that the kernel needs.
// chown removes set-user-ID bits and capabilities, so both are set after it. Times are set last, because
// everything else changes them.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { setXattr } from "../../ffi/xattr.ts";
import type { TarEntry } from "./tar_entry.ts";
import { tarError } from "./tar_header.ts";

/**
 * Bits that open, mkdir and mknod don't set: set-ID bits and the sticky bit, and those that mydocker's umask
 * removes.
 */
const CHMOD_BITS = 0o7022;
/**
 * Attributes that overlayfs uses itself: from an archive they could hide or redirect files of other layers.
 */
const OVERLAY_XATTRS = "trusted.overlay.";
const MAX_ID = 0xfffffffe;

/** Throws Failure for an owner that the kernel can't have; -1 would mean "leave as it is". */
export function checkOwner({ path, uid, gid }: TarEntry): void {
  for (const id of [uid, gid]) {
    if (id < 0 || id > MAX_ID) throw tarError(`can't unpack ${JSON.stringify(path)}: bad owner ${id}`);
  }
}

/**
 * Completes a file or directory that is open as `fd` and was made by root with the entry's permission bits.
 * `existed` says that its mode and owner may be different, because it existed before or its directory passed
 * them down.
 */
export function completeOpen(fd: number, entry: TarEntry, existed = false): void {
  const { uid, gid, mode } = entry;
  if (existed || uid !== 0 || gid !== 0) file.fchown(fd, uid, gid);
  if (existed || mode & CHMOD_BITS) file.fchmod(fd, mode);
  if (entry.xattrs) setXattrs(fd, "", entry);
  file.utimensat(fd, "", entry.modified);
}

/** Completes a symlink, device or fifo just made as `name` in `dir`; `existed` as for completeOpen. */
export function completeNode(dir: number, name: string, entry: TarEntry, existed = false): void {
  const { uid, gid, mode, type } = entry;
  if (existed || uid !== 0 || gid !== 0) file.fchownat(dir, name, uid, gid);
  if ((existed || mode & CHMOD_BITS) && type !== "symlink") changeMode(dir, name, mode);
  if (entry.xattrs) setXattrs(dir, name, entry);
  file.utimensat(dir, name, entry.modified);
}

/** chmod follows symlinks, and a container may have put one there by now; so this goes by descriptor. */
function changeMode(dir: number, name: string, mode: number): void {
  const fd = file.openat(dir, name, file.O_PATH | file.O_NOFOLLOW);
  try {
    file.fchmodat(file.AT_FDCWD, `/proc/self/fd/${fd}`, mode);
  } finally {
    file.close(fd);
  }
}

/** Leaves out attributes that the file system or the kernel doesn't support, as docker does. */
function setXattrs(dir: number, name: string, { xattrs }: TarEntry): void {
  for (const [attribute, value] of xattrs!) {
    if (attribute.startsWith(OVERLAY_XATTRS)) continue;
    try {
      setXattr(dir, name, attribute, value);
    } catch (error) {
      if (!isErrno(error, "ENOTSUP", "EPERM")) throw error;
    }
  }
}
