// Files: wrappers named after their system calls. Paths are relative to a directory descriptor (AT_FDCWD for
// the working directory); names may hold any bytes (see bytes.ts). All throw KernelError.

import {
  EAGAIN,
  EBUSY,
  EEXIST,
  EFBIG,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOTDIR,
  ENOTEMPTY,
  EPERM,
  POLLOUT,
  STATX_BASIC_STATS,
} from "./constants.ts";
import { decodeName, encodeNameInto } from "./bytes.ts";
import { isErrno, KernelError } from "./errno.ts";
import { addressOf, raw, rawLong, scratch, scratchAddress, scratchView } from "./libc.ts";
import { NR, type SyscallName } from "./nr.ts";

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;

const arm = Deno.build.arch === "aarch64";
export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY = arm ? 0o40000 : 0o200000;
export const O_NOFOLLOW = arm ? 0o100000 : 0o400000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;

/** openat2's `resolve` (openat2(2)). */
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_IN_ROOT = 0x10;

export const S_IFMT = 0o170000;
export const S_IFSOCK = 0o140000;
export const S_IFLNK = 0o120000;
export const S_IFREG = 0o100000;
export const S_IFBLK = 0o060000;
export const S_IFDIR = 0o040000;
export const S_IFCHR = 0o020000;
export const S_IFIFO = 0o010000;

/** Where a second path of a call goes; the first starts at 0, each may have PATH_MAX bytes. */
const SECOND = 1 << 14;

function put(name: string, offset = 0): number {
  encodeNameInto(name, scratch, offset);
  return scratchAddress + offset;
}

function check(result: number, call: SyscallName, operands: string): number {
  if (result < 0) throw new KernelError(call, operands, -result);
  return result;
}

/** open relative to `dir`; close-on-exec always. */
export function openat(dir: number, path: string, flags: number, mode = 0): number {
  return check(raw(NR.openat, dir, put(path), flags | O_CLOEXEC, mode), "openat", path);
}

/** As openat, but undefined where nothing is there (ENOENT, ENOTDIR). */
export function openIfAny(dir: number, path: string, flags: number): number | undefined {
  const result = raw(NR.openat, dir, put(path), flags | O_CLOEXEC, 0);
  return result === -ENOENT || result === -ENOTDIR ? undefined : check(result, "openat", path);
}

/** Opens once more what `fd` (O_PATH will do) is, whatever has its name by now. */
export function reopen(fd: number, flags: number): number {
  return openat(AT_FDCWD, `/proc/self/fd/${fd}`, flags);
}

/**
 * open with a say in how `path` is resolved: RESOLVE_IN_ROOT treats `dir` as "/" for symlinks and "..". Linux
 * 5.6.
 */
export function openat2(dir: number, path: string, flags: number, mode: number, resolve: number): number {
  return check(rawOpenat2(dir, path, flags, mode, resolve), "openat2", path);
}

/** As openat2, but undefined where nothing is there, or too many symlinks are (ENOENT, ENOTDIR, ELOOP). */
export function openat2IfAny(dir: number, path: string, flags: number, resolve: number): number | undefined {
  const result = rawOpenat2(dir, path, flags, 0, resolve);
  // Asked for often with this answer: an Error costs as much as a hundred calls.
  return [-ENOENT, -ENOTDIR, -ELOOP].includes(result) ? undefined : check(result, "openat2", path);
}

function rawOpenat2(dir: number, path: string, flags: number, mode: number, resolve: number): number {
  const how = 1 << 15; // struct open_how: u64 flags, mode, resolve
  scratchView.setBigUint64(how, BigInt((flags | O_CLOEXEC) >>> 0), true);
  scratchView.setBigUint64(how + 8, BigInt(mode), true);
  scratchView.setBigUint64(how + 16, BigInt(resolve), true);
  for (;;) {
    const result = raw(NR.openat2, dir, put(path), scratchAddress + how, 24);
    // EAGAIN: something was renamed during the walk; asking again is what openat2(2) tells to do.
    if (result !== -EAGAIN) return result;
  }
}

/** Closes a descriptor. Throws KernelError. */
export function close(fd: number): void {
  check(raw(NR.close, fd), "close", String(fd));
}

/** Reads into `buffer`; 0 at the end. */
export function read(fd: number, buffer: Uint8Array): number {
  return check(raw(NR.read, fd, addressOf(buffer), buffer.length), "read", `descriptor ${fd}`);
}

/** Reads at `offset` without moving the file position; 0 at the end. */
export function pread(fd: number, buffer: Uint8Array, offset: number): number {
  return check(raw(NR.pread64, fd, addressOf(buffer), buffer.length, offset), "pread64", `descriptor ${fd}`);
}

/** As much as readShort reads. */
export const SHORT = 4096;

/**
 * At most SHORT bytes of a file from `offset` on, in memory that the next call of this module may use: what a
 * list of many asks for costs no buffer and no address.
 */
export function readShort(fd: number, offset: number): Uint8Array<ArrayBuffer> {
  const at = scratchAddress + SECOND;
  const length = check(raw(NR.pread64, fd, at, SHORT, offset), "pread64", `descriptor ${fd}`);
  return scratch.subarray(SECOND, SECOND + length);
}

const FIRST_SIZE = 1 << 12;

/**
 * Everything from the file position to the end, for files that are read whole. Throws KernelError with EFBIG
 * where that are more than `most` bytes, having read no more.
 */
export function readAll(fd: number, most = Infinity): Uint8Array {
  const all = readUpTo(fd, most + 1);
  if (all.length <= most) return all;
  throw new KernelError("read", `descriptor ${fd}`, EFBIG, `more than ${most} bytes`);
}

/**
 * From the file position to the end, or `limit` bytes, whichever comes first. `take` is read(2), into so many
 * bytes of memory at an address; 0 is the end.
 */
export function readUpTo(fd: number, limit: number, take = readInto): Uint8Array {
  let all = new Uint8Array(Math.min(FIRST_SIZE, limit));
  let length = 0;
  while (length < limit) {
    if (length === all.length) {
      const larger = new Uint8Array(Math.min(2 * all.length, limit));
      larger.set(all);
      all = larger;
    }
    const taken = take(fd, addressOf(all) + length, all.length - length);
    if (taken === 0) break;
    length += taken;
  }
  return all.subarray(0, length);
}

function readInto(fd: number, address: number, length: number): number {
  return check(raw(NR.read, fd, address, length), "read", `descriptor ${fd}`);
}

/**
 * Waits until a descriptor can be written, or nobody reads it: stdout may not block where the caller shares
 * it with a program that wants it so (ppoll(2)).
 */
export function awaitWritable(fd: number): void {
  const pollfd = new Uint8Array(new Int32Array([fd, POLLOUT]).buffer);
  raw(NR.ppoll, addressOf(pollfd), 1, 0, 0, 8);
}

/** Writes all of `buffer`, however many calls it takes. `what` names the file in an error. */
export function write(fd: number, buffer: Uint8Array, what = `descriptor ${fd}`): void {
  writeAt(fd, addressOf(buffer), buffer.length, what);
}

/** Writes `length` bytes of memory; for callers that keep one buffer and know its address. */
export function writeAt(fd: number, address: number, length: number, what: string): void {
  while (length > 0) {
    const result = raw(NR.write, fd, address, length);
    if (result === -EAGAIN) {
      awaitWritable(fd);
      continue;
    }
    const done = check(result, "write", what);
    address += done;
    length -= done;
  }
}

/**
 * Writes with one call, so that bytes for an O_APPEND file stay together; returns how many were taken, fewer
 * than there are where the disk is full.
 */
export function writeOnce(fd: number, buffer: Uint8Array, what: string): number {
  return check(raw(NR.write, fd, addressOf(buffer), buffer.length), "write", what);
}

/** Writes at `offset` without moving the file position. */
export function pwrite(fd: number, buffer: Uint8Array, offset: number, what = `descriptor ${fd}`): void {
  check(raw(NR.pwrite64, fd, addressOf(buffer), buffer.length, offset), "pwrite64", what);
}

export const SEEK_SET = 0;
const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

/** Moves the file position; returns the new one. */
export function lseek(fd: number, offset: number, whence: number): number {
  return check(rawLong(NR.lseek, fd, offset, whence), "lseek", `descriptor ${fd}`);
}

/** Where data begins at or after `offset`; undefined where only a hole is left. */
export function nextData(fd: number, offset: number): number | undefined {
  try {
    return lseek(fd, offset, SEEK_DATA);
  } catch (error) {
    if (isErrno(error, "ENXIO")) return undefined;
    throw error;
  }
}

/** Cuts a file off at `length` bytes, or makes it longer by zeros. Throws KernelError. */
export function ftruncate(fd: number, length: number): void {
  check(raw(NR.ftruncate, fd, length), "ftruncate", `descriptor ${fd}`);
}

/** Waits until a file is on the disk. Throws KernelError. */
export function fsync(fd: number): void {
  check(raw(NR.fsync, fd), "fsync", `descriptor ${fd}`);
}

/** Makes a directory. Throws KernelError. */
export function mkdirat(dir: number, path: string, mode: number): void {
  check(raw(NR.mkdirat, dir, put(path), mode), "mkdirat", path);
}

/** Makes an absolute path's directories, as far as they are missing. */
export function makeDirectories(path: string, mode: number): void {
  for (let end = 0; end < path.length;) {
    end = path.indexOf("/", end + 1);
    if (end < 0) end = path.length;
    const result = raw(NR.mkdirat, AT_FDCWD, put(path.slice(0, end)), mode);
    if (result !== -EEXIST) check(result, "mkdirat", path.slice(0, end));
  }
}

/** `device` is makedev(major, minor), 0 for fifos and regular files. */
export function mknodat(dir: number, path: string, mode: number, device: number): void {
  check(raw(NR.mknodat, dir, put(path), mode, device), "mknodat", path);
}

/** Makes a symlink at `path` that says `target`. Throws KernelError. */
export function symlinkat(target: string, dir: number, path: string): void {
  check(raw(NR.symlinkat, put(target, SECOND), dir, put(path)), "symlinkat", path);
}

/** Gives a file one more name. Throws KernelError. */
export function linkat(fromDir: number, from: string, toDir: number, to: string, flags = 0): void {
  check(raw(NR.linkat, fromDir, put(from), toDir, put(to, SECOND), flags), "linkat", `${from} as ${to}`);
}

/** Takes a name away: a file's, or with AT_REMOVEDIR an empty directory's. Throws KernelError. */
export function unlinkat(dir: number, path: string, flags = 0): void {
  check(raw(NR.unlinkat, dir, put(path), flags), "unlinkat", path);
}

/** As unlinkat of a file, but absent is fine. */
export function unlinkIfAny(dir: number, path: string): void {
  const result = raw(NR.unlinkat, dir, put(path), 0);
  if (result !== -ENOENT) check(result, "unlinkat", path);
}

/** As unlinkIfAny, but answers false where a directory is there. */
export function unlinkUnlessDirectory(dir: number, path: string): boolean {
  const result = raw(NR.unlinkat, dir, put(path), 0);
  if (result === -EISDIR || result === -EPERM) return false; // EPERM as POSIX has it
  if (result !== -ENOENT) check(result, "unlinkat", path);
  return true;
}

/**
 * Removes a directory, or finds it gone; false where something is in it or mounted on it. An Error would cost
 * as much as a hundred calls.
 */
export function removeIfEmpty(dir: number, path: string): boolean {
  const result = raw(NR.unlinkat, dir, put(path), AT_REMOVEDIR);
  if (result === -ENOTEMPTY || result === -EBUSY) return false;
  if (result !== -ENOENT) check(result, "unlinkat", path);
  return true;
}

export const RENAME_NOREPLACE = 1;

/** rename; with RENAME_NOREPLACE, EEXIST where the target is there. */
export function renameat2(fromDir: number, from: string, toDir: number, to: string, flags = 0): void {
  check(
    raw(NR.renameat2, fromDir, put(from), toDir, put(to, SECOND), flags),
    "renameat2",
    `${from} to ${to}`,
  );
}

/** chown of `path` itself, never of what a symlink points to; "" with AT_EMPTY_PATH is `dir`. */
export function fchownat(dir: number, path: string, uid: number, gid: number): void {
  const flags = path === "" ? AT_EMPTY_PATH : AT_SYMLINK_NOFOLLOW;
  check(raw(NR.fchownat, dir, put(path), uid, gid, flags), "fchownat", path);
}

/** Changes the owner of an open file. Throws KernelError. */
export function fchown(fd: number, uid: number, gid: number): void {
  check(raw(NR.fchown, fd, uid, gid), "fchown", `descriptor ${fd}`);
}

/** Changes the mode of an open file. Throws KernelError. */
export function fchmod(fd: number, mode: number): void {
  check(raw(NR.fchmod, fd, mode), "fchmod", `descriptor ${fd}`);
}

/** chmod; follows symlinks (the call has no other way). */
export function fchmodat(dir: number, path: string, mode: number): void {
  check(raw(NR.fchmodat, dir, put(path), mode), "fchmodat", path);
}

/** A point in time as the kernel keeps it: whole seconds and nanoseconds since 1970. */
export interface Timespec {
  seconds: number;
  nanoseconds: number;
}

/** Sets access and modification time to `time`, of `path` itself ("" for the descriptor `dir`). */
export function utimensat(dir: number, path: string, time: Timespec): void {
  const times = 1 << 15; // struct timespec[2]
  for (const at of [times, times + 16]) {
    scratchView.setBigInt64(at, BigInt(time.seconds), true);
    scratchView.setBigInt64(at + 8, BigInt(time.nanoseconds), true);
  }
  const flags = path === "" ? 0 : AT_SYMLINK_NOFOLLOW;
  const address = path === "" ? 0 : put(path);
  check(raw(NR.utimensat, dir, address, scratchAddress + times, flags), "utimensat", path);
}

/** The target of a symbolic link; "" reads the link that `dir` itself (O_PATH|O_NOFOLLOW) is. */
export function readlinkat(dir: number, path: string): string {
  const length = check(
    raw(NR.readlinkat, dir, put(path), scratchAddress + SECOND, 4096),
    "readlinkat",
    path,
  );
  return decodeName(scratch.subarray(SECOND, SECOND + length));
}

/** The path of what an open descriptor is, as this process sees it. */
export function pathOf(fd: number): string {
  return readlinkat(AT_FDCWD, `/proc/self/fd/${fd}`);
}

/** What statx(2) tells of a file. `device` is where it lies, `rdev` what a device node names. */
export interface Stat {
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** 512-byte units. */
  blocks: number;
  links: number;
  inode: bigint;
  device: string;
  rdevMajor: number;
  rdevMinor: number;
  modified: Timespec;
  /** Something is mounted there, as this path sees it. */
  mountRoot: boolean;
}

/** stat of `path` itself (no symlink is followed at its end unless `follow`); "" is `dir`. */
export function stat(dir: number, path: string, follow = false): Stat {
  check(rawStat(dir, path, follow), "statx", path);
  return decodeStat();
}

/** Whether an open descriptor is a regular file. */
export function isRegular(fd: number): boolean {
  check(rawStat(fd, "", false), "statx", `descriptor ${fd}`);
  return (scratchView.getUint16(SECOND + 28, true) & S_IFMT) === S_IFREG;
}

function rawStat(dir: number, path: string, follow: boolean): number {
  const flags = (follow ? 0 : AT_SYMLINK_NOFOLLOW) | (path === "" ? AT_EMPTY_PATH : 0);
  return raw(NR.statx, dir, put(path), flags, STATX_BASIC_STATS, scratchAddress + SECOND);
}

/** The number that /proc/self/mountinfo has of the mount that `fd` (O_PATH will do) lies on. Linux 5.8. */
export function mountId(fd: number): number {
  const STATX_MNT_ID = 0x1000;
  check(raw(NR.statx, fd, put(""), AT_EMPTY_PATH, STATX_MNT_ID, scratchAddress + SECOND), "statx", `${fd}`);
  return Number(scratchView.getBigUint64(SECOND + 144, true));
}

const STATX_ATTR_MOUNT_ROOT = 0x2000;

/** struct statx, as rawStat left it. */
function decodeStat(): Stat {
  const at = SECOND;
  const view = scratchView;
  return {
    links: view.getUint32(at + 16, true),
    uid: view.getUint32(at + 20, true),
    gid: view.getUint32(at + 24, true),
    mode: view.getUint16(at + 28, true),
    inode: view.getBigUint64(at + 32, true),
    size: Number(view.getBigUint64(at + 40, true)),
    blocks: Number(view.getBigUint64(at + 48, true)),
    modified: {
      seconds: Number(view.getBigInt64(at + 112, true)),
      nanoseconds: view.getUint32(at + 120, true),
    },
    rdevMajor: view.getUint32(at + 128, true),
    rdevMinor: view.getUint32(at + 132, true),
    mountRoot: (view.getUint32(at + 8, true) & STATX_ATTR_MOUNT_ROOT) !== 0,
    device: `${view.getUint32(at + 136, true)}:${view.getUint32(at + 140, true)}`,
  };
}

/** As stat, but undefined where nothing is there (ENOENT, ENOTDIR). */
export function statIfAny(dir: number, path: string, follow = false): Stat | undefined {
  const result = rawStat(dir, path, follow);
  // Asked for often with this answer: an Error costs as much as a hundred calls.
  if (result === -ENOENT || result === -ENOTDIR) return undefined;
  check(result, "statx", path);
  return decodeStat();
}

/** The device number that mknod(2) takes. */
export function makedev(major: number, minor: number): number {
  return (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12);
}

/** One directory entry: its name and the DT_ type the file system gave (0 where it gives none). */
export interface Entry {
  name: string;
  type: number;
}

const entryBuffer = new Uint8Array(1 << 15);
const entryView = new DataView(entryBuffer.buffer);
let entryAddress: number | undefined;
const DOT = 0x2e;

/** All entries of the open directory `fd` but "." and "..", from its start, in the file system's order. */
export function entries(fd: number): Entry[] {
  lseek(fd, 0, SEEK_SET);
  return entriesLeft(fd);
}

/** Those after what has been read of it already: all of a directory that was just opened. */
export function entriesLeft(fd: number): Entry[] {
  const found: Entry[] = [];
  const [buffer, view] = [entryBuffer, entryView];
  const address = entryAddress ??= addressOf(buffer);
  for (;;) {
    const length = check(raw(NR.getdents64, fd, address, buffer.length), "getdents64", `${fd}`);
    if (length === 0) return found;
    // struct linux_dirent64: u64 inode, i64 offset, u16 record length, u8 type, char name[]
    for (let at = 0; at < length; at += view.getUint16(at + 16, true)) {
      const end = buffer.indexOf(0, at + 19);
      if (buffer[at + 19] === DOT && (end === at + 20 || (end === at + 21 && buffer[at + 20] === DOT))) {
        continue;
      }
      found.push({ name: decodeName(buffer.subarray(at + 19, end)), type: buffer[at + 18] });
    }
  }
}

/** Fills struct statfs at the second half of the scratch memory; returns its offset there. */
function fstatfs(fd: number): number {
  check(raw(NR.fstatfs, fd, scratchAddress + SECOND), "fstatfs", `descriptor ${fd}`);
  return SECOND;
}

/** The magic number of the file system that `fd` is on. */
export function fileSystem(fd: number): number {
  return scratchView.getUint32(fstatfs(fd), true);
}

/** Bytes that root may still write to the file system that `fd` is on, and how many it has in all. */
export function space(fd: number): { free: number; total: number } {
  const at = fstatfs(fd);
  // struct statfs: i64 type, block size, u64 blocks, free, available to others than root
  const unit = Number(scratchView.getBigInt64(at + 8, true));
  const [total, free] = [at + 16, at + 24].map((field) =>
    unit * Number(scratchView.getBigUint64(field, true))
  );
  return { free, total };
}
