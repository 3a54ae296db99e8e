// The size of a directory tree.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";

/** The greatest depth: a descriptor is open for each level, and only an attacker makes that many. */
const DEEPEST = 500;

/**
 * Total bytes of the regular files below `path`, which is relative to the directory `dir`. A file with
 * several names counts once. Files that disappear meanwhile, or lie more than 500 levels deep, are not
 * counted.
 */
export function treeSize(dir: number, path: string): number {
  const seen = new Set<string>();
  const measure = (at: number, name: string, level: number): number => {
    const stat = file.statIfAny(at, name);
    const type = (stat?.mode ?? 0) & file.S_IFMT;
    if (type === file.S_IFDIR) return level > DEEPEST ? 0 : inDirectory(at, name, level, measure);
    if (!stat || type !== file.S_IFREG) return 0;
    if (stat.links > 1) {
      const inode = `${stat.device}/${stat.inode}`;
      if (seen.has(inode)) return 0;
      seen.add(inode);
    }
    return stat.size;
  };
  return measure(dir, path, 0);
}

function inDirectory(
  dir: number,
  path: string,
  level: number,
  measure: (dir: number, path: string, level: number) => number,
): number {
  const fd = file.openIfAny(dir, path, file.O_RDONLY | file.O_DIRECTORY | file.O_NOFOLLOW);
  if (fd === undefined) return 0;
  try {
    return file.entries(fd).reduce((sum, { name }) => sum + measure(fd, name, level + 1), 0);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return 0; // getdents64's errno for a removed directory
    throw error;
  } finally {
    file.close(fd);
  }
}
