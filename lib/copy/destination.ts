// The destination of a copy, by docker's rules (reference of "docker container cp"). They depend on what
// exists there, on what is copied, and on how both paths end.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { openInside, openInsideIfAny } from "../layer/inside.ts";
import type { Place } from "../layer/unpack.ts";
import { saysContents, saysDirectory, type Side, splitPath } from "./path.ts";
import type { Source } from "./source.ts";

export interface Destination {
  /** Absolute, with a final symlink of the typed path resolved. */
  path: string;
  /** Undefined where nothing exists. */
  stat?: file.Stat;
}

/** The kernel's limit for symlinks. */
const MAX_LINKS = 40;

/** Resolves `path` (absolute). Throws Failure for a loop of symlinks. */
export function findDestination({ root }: Side, path: string): Destination {
  let at = path;
  for (let i = 0; i < MAX_LINKS; i++) {
    if (saysDirectory(at) || at.endsWith("/..")) return { path: at, stat: statDirectory(root, at) };
    const [directory, name] = splitPath(at);
    const parent = openInsideIfAny(root, directory, file.O_DIRECTORY);
    if (parent === undefined) return { path: at };
    try {
      const stat = file.statIfAny(parent, name);
      if (!stat || (stat.mode & file.S_IFMT) !== file.S_IFLNK) return { path: at, stat };
      const target = file.readlinkat(parent, name);
      at = target.startsWith("/") ? target : `${directory === "/" ? "" : directory}/${target}`;
    } finally {
      file.close(parent);
    }
  }
  throw new Failure(`${path}: too many symbolic links`);
}

function statDirectory(root: number, path: string): file.Stat | undefined {
  const fd = openInsideIfAny(root, path, file.O_DIRECTORY);
  if (fd === undefined) return undefined;
  const stat = file.stat(fd, "");
  file.close(fd);
  return stat;
}

/** Whether the destination is an existing directory. */
export function isDirectory({ stat }: Destination): boolean {
  return stat !== undefined && (stat.mode & file.S_IFMT) === file.S_IFDIR;
}

/**
 * The directory to write to, and the name of the copy in it; "." if only the content is copied. Throws
 * Failure for what docker refuses.
 */
export function placeCopy(source: Source, destination: Destination): { directory: string; name: string } {
  const { path, stat } = destination;
  if (isDirectory(destination)) return { directory: path, name: source.name === "/" ? "." : source.name };
  if (stat && source.isDirectory) throw new Failure("cannot copy directory");
  if (!stat && !source.isDirectory && saysDirectory(path)) throw new Failure("no such directory");
  const [directory, name] = splitPath(saysContents(path) ? path : path.replace(/\/+$/, ""));
  return { directory, name };
}

/** Opens the directory for createUnpacker. Throws Failure in docker's words. */
export function openPlace({ root, container }: Side, directory: string): Place {
  try {
    file.close(openInside(root, directory, file.O_DIRECTORY));
  } catch (error) {
    if (isErrno(error, "ENOENT")) {
      const where = container === undefined ? "" : ` in container ${container}`;
      throw new Failure(`Could not find the file ${directory}${where}`, { cause: error });
    }
    if (!isErrno(error, "ENOTDIR")) throw error;
    throw new Failure("extraction point is not a directory", { cause: error });
  }
  return { path: directory, shown: directory };
}
