// Resolves mount points with symlinks on the way, even if these lead to something that does not exist yet.

import * as file from "../../ffi/file.ts";
import { openInsideIfAny } from "../layer/inside.ts";

/** The kernel's limit for symlinks. */
const MOST_LINKS = 40;

/** What is mounted in a root: a descriptor, and the path without symlinks. */
export interface Mounted {
  fd: number;
  target: string;
}

/**
 * The path of a mount point in the container's root, which is partly covered by `mounted`. Where symlinks
 * lead to something missing, it is their target, which is to be made, as by docker. Whoever shares a volume
 * may change symlinks meanwhile; then the path leads elsewhere in the same container.
 */
export function resolveMountPoint(root: number, target: string, mounted: Mounted[]): string {
  const present = openInsideIfAny(root, target);
  if (present !== undefined) {
    file.close(present);
    return target;
  }
  const left = target.split("/");
  const path: string[] = [];
  for (let links = 0; left.length > 0;) {
    const part = left.shift()!;
    if (part === "..") path.pop();
    if (part === "" || part === "." || part === "..") continue;
    const link = linkAt(root, `/${[...path, part].join("/")}`, mounted);
    if (link === undefined) path.push(part);
    else if (++links > MOST_LINKS) return target; // for the kernel to refuse
    else {
      if (link.startsWith("/")) path.length = 0;
      left.unshift(...link.split("/"));
    }
  }
  return `/${path.join("/")}`;
}

/** The text of the symlink at `path`, whose directory has none on its way; undefined where there is none. */
function linkAt(root: number, path: string, mounted: Mounted[]): string | undefined {
  const covering = mounted.filter(({ target }) => path.startsWith(`${target}/`))
    .sort((a, b) => b.target.length - a.target.length)[0];
  const [dir, below] = covering ? [covering.fd, path.slice(covering.target.length)] : [root, path];
  const slash = below.lastIndexOf("/");
  const parent = openInsideIfAny(dir, below.slice(0, slash) || "/", file.O_DIRECTORY);
  if (parent === undefined) return undefined;
  try {
    const name = below.slice(slash + 1);
    const stat = file.statIfAny(parent, name);
    if (!stat || (stat.mode & file.S_IFMT) !== file.S_IFLNK) return undefined;
    return file.readlinkat(parent, name);
  } finally {
    file.close(parent);
  }
}
