// Paths for `cp`. A slash or "/." at the end has a meaning that must survive cleaning.

// @ts-types="../cli/std.d.ts"
import { resolve } from "@std/path/posix/resolve";

/** One side of a copy: a container or the host. */
export interface Side {
  /** Descriptor (O_PATH) of the directory that is "/" for all paths. */
  root: number;
  /** Undefined for the host. */
  container?: string;
}

/** The path made absolute, without ".", ".." and double slashes, by its text alone (Go's path.Clean). */
export function cleanAbsolute(path: string): string {
  return resolve("/", path);
}

/** Whether the path can only be a directory, because it ends with a slash or ".". */
export function saysDirectory(path: string): boolean {
  return /(^|\/)\.?$/.test(path);
}

/** Whether the path means the directory's content rather than the directory: its last component is ".". */
export function saysContents(path: string): boolean {
  return /(^|\/)\.$/.test(path);
}

/** "/a" and "b" for "/a/b"; "/" and "" for "/". */
export function splitPath(path: string): [directory: string, name: string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash) || "/", path.slice(slash + 1)];
}
