// Renames containers.

import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { emitContainer } from "../events/emit.ts";
import { noteRenamed } from "../events/names.ts";
import { staged } from "../layer/store.ts";
import { replaceFile } from "../base/json.ts";
import { rootFd } from "../store/root.ts";
import { readConfig } from "../container/config.ts";
import { claimName, lockNames, nameOwner, releaseName } from "../container/names.ts";
import type { Container } from "../model/container.ts";
import { checkName } from "../model/container_name.ts";

/**
 * Renames a container, which may run. Look-ups meanwhile find it by one of the names, never by both: the name
 * in config.json counts, and that changes atomically. Throws Failure in docker's words.
 */
export async function renameContainer({ id, dir }: Container, wanted: string): Promise<void> {
  // A directory in tmp/ exists during the rename: if this is killed, the next command repairs the names.
  await staged("rename", () => {
    const lock = lockNames();
    try {
      exchangeName(id, dir, wanted);
    } finally {
      file.close(lock);
    }
    return Promise.resolve();
  });
}

function exchangeName(id: string, dir: number, wanted: string): void {
  const config = readConfig(dir);
  if (!config || !file.statIfAny(rootFd(), `containers/${id}`)) {
    throw new Failure(`No such container: ${id}`);
  }
  const name = claim(id, config.name, wanted);
  try {
    replaceFile(dir, "config.json", JSON.stringify({ ...config, name }));
  } catch (error) {
    releaseName(name, id);
    throw error;
  }
  releaseName(config.name, id);
  noteRenamed(dir, name);
  emitContainer({ id, config: { ...config, name } }, "rename", { oldName: `/${config.name}` });
}

/** Makes names/WANTED the container's; returns the name without a "/" before it. */
function claim(id: string, current: string, wanted: string): string {
  const plain = wanted.replace(/^\//, "");
  if (plain === current) throw new Failure("Renaming a container with the same name as its current name");
  try {
    const name = checkName(`/${plain}`);
    // A killed rename may have made it, if other commands were running and so nobody swept.
    return nameOwner(name) === id ? name : claimName(id, name);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw error.reworded(`Error when allocating new name: ${error.message}`);
  }
}
