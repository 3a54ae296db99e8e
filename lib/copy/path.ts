// Paths as `cp` takes them: what is said by a slash or "/." at the end must survive cleaning.

/** One side of a copy: in a container or on the host. */
export interface Side {
  /** What is "/" for all paths, a descriptor (O_PATH). */
  root: number;
  /** Undefined for the host. */
  container?: string;
}

/** Absolute, without ".", ".." and doubled slashes, by the text alone (Go's path.Clean). */
export function cleanAbsolute(path: string): string {
  const kept: string[] = [];
  for (const component of path.split("/")) {
    if (component === "..") kept.pop();
    else if (component !== "" && component !== ".") kept.push(component);
  }
  return `/${kept.join("/")}`;
}

/** Whether the path ends so that it can only be a directory: with a slash or ".". */
export function saysDirectory(path: string): boolean {
  return /(^|\/)\.?$/.test(path);
}

/** Whether it means what is in the directory, and not the directory: its last component is ".". */
export function saysContents(path: string): boolean {
  return /(^|\/)\.$/.test(path);
}

/** "/a" and "b" for "/a/b"; "/" and "" for "/". */
export function splitPath(path: string): [directory: string, name: string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash) || "/", path.slice(slash + 1)];
}
