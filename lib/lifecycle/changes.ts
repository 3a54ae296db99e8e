// The changes in a container's writable layer: docker diff.

import * as file from "../../ffi/file.ts";
import { getXattr } from "../../ffi/xattr.ts";
import { openImageRoot } from "../layer/overlay.ts";
import { isWhiteout, OPAQUE_XATTR } from "../layer/whiteout.ts";
import { placeholderFilter } from "./placeholders.ts";
import type { Container } from "../model/container.ts";

/** Added, changed, deleted; `path` is absolute. */
export interface Change {
  kind: "A" | "C" | "D";
  path: string;
}

interface Walk {
  changes: Change[];
  isPlaceholder: (path: string, stat: file.Stat) => boolean;
}

/** All changes, each directory before its content, sorted by name. Placeholders of a start are left out. */
export function containerChanges({ dir, config }: Container): Change[] {
  const upper = file.openat(dir, "upper", file.O_RDONLY | file.O_DIRECTORY);
  const image = openImageRoot(config.layers);
  const lower = file.openat(image, ".", file.O_RDONLY | file.O_DIRECTORY);
  try {
    const walk: Walk = { changes: [], isPlaceholder: placeholderFilter(upper, config.layers) };
    compareDirectory(walk, upper, lower, "");
    return walk.changes;
  } finally {
    for (const fd of [upper, image, lower]) file.close(fd);
  }
}

/**
 * `lower` is undefined where the image has no such directory; `path` is relative to the root, "" for that.
 */
function compareDirectory(walk: Walk, upper: number, lower: number | undefined, path: string): void {
  const names = new Set(file.entries(upper).map(({ name }) => name));
  // An opaque directory hides the lower one completely: what does not exist in it again is deleted.
  const opaque = lower !== undefined && getXattr(upper, "", OPAQUE_XATTR)?.[0] === "y".charCodeAt(0);
  if (opaque) file.entries(lower).forEach(({ name }) => names.add(name));
  for (const name of [...names].sort()) {
    compareEntry(walk, upper, lower, name, path ? `${path}/${name}` : name);
  }
}

function compareEntry(
  walk: Walk,
  upper: number,
  lower: number | undefined,
  name: string,
  path: string,
): void {
  const now = file.statIfAny(upper, name);
  const before = lower === undefined ? undefined : file.statIfAny(lower, name);
  if (now && walk.isPlaceholder(path, now)) return;
  if (!now || isWhiteout(now)) {
    if (before) walk.changes.push({ kind: "D", path: `/${path}` });
    return;
  }
  const place = walk.changes.length;
  if (isDirectory(now)) {
    const fds = [upper, ...(lower !== undefined && before && isDirectory(before) ? [lower] : [])]
      .map((parent) => file.openat(parent, name, file.O_RDONLY | file.O_DIRECTORY | file.O_NOFOLLOW));
    compareDirectory(walk, fds[0], fds[1], path);
    fds.forEach(file.close);
  }
  if (!before) walk.changes.splice(place, 0, { kind: "A", path: `/${path}` });
  else if (walk.changes.length > place || looksDifferent(before, now)) {
    walk.changes.splice(place, 0, { kind: "C", path: `/${path}` });
  }
}

function isDirectory({ mode }: file.Stat): boolean {
  return (mode & file.S_IFMT) === file.S_IFDIR;
}

/** Compares as docker does: the time and size of a directory are ignored. */
function looksDifferent(before: file.Stat, now: file.Stat): boolean {
  if (before.mode !== now.mode || before.uid !== now.uid || before.gid !== now.gid) return true;
  if (before.rdevMajor !== now.rdevMajor || before.rdevMinor !== now.rdevMinor) return true;
  if (isDirectory(now)) return false;
  return before.size !== now.size || before.modified.seconds !== now.modified.seconds ||
    before.modified.nanoseconds !== now.modified.nanoseconds;
}
