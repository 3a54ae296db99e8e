// The root directory: everything mydocker keeps. Two roots share nothing.
//
//   containers/ID/   config.json and what a container leaves behind (lib/container/)
//   names/NAME       symlink to a container's ID: claiming a name is creating it; the container's config.json
//                    agrees, or is about to (rename)
//   images/HEX.json  an image's configuration, byte for byte what its ID is the digest of
//   tags/NAME:TAG    symlink to an image's ID; "/" in a name is written "%2F"
//   layers/HEX/      diff/ is an unpacked layer, skeleton the rest of its archive, replaced/ contents that
//                    only the archive has, layer.json sizes; HEX is the diff id
//   volumes/NAME/    _data/ and volume.json
//   networks/NAME/   network.json, who uses it, and who has which address (lib/network/)
//   events           what happened, and events.1 what happened before (lib/events/)
//   tmp/             whatever is not finished, or no longer wanted
//
// Nothing appears outside tmp/ before it is complete, and nothing is deleted before it was moved into tmp/.
// Whoever works there holds the shared lock of tmp/.lock; what lies there while nobody does was left by a
// killed command. What has something mounted in it stays where it is, and no removal goes into a mount.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lock, tryLock } from "../../ffi/lock.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { absolutePath, variable } from "../base/environment.ts";
import { Failure, Refusal } from "../base/error.ts";
import { requireRoot } from "../base/kernel.ts";
import { mountedWithin } from "../base/mount_table.ts";

const FOLDERS = ["containers", "names", "images", "tags", "layers", "volumes", "networks", "tmp"];

let named: string | undefined;

/** Makes `path` the root directory, regardless of MYDOCKER_ROOT. */
export function setRootPath(path: string): void {
  named = path;
}

/** The root directory's path, from --root or MYDOCKER_ROOT; absolute, without a closing slash. */
export function rootPath(): string {
  const path = (named ?? variable("MYDOCKER_ROOT")) || "/var/lib/mydocker";
  return absolutePath(path).replace(/\/+$/, "");
}

let opened: number | undefined;

/**
 * Descriptor of the root directory, which is made on first use. Throws Failure if that is impossible.
 */
export function rootFd(): number {
  return opened ??= openRoot(rootPath());
}

function openRoot(path: string): number {
  requireRoot();
  try {
    const fd = openOrMake(path);
    refuseOthers(fd, path);
    if (!file.statIfAny(fd, "tmp/.lock")) makeFolders(fd);
    return fd;
  } catch (error) {
    if (isErrno(error, "EACCES", "EPERM", "EROFS", "ENOTDIR", "ENOSPC", "ENOENT")) {
      throw new Refusal(
        `can't use ${path} as root directory: ${error.message}; name another with --root or MYDOCKER_ROOT`,
        { cause: error },
      );
    }
    throw error;
  }
}

function openOrMake(path: string): number {
  try {
    return file.openat(file.AT_FDCWD, path, file.O_RDONLY | file.O_DIRECTORY);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    makePath(path);
    return file.openat(file.AT_FDCWD, path, file.O_RDONLY | file.O_DIRECTORY);
  }
}

/**
 * Throws Failure if somebody else than root could write to the directory or replace it: it holds image
 * names, set-user-ID programs and what keepers execute, and MYDOCKER_ROOT may come from somebody's
 * environment (sudo -E). In a directory like /tmp, the sticky bit keeps others from touching what isn't
 * theirs. The check walks up by "..", so that it sees the directories that are used, whatever links lead
 * there.
 */
function refuseOthers(fd: number, path: string): void {
  const [STICKY, GROUP, OTHERS] = [0o1000, 0o020, 0o002];
  let below: Pick<file.Stat, "inode" | "device"> | undefined;
  for (let up = ".", depth = 0;; up += "/..", depth++) {
    const { mode, uid, gid, inode, device } = file.stat(fd, up);
    if (inode === below?.inode && device === below.device) return; // the parent of "/" is "/"
    const writable = (mode & OTHERS) !== 0 || ((mode & GROUP) !== 0 && gid !== 0);
    if (uid !== 0 || (writable && !(below && mode & STICKY))) {
      const names = file.pathOf(fd).split("/");
      const place = names.slice(0, names.length - depth).join("/") || "/";
      const who = uid !== 0 ? `it belongs to user ${uid}` : `its mode is 0${(mode & 0o7777).toString(8)}`;
      throw new Refusal(
        `can't use ${path} as root directory: others than root could write to ${place}, ${who}; ` +
          `chown root and chmod go-w it, or name another with --root or MYDOCKER_ROOT`,
      );
    }
    below = { inode, device };
  }
}

function makePath(path: string): void {
  file.makeDirectories(path.slice(0, path.lastIndexOf("/")), 0o755);
  ignoreExists(() => file.mkdirat(file.AT_FDCWD, path, 0o710));
}

/** Mode 0700, because layers and volumes hold set-user-ID programs and other people's files. */
function makeFolders(fd: number): void {
  for (const folder of FOLDERS) ignoreExists(() => file.mkdirat(fd, folder, 0o700));
  // All folders are made now, so that commands that free space need none. The last one shows that all exist.
  for (const folder of ["names", "images", "volumes", "networks", "tmp"]) {
    file.close(file.openat(fd, `${folder}/.lock`, file.O_RDWR | file.O_CREAT, 0o600));
  }
}

function ignoreExists(make: () => void): void {
  try {
    make();
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
}

let workLock: number | undefined;
/** Whether this process has looked for what others left. */
let looked = false;
let loadSweep: (() => Promise<{ sweep(): void }>) | undefined;

/** Sets how to load the sweep. It knows everything that is stored here, while this file does not. */
export function sweepBy(load: () => Promise<{ sweep(): void }>): void {
  loadSweep = load;
}

/**
 * Takes the shared lock of tmp/, once per process; the end of the process or endWork releases it. It is
 * called before anything incomplete is made. The first thing it does, once per process, is to sweep what
 * killed commands left.
 */
export async function beginWork(): Promise<void> {
  if (workLock !== undefined) return;
  const fd = file.openat(rootFd(), "tmp/.lock", file.O_RDWR);
  if (!looked && loadSweep && hasLeftovers() && tryLock(fd, "exclusive")) (await loadSweep()).sweep();
  looked = true;
  lock(fd, "shared");
  workLock = fd;
}

/** Releases the lock of beginWork, for a command that runs for long after its last change. */
export function endWork(): void {
  if (workLock !== undefined) file.close(workLock);
  workLock = undefined;
}

function hasLeftovers(): boolean {
  const tmp = file.openat(rootFd(), "tmp", file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(tmp).length > 1;
  } finally {
    file.close(tmp);
  }
}

/** A path under tmp/, relative to the root, that nobody else uses. */
export function temporaryName(kind: string): string {
  return `tmp/${kind}-${crypto.randomUUID()}`;
}

/** Something is mounted in a directory that was to be removed. Nothing was changed. */
export class MountedWithin extends Failure {}

/**
 * Moves `path` (relative to the root) into tmp/ and deletes it there, so that it disappears at once whatever
 * happens afterwards. If two processes do so, one finds it gone. `then` is called in between; if the process
 * is killed before, what lies in tmp/ makes the next command sweep. Throws MountedWithin.
 */
export function discard(path: string, then = () => {}): void {
  const grave = bury(path);
  if (grave === undefined) return;
  then();
  removeTree(rootFd(), grave);
}

/**
 * The first half of discard: returns the path in tmp/ that is to be deleted; undefined where `path` was gone.
 * Throws MountedWithin if something is mounted in it or on it, and then changes nothing.
 */
export function bury(path: string): string | undefined {
  checkNothingMounted(path);
  const grave = temporaryName("discarded");
  try {
    file.renameat2(rootFd(), path, rootFd(), grave);
    return grave;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Throws MountedWithin where something is mounted in `path` (relative to the root), or on it. */
export function checkNothingMounted(path: string): void {
  const point = mountedWithin(rootFd(), path);
  if (point === undefined) return;
  throw new MountedWithin(
    `can't remove ${rootPath()}/${path}: something is mounted at ${point}; unmount it first`,
  );
}
