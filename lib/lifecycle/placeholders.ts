// Placeholders: the mount points and marks that a start leaves in a container's writable layer where the
// image lacks them. They are not the user's changes, so commit leaves them out. The user's files can't be
// there, because something is mounted over them while the container runs.

import * as file from "../../ffi/file.ts";
import { rootFd } from "../store/root.ts";
import { ETC_FILES } from "./etc_files.ts";

const MOUNT_POINTS = ["dev", "proc", "sys"];

/**
 * Tells placeholders from changes, by path relative to the root, in the writable layer `upper` above
 * `layers`.
 */
export function placeholderFilter(
  upper: number,
  layers: string[],
): (path: string, stat: file.Stat) => boolean {
  return (path, stat) => {
    if (path === "etc") return holdsPlaceholdersOnly(upper, stat, layers);
    return isPlaceholder(upper, path, stat) ||
      MOUNT_POINTS.some((point) => path === point || path.startsWith(`${point}/`));
  };
}

function isPlaceholder(upper: number, path: string, { mode, size }: file.Stat): boolean {
  if (path === "etc/mtab") return isLinkTo(upper, path, mode, "/proc/mounts");
  const empty = (mode & file.S_IFMT) === file.S_IFREG && size === 0;
  return empty && (path === ".dockerenv" || ETC_FILES.some((name) => path === `etc/${name}`));
}

function isLinkTo(dir: number, path: string, mode: number, target: string): boolean {
  return (mode & file.S_IFMT) === file.S_IFLNK && file.readlinkat(dir, path) === target;
}

/**
 * Making placeholders in the image's etc/ copied that directory up; it is a change only if it looks different
 * now.
 */
function holdsPlaceholdersOnly(upper: number, { mode, uid, gid }: file.Stat, layers: string[]): boolean {
  const below = layers.map((hex) => file.statIfAny(rootFd(), `layers/${hex}/diff/etc`)).findLast((stat) =>
    stat
  );
  if (!below || below.mode !== mode || below.uid !== uid || below.gid !== gid) return false;
  const etc = file.openat(upper, "etc", file.O_RDONLY | file.O_DIRECTORY | file.O_NOFOLLOW);
  try {
    return file.entries(etc).every(({ name }) => isPlaceholder(upper, `etc/${name}`, file.stat(etc, name)));
  } finally {
    file.close(etc);
  }
}
