// Container names: names/NAME is a symlink to the ID. Claiming a name is a single system call, so only one
// process can win.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { Failure } from "../base/error.ts";
import { rootFd } from "../store/root.ts";
import { readConfig } from "./config.ts";
import { randomName } from "./random_name.ts";

/** Gives `name`, or a random one, to the container `id`. Throws Failure where the name is taken. */
export function claimName(id: string, name: string | undefined): string {
  if (name === undefined) {
    for (let attempt = 0; attempt < 100; attempt++) {
      // Two words first, as docker; with a number after them once the words run out.
      const candidate = randomName() + (attempt < 6 ? "" : crypto.getRandomValues(new Uint16Array(1))[0]);
      if (claim(id, candidate)) return candidate;
    }
    throw new Failure("no free container name found; give one with --name");
  }
  if (claim(id, name)) return name;
  const owner = nameOwner(name);
  if (isNobodys(name, owner)) {
    // A command was killed between removing the container and releasing its name.
    removeTree(rootFd(), `names/${name}`);
    if (claim(id, name)) return name;
  }
  throw new Failure(
    `Conflict. The container name "/${name}" is already in use by container "${owner}". ` +
      "You have to remove (or rename) that container to be able to reuse that name.",
  );
}

function claim(id: string, name: string): boolean {
  try {
    file.symlinkat(id, rootFd(), `names/${name}`);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    if (isErrno(error, "ENAMETOOLONG")) throw new Failure(`container name is too long: ${name}`);
    throw error;
  }
}

/** Whether the name exists, but no container has it, nor will one that a command is about to make. */
function isNobodys(name: string, owner: string | undefined): boolean {
  if (owner === undefined) return isDamaged(name);
  // The order matters: a container is made in tmp/ and then moved to containers/.
  return ![`tmp/container-${owner}`, `containers/${owner}`].some((path) => file.statIfAny(rootFd(), path));
}

/** The ID that has `name`; undefined where none has. */
export function nameOwner(name: string): string | undefined {
  try {
    return file.readlinkat(rootFd(), `names/${name}`);
  } catch (error) {
    if (isErrno(error, "ENOENT", "EINVAL", "ENAMETOOLONG", "ENOTDIR")) return undefined;
    throw error;
  }
}

/**
 * Whether a container exists and its configuration has this name. A rename may be killed between its steps,
 * so names/ alone proves nothing. An unreadable configuration does not contradict the name.
 */
export function hasName(id: string, name: string): boolean {
  const dir = file.openIfAny(rootFd(), `containers/${id}`, file.O_PATH | file.O_DIRECTORY);
  if (dir === undefined) return false;
  try {
    return (readConfig(dir)?.name ?? name) === name;
  } finally {
    file.close(dir);
  }
}

/**
 * Waits for the lock under which containers are renamed, or removed with their names. Closing the returned
 * descriptor releases it.
 */
export function lockNames(): number {
  const fd = file.openat(rootFd(), "names/.lock", file.O_RDWR | file.O_CREAT, 0o600);
  lock(fd, "exclusive");
  return fd;
}

/** Whether the name is something that no command makes: not a symlink. */
function isDamaged(name: string): boolean {
  const found = file.statIfAny(rootFd(), `names/${name}`);
  return found !== undefined && (found.mode & file.S_IFMT) !== file.S_IFLNK;
}

/** Names that no container has, nor will have once it has been made. */
export function damagedNames(): string[] {
  const folder = file.openat(rootFd(), "names", file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(folder).map(({ name }) => name)
      .filter((name) => !name.startsWith(".") && isNobodys(name, nameOwner(name)));
  } finally {
    file.close(folder);
  }
}

/** Removes the damaged names. */
export function removeDamagedNames(): void {
  const names = lockNames();
  for (const name of damagedNames()) removeTree(rootFd(), `names/${name}`);
  file.close(names);
}

/** Releases the name if it is still this container's, or nobody's. */
export function releaseName(name: string, id: string): void {
  const owner = nameOwner(name);
  if (owner === id || isNobodys(name, owner)) removeTree(rootFd(), `names/${name}`);
}
