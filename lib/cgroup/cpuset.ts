// v1's cpuset, which refuses processes until it has processors and memory nodes.

import { readControl, writeControl } from "./control_file.ts";

/**
 * Gives a group without processors and memory nodes those of its parent, after doing the same for the parent.
 */
export function inheritCpuset(path: string): void {
  const parent = path.slice(0, path.lastIndexOf("/"));
  for (const name of ["cpuset.cpus", "cpuset.mems"]) {
    if (readControl(`${path}/${name}`)?.trim() !== "") continue;
    let given = readControl(`${parent}/${name}`) ?? "";
    if (given.trim() === "") {
      inheritCpuset(parent);
      given = readControl(`${parent}/${name}`) ?? "";
    }
    writeControl(`${path}/${name}`, given);
  }
}
