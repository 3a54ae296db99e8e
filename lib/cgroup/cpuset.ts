// v1's cpuset, which refuses processes until it has processors and memory nodes.

import { readControl, writeControl } from "./control_file.ts";

/** Gives a group that was just made its parent's processors and memory nodes. */
export function inheritCpuset(path: string): void {
  const parent = path.slice(0, path.lastIndexOf("/"));
  for (const name of ["cpuset.cpus", "cpuset.mems"]) {
    const given = readControl(`${parent}/${name}`) ?? "";
    writeControl(`${path}/${name}`, given.trim() === "" ? giveFromAbove(parent, name) : given);
  }
}

/** What a group has, which gets its parent's where it has none. */
function giveFromAbove(path: string, name: string): string {
  const own = readControl(`${path}/${name}`) ?? "";
  if (own.trim() !== "" || path === "") return own;
  const given = giveFromAbove(path.slice(0, path.lastIndexOf("/")), name);
  writeControl(`${path}/${name}`, given);
  return given;
}
