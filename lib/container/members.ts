// Which processes are a container's: those in its PID namespace, and in namespaces made inside of it.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { groupMembers } from "../cgroup/group.ts";
import { parentNamespace } from "../../ffi/namespace.ts";

/** How often in a row nothing new must be found while processes vanish before they are looked at. */
const QUIET_ROUNDS = 20;

/** Descriptor of a process's PID namespace; undefined once the process is gone. */
export function pidNamespace(pid: number): number | undefined {
  return openNamespace(file.AT_FDCWD, `/proc/${pid}/ns/pid`);
}

function openNamespace(dir: number, path: string): number | undefined {
  try {
    return file.openat(dir, path, file.O_RDONLY);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH", "EACCES")) return undefined; // EACCES: it is just about to be gone
    throw error;
  }
}

/**
 * Calls `take` with the ID of every process in the namespace or below, as soon as it is seen, until there are no new
 * ones: children of those that were not taken yet may appear at any time, and their parents end. With `patience` in
 * milliseconds; false where new ones still came by then.
 */
export function takeMembers(namespace: number, take: (pid: number) => void, patience: number): boolean {
  const end = Date.now() + patience;
  const proc = file.openat(file.AT_FDCWD, "/proc", file.O_RDONLY | file.O_DIRECTORY);
  const family = namespaceFamily(namespace);
  const seen = new Set<string>();
  try {
    for (let quiet = 0; quiet < QUIET_ROUNDS;) {
      let [found, vanished] = [false, false];
      // Only the new ones are looked at, so that a round is shorter than most processes' lives.
      const fresh = file.entries(proc).filter(({ name }) => /^\d/.test(name) && !seen.has(name));
      for (const { name } of fresh) {
        seen.add(name);
        const member = family.has(proc, name);
        if (member) take(Number(name));
        found ||= member === true;
        vanished ||= member === undefined;
      }
      if (!found && !vanished) return true;
      quiet = found ? 0 : quiet + 1;
      if (Date.now() > end) return false;
    }
    return true;
  } finally {
    family.close();
    file.close(proc);
  }
}

/** The same of a container without a PID namespace of its own, by its cgroup. */
export function takeGroup(id: string, take: (pid: number) => void, patience: number): boolean {
  const end = Date.now() + patience;
  const seen = new Set<number>();
  for (;;) {
    const fresh = groupMembers(id).filter((pid) => !seen.has(pid));
    if (fresh.length === 0) return true;
    for (const pid of fresh) {
      seen.add(pid);
      take(pid);
    }
    if (Date.now() > end) return false;
  }
}

/** Tells who is in a PID namespace or one below. */
function namespaceFamily(namespace: number) {
  const known = new Map([[identity(namespace), true]]);
  // Held open, so that their numbers stand for nothing else meanwhile.
  const held: number[] = [];
  if (identity(namespace) === identityOf(file.AT_FDCWD, "/proc/self/ns/pid")) {
    throw new Error("the container's PID namespace is the host's");
  }

  function isBelow(fd: number): boolean {
    const answer = known.get(identity(fd));
    if (answer !== undefined) return answer;
    const parent = parentNamespace(fd);
    if (parent === undefined) return false;
    held.push(parent);
    return isBelow(parent);
  }

  return {
    /** Undefined where the process is gone. */
    has(proc: number, pid: string): boolean | undefined {
      const path = `${pid}/ns/pid`;
      const id = identityOf(proc, path);
      if (id === undefined) return undefined;
      if (known.has(id)) return known.get(id);
      const fd = openNamespace(proc, path);
      if (fd === undefined) return undefined;
      held.push(fd);
      const answer = isBelow(fd);
      known.set(identity(fd), answer);
      return answer;
    },
    close() {
      for (const fd of held) file.close(fd);
    },
  };
}

const identity = (fd: number) => String(file.stat(fd, "").inode);

function identityOf(dir: number, path: string): string | undefined {
  try {
    const found = file.statIfAny(dir, path, true);
    return found && String(found.inode);
  } catch (error) {
    if (isErrno(error, "ESRCH", "EACCES")) return undefined;
    throw error;
  }
}
