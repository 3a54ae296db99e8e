// Removing directories with all that is in them.

import {
  AT_REMOVEDIR,
  close,
  entries,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  openat,
  renameat2,
  unlinkat,
  unlinkUnlessDirectory,
} from "./file.ts";

/** So many levels removeTree goes down, each of which holds a descriptor. */
const DEEPEST = 50;

/**
 * Removes what `path` names, with everything under it, however deep; symlinks are removed, not followed. Absent is fine.
 */
export function removeTree(dir: number, path: string): void {
  if (unlinkUnlessDirectory(dir, path)) return;
  const top = openat(dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    // More than once: what lies too deep comes up to here.
    for (let found = entries(top); found.length > 0; found = entries(top)) {
      for (const { name } of found) removeBelow(top, name, 1, top);
    }
  } finally {
    close(top);
  }
  unlinkat(dir, path, AT_REMOVEDIR);
}

/** The same, `level` levels below the directory `top`. */
function removeBelow(dir: number, name: string, level: number, top: number): void {
  if (unlinkUnlessDirectory(dir, name)) return;
  if (level === DEEPEST) return renameat2(dir, name, top, `.deep-${crypto.randomUUID()}`);
  const fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    for (const entry of entries(fd)) removeBelow(fd, entry.name, level + 1, top);
  } finally {
    close(fd);
  }
  unlinkat(dir, name, AT_REMOVEDIR);
}
