// What commands that were killed left behind.

import * as file from "../../ffi/file.ts";
import { completePublishing } from "../image/publish.ts";
import { unusedLayers } from "../layer/usage.ts";
import { hasName, nameOwner } from "../container/names.ts";
import { discard, rootFd } from "./root.ts";

/**
 * Completes what was being published, and removes everything in tmp/, layers that no image and no container needs, and names that no container has. The caller
 * holds the exclusive lock of tmp/: nobody is at work, so all that looks unfinished is.
 */
export function sweep(): void {
  for (const name of namesIn("tmp")) {
    if (name === ".lock") continue;
    completePublishing(`tmp/${name}`);
    file.removeTree(rootFd(), `tmp/${name}`);
  }
  for (const layer of unusedLayers()) discard(`layers/${layer}`);
  for (const name of namesIn("names")) {
    if (name !== ".lock" && !isHad(name)) file.removeTree(rootFd(), `names/${name}`);
  }
}

function isHad(name: string): boolean {
  const owner = nameOwner(name);
  return owner !== undefined && hasName(owner, name);
}

function namesIn(folder: string): string[] {
  const fd = file.openat(rootFd(), folder, file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(fd).map(({ name }) => name);
  } finally {
    file.close(fd);
  }
}
