// v1's cpuset, which lets nobody in before it has processors and memory nodes.

import { readControl, writeControl } from "./control_file.ts";

/** Gives a group its parent's processors and memory nodes where it has none, and before that the parent. */
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
