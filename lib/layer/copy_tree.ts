// Copies a directory tree as `cp -a` does: symlinks are copied rather than followed, and nothing is left out.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { getXattr, listXattrs, setXattr } from "../../ffi/xattr.ts";

interface Copy {
  /** The top of the copy; paths in `links` are relative to it. */
  root: number;
  /** Path of the first copy of each file with several names, by device and inode. */
  links: Map<string, string>;
  buffer: Uint8Array;
}

/**
 * Copies the content of the directory `from` into the empty directory `to`, and gives `to` the attributes of
 * `from`. Files of every type are copied, with hard links, holes, owner, mode, extended attributes and
 * modification time. Both arguments are descriptors, for which O_PATH is enough. Nobody else may write to
 * `to` meanwhile. Throws KernelError, and then leaves what it has copied.
 */
export function copyTree(from: number, to: number): void {
  const source = openDirectory(from, ".");
  const root = openDirectory(to, ".");
  try {
    copyEntries({ root, links: new Map(), buffer: new Uint8Array(1 << 18) }, source, root, "");
    copyAttributes(source, root, ".", file.stat(source, "."));
  } finally {
    file.close(source);
    file.close(root);
  }
}

function openDirectory(dir: number, name: string): number {
  return file.openat(dir, name, file.O_RDONLY | file.O_DIRECTORY | file.O_NOFOLLOW);
}

function copyEntries(copy: Copy, from: number, to: number, path: string): void {
  for (const { name } of file.entries(from)) copyEntry(copy, from, to, name, path + name);
}

function copyEntry(copy: Copy, from: number, to: number, name: string, path: string): void {
  const stat = file.stat(from, name);
  const type = stat.mode & file.S_IFMT;
  if (stat.links > 1 && type !== file.S_IFDIR) {
    const inode = `${stat.device}/${stat.inode}`;
    const first = copy.links.get(inode);
    if (first !== undefined) return file.linkat(copy.root, first, to, name);
    copy.links.set(inode, path);
  }
  if (type === file.S_IFDIR) copyDirectory(copy, from, to, name, path);
  else if (type === file.S_IFREG) copyFile(copy, from, to, name, stat);
  else if (type === file.S_IFLNK) file.symlinkat(file.readlinkat(from, name), to, name);
  else file.mknodat(to, name, type | 0o600, file.makedev(stat.rdevMajor, stat.rdevMinor));
  copyAttributes(from, to, name, stat);
}

function copyDirectory(copy: Copy, from: number, to: number, name: string, path: string): void {
  file.mkdirat(to, name, 0o700);
  const source = openDirectory(from, name);
  const target = openDirectory(to, name);
  try {
    copyEntries(copy, source, target, `${path}/`);
  } finally {
    file.close(source);
    file.close(target);
  }
}

function copyFile(copy: Copy, from: number, to: number, name: string, stat: file.Stat): void {
  // O_NONBLOCK: if a fifo has taken the file's place, this fails instead of waiting.
  const quiet = file.O_NOFOLLOW | file.O_NONBLOCK | file.O_NOCTTY;
  const source = file.openat(from, name, file.O_RDONLY | quiet);
  const target = file.openat(to, name, file.O_WRONLY | file.O_CREAT | file.O_EXCL, 0o600);
  try {
    if (stat.blocks * 512 < stat.size) copySparse(copy, source, target, stat.size, name);
    else copyBytes(copy, source, target, Infinity, name);
  } finally {
    file.close(source);
    file.close(target);
  }
}

/**
 * Copies through a buffer: copy_file_range(2) between an overlay and a file system below it always fails with
 * EXDEV.
 */
function copyBytes(copy: Copy, source: number, target: number, length: number, name: string): void {
  const { buffer } = copy;
  for (let left = length; left > 0;) {
    const done = file.read(source, left < buffer.length ? buffer.subarray(0, left) : buffer);
    if (done === 0) return;
    file.write(target, buffer.subarray(0, done), name);
    left -= done;
  }
}

function copySparse(copy: Copy, source: number, target: number, size: number, name: string): void {
  for (let at = file.nextData(source, 0); at !== undefined;) {
    const end = file.lseek(source, at, file.SEEK_HOLE);
    file.lseek(source, at, file.SEEK_SET);
    file.lseek(target, at, file.SEEK_SET);
    copyBytes(copy, source, target, end - at, name);
    at = file.nextData(source, end);
  }
  file.ftruncate(target, size);
}

/**
 * Copies owner, mode and time (from `stat`) and extended attributes from `name` in the directory `from` to
 * `name` in `to`. Attributes that the file system does not support are left out. "." means the directory
 * itself. Throws KernelError.
 */
export function copyAttributes(from: number, to: number, name: string, stat: file.Stat): void {
  // The order matters: a change of owner removes set-user-ID bits and file capabilities.
  file.fchownat(to, name, stat.uid, stat.gid);
  if ((stat.mode & file.S_IFMT) !== file.S_IFLNK) file.fchmodat(to, name, stat.mode & 0o7777);
  for (const attribute of listXattrs(from, name)) copyXattr(from, to, name, attribute);
  file.utimensat(to, name, stat.modified);
}

function copyXattr(from: number, to: number, name: string, attribute: string): void {
  // An SELinux label describes the place of a file, so the copy keeps the label it was created with.
  if (attribute === "security.selinux") return;
  const value = getXattr(from, name, attribute);
  if (value === undefined) return;
  try {
    setXattr(to, name, attribute, value);
  } catch (error) {
    if (!isErrno(error, "ENOTSUP")) throw error;
  }
}
