// A container's files as it sees them itself, with its volumes and other mounts: through its first process if
// it has one, and otherwise mounted for inspection.

import { SIGKILL } from "../../ffi/constants.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import { attachMount, leaveMountNamespace } from "../../ffi/mount.ts";
import { Failure } from "../base/error.ts";
import { noteEnd } from "../keeper/report.ts";
import { openInside, openInsideIfAny } from "../layer/inside.ts";
import { mountRootfs } from "../layer/overlay.ts";
import { sleep } from "../base/sleep.ts";
import { rootPath } from "../store/root.ts";
import { openMounts } from "./mounts.ts";
import { containerState, firstProcess, isAlive } from "../container/state.ts";
import type { Container } from "../model/container.ts";

/**
 * How long another process may hold the container while it does not run, in ms: one that starts, removes or
 * copies it.
 */
const PATIENCE = 10_000;

/**
 * Root directory (O_PATH) of the container's first process `pid`; undefined if it is not that, or no longer.
 */
export function openProcessRoot(dir: number, pid: number): number | undefined {
  const root = file.openIfAny(file.AT_FDCWD, `/proc/${pid}/root`, file.O_PATH | file.O_DIRECTORY);
  if (root === undefined) return undefined;
  // If the process has ended, its PID may be another's by now.
  if (firstProcess(dir) === pid) return root;
  file.close(root);
  return undefined;
}

/**
 * Root directory (O_PATH) of the container, for reading and writing until this process ends; a stopped
 * container can't be started, removed or otherwise entered until then. Called at most once per process, which
 * leaves its mount namespace. The container may change its files at any moment, so every path must be
 * resolved with this root (openInside). Throws Failure.
 */
export async function openRoot(container: Container): Promise<number> {
  const { id, dir } = container;
  const patience = performance.now() + PATIENCE;
  for (;;) {
    const state = containerState(dir);
    const running = isAlive(state) ? openProcessRoot(dir, state.pid) : undefined;
    if (running !== undefined) return running;
    if (holdStopped(container)) return await openStopped(container);
    if (performance.now() > patience) {
      throw new Failure(`container ${id.slice(0, 12)} is being used by another command; try again`);
    }
    sleep(10);
  }
}

/** Keeps the container from being started until this process ends; false if that can't be decided yet. */
function holdStopped({ id, dir }: Container): boolean {
  let lock: number;
  try {
    lock = file.openat(dir, "lock", file.O_RDWR | file.O_CREAT, 0o600);
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw new Failure(`No such container: ${id}`);
    throw error;
  }
  if (!tryLock(lock, "exclusive")) {
    file.close(lock);
    return false;
  }
  noteEnd(lock, SIGKILL); // its keeper was killed
  return true;
}

async function openStopped(container: Container): Promise<number> {
  const rootfs = mountRootfs(container.config);
  const mounts = await openMounts(container, rootfs, "aside");
  // Not earlier: the sources of bind mounts are in the namespace that this leaves.
  leaveMountNamespace();
  // Overlayfs has it open already, and nobody looks for files in it.
  const target = file.openat(
    file.AT_FDCWD,
    `${rootPath()}/containers/${container.id}/work`,
    file.O_PATH | file.O_DIRECTORY,
  );
  attachMount(rootfs, target);
  file.close(target);
  for (const { target, isFile, fd } of mounts) {
    const point = openMountPoint(rootfs, target, isFile);
    attachMount(fd, point);
    for (const done of [point, fd]) file.close(done);
  }
  return rootfs;
}

/** As a start does, which makes missing mount points. */
function openMountPoint(root: number, path: string, isFile: boolean): number {
  const present = openInsideIfAny(root, path);
  if (present !== undefined) return present;
  const slash = path.lastIndexOf("/");
  const parent = openMountPoint(root, path.slice(0, slash) || "/", false);
  try {
    const name = path.slice(slash + 1);
    if (isFile) file.mknodat(parent, name, file.S_IFREG | 0o755, 0);
    else file.mkdirat(parent, name, 0o755);
  } finally {
    file.close(parent);
  }
  return openInside(root, path);
}
