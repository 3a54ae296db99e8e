// Finds containers by what users type.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { rootFd } from "../store/root.ts";
import { readConfig } from "./config.ts";
import { hasName, nameOwner } from "./names.ts";
import type { Container } from "../model/container.ts";

/**
 * The container with this ID; undefined where there is none. Throws Failure where its configuration is
 * damaged.
 */
export function openContainer(id: string): Container | undefined {
  let dir: number;
  try {
    dir = file.openat(rootFd(), `containers/${id}`, file.O_RDONLY | file.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
  const config = readConfig(dir);
  if (config?.id !== id) {
    file.close(dir);
    // A container that is being removed is moved away before it is emptied.
    if (!file.statIfAny(rootFd(), `containers/${id}`)) return undefined;
    throw new Failure(
      `config.json of container ${id} is missing or damaged; remove it with: mydocker rm -f ${
        id.slice(0, 12)
      }`,
    );
  }
  return { id, dir, config };
}

/**
 * Like openContainer, but undefined also where the configuration is damaged; for commands about all
 * containers.
 */
export function openUndamaged(id: string): Container | undefined {
  try {
    return openContainer(id);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** IDs of all containers, in no order. */
export function containerIds(): string[] {
  const folder = file.openat(rootFd(), "containers", file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(folder).map(({ name }) => name).filter((name) => /^[0-9a-f]{64}$/.test(name));
  } finally {
    file.close(folder);
  }
}

/** IDs of the containers whose configuration is missing or damaged. */
export function damagedContainers(): string[] {
  return containerIds().filter((id) => {
    const dir = file.openIfAny(rootFd(), `containers/${id}`, file.O_PATH | file.O_DIRECTORY);
    if (dir === undefined) return false;
    try {
      // A container that is being removed is moved away before it is emptied.
      return readConfig(dir)?.id !== id && file.statIfAny(rootFd(), `containers/${id}`) !== undefined;
    } finally {
      file.close(dir);
    }
  });
}

/**
 * The ID that `reference` stands for: as a name, an ID, or the beginning of an ID, in this order. Undefined
 * where there is none.
 */
export function findContainerId(reference: string): string | undefined {
  const name = reference.replace(/^\//, "");
  if (/^[0-9a-f]{64}$/.test(name) && file.statIfAny(rootFd(), `containers/${name}`)) return name;
  const owner = name && !name.includes("/") ? nameOwner(name) : undefined;
  if (owner && hasName(owner, name)) return owner;
  if (!/^[0-9a-f]{1,63}$/.test(name)) return undefined;
  const matches = containerIds().filter((id) => id.startsWith(name));
  if (matches.length > 1) {
    const shown = matches.sort().slice(0, 5).map((id) => id.slice(0, Math.max(12, name.length + 4)));
    const list = shown.join(", ") + (matches.length > 5 ? ` and ${matches.length - 5} more` : "");
    throw new Failure(`Multiple IDs found with provided prefix: ${name} (${list})`);
  }
  return matches[0];
}

/**
 * Does `work` with the container that `reference` stands for, and closes its directory: a command may be
 * given more containers than it may have descriptors. Throws like findContainer.
 */
export async function withContainer<T>(
  reference: string,
  work: (container: Container) => T | Promise<T>,
): Promise<T> {
  const container = findContainer(reference);
  try {
    return await work(container);
  } finally {
    file.close(container.dir);
  }
}

/** Combines findContainerId and openContainer; throws docker's "No such container". */
export function findContainer(reference: string): Container {
  const id = findContainerId(reference);
  const container = id === undefined ? undefined : openContainer(id);
  if (!container) throw new Failure(`No such container: ${reference}`);
  return container;
}
