// Directories that an archive's entries go to: their names made safe, and their descriptors kept open while
// they are needed.

import { PATH_MAX } from "../../ffi/constants.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { openInside, openWithoutLinks } from "./inside.ts";
import { tarError } from "./tar_header.ts";

/** The number of directories kept open. An archive is written directory by directory, so few are in use. */
const KEPT = 64;

/**
 * The name relative to the root directory, without empty, "." or ".." components; "" for the root itself.
 * Absolute names are taken as relative to the root, as by GNU tar and docker. Throws Failure for a name
 * that leads out of it.
 */
export function cleanPath(name: string, what = "unpack"): string {
  if (name.length >= PATH_MAX) throw tarError(`can't ${what} ${JSON.stringify(name)}: file name too long`);
  // Most names are clean except for the "./" that `tar -c .` adds, and the slash behind directories.
  const bare = name.slice(name.startsWith("./") ? 2 : 0, name.endsWith("/") ? -1 : undefined);
  if (!/(?:^|\/)\.{0,2}(?:\/|$)/.test(bare)) return bare;
  const kept: string[] = [];
  for (const component of name.split("/")) {
    if (component === "" || component === ".") continue;
    if (component !== "..") kept.push(component);
    else if (kept.pop() === undefined) {
      throw tarError(`can't ${what} ${JSON.stringify(name)}: it leads out of the root directory`);
    }
  }
  return kept.join("/");
}

/** "a/b" and "c" for "a/b/c"; "" and "c" for "c". */
export function splitName(path: string): [directory: string, name: string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, Math.max(slash, 0)), path.slice(slash + 1)];
}

/** Open directories by clean path, below one root. */
export interface Parents {
  /**
   * Descriptor (O_PATH) of the directory. A missing directory is made with its parents, with mode 0755.
   * Symlinks are followed as if the root were "/". The descriptor stays open until `renew`.
   */
  of(path: string): number;
  /** Like `of`, but undefined where the directory is missing. */
  find(path: string): number | undefined;
  /** The real path of `path`, whose directory has been opened: it differs if symlinks were followed. */
  real(path: string): string;
  /** Called when a directory or symlink was removed: open descriptors are not used after the next renew. */
  expire(): void;
  /** Called between entries: closes descriptors that are too many or may have become wrong. */
  renew(): void;
  close(): void;
}

/** Directories below the open directory `root`. */
export function createParents(root: number): Parents {
  const open = new Map<string, number>();
  /** The targets of symlinks, by the path that goes through them. */
  const led = new Map<string, string>();
  let expired = false;
  const close = () => {
    for (const fd of open.values()) file.close(fd);
    open.clear();
    led.clear();
    expired = false;
  };
  const find = (path: string) => {
    const known = path === "" ? root : open.get(path);
    if (known !== undefined) return known;
    const fd = openDirectory(root, path, led);
    if (fd !== undefined) open.set(path, fd);
    return fd;
  };
  return {
    of(path) {
      const found = find(path);
      if (found !== undefined) return found;
      const fd = makeDirectory(root, path, led);
      open.set(path, fd);
      return fd;
    },
    find,
    real(path) {
      const [directory, name] = splitName(path);
      const real = led.get(directory) ?? directory;
      return real === "" ? name : `${real}/${name}`;
    },
    expire() {
      expired = true;
    },
    renew() {
      if (expired || open.size > KEPT) close();
    },
    close,
  };
}

/**
 * Opens a directory by its clean path; undefined where nothing exists. Records in `led` where symlinks led.
 */
function openDirectory(root: number, path: string, led: Map<string, string>): number | undefined {
  try {
    return openWithoutLinks(root, path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    if (!isErrno(error, "ENOTDIR", "ELOOP")) throw error;
  }
  try {
    const fd = openInside(root, path, file.O_DIRECTORY);
    led.set(path, pathBelow(root, fd));
    return fd;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    if (isErrno(error, "ENOTDIR")) {
      throw tarError(`${JSON.stringify(path)} is not a directory in the archive`);
    }
    throw error;
  }
}

/** The path of an open directory below `root`; "" for `root` itself. */
function pathBelow(root: number, fd: number): string {
  const [top, path] = [root, fd].map((one) => file.readlinkat(file.AT_FDCWD, `/proc/self/fd/${one}`));
  return path.slice(top.length + 1);
}

/** Makes a directory, and those of its parents that are missing. */
function makeDirectory(root: number, path: string, led: Map<string, string>): number {
  const [directory, name] = splitName(path);
  const parent = directory === ""
    ? root
    : openDirectory(root, directory, led) ?? makeDirectory(root, directory, led);
  try {
    file.mkdirat(parent, name, 0o755);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    throw tarError(`${JSON.stringify(path)} is a symlink in the archive, and leads to no directory there`);
  } finally {
    if (parent !== root) file.close(parent);
  }
  return openDirectory(root, path, led)!;
}
