// Removes containers.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { groupsOf, removeGroups } from "../cgroup/group.ts";
import { Failure } from "../base/error.ts";
import { append } from "../events/append.ts";
import { emitContainer } from "../events/emit.ts";
import { sleep } from "../base/sleep.ts";
import { beginWork, bury, discard, rootFd } from "../store/root.ts";
import { readRecords } from "../keeper/report.ts";
import { readConfig } from "../container/config.ts";
import { endIfFrozen } from "../container/frozen.ts";
import { lockNames, nameOwner, releaseName } from "../container/names.ts";
import { type ContainerState, containerState } from "../container/state.ts";
import { openLock } from "../container/lost_lock.ts";
import type { Container } from "../model/container.ts";

/**
 * Removes a container that is not running, or with `force` kills it first. Anonymous volumes go with it if
 * `volumes`. Throws Failure where it runs.
 */
export async function removeContainer(
  container: Container,
  options: { force?: boolean; volumes?: boolean },
): Promise<void> {
  const { config } = container;
  await beginWork();
  const lock = await holdStopped(container, options.force ?? false);
  if (lock === undefined) return;
  try {
    await leaveNetworks(container, lock);
    const grave = buryWithName(container);
    if (grave) {
      emitContainer(container, "destroy");
      removeTree(rootFd(), grave);
    }
  } finally {
    file.close(lock);
  }
  // If the image was removed (rmi -f), the container may have been the last user of its layers.
  if (!file.statIfAny(rootFd(), `images/${config.image.replace("sha256:", "")}.json`)) {
    const { removeUnusedLayers } = await import("../image/remove.ts");
    await removeUnusedLayers(config.layers);
  }
  if (options.volumes) await removeAnonymousVolumes(container);
}

/** Does what a killed keeper could not do. */
async function leaveNetworks({ id, dir }: Container, lock: number): Promise<void> {
  // A damaged `lock` does not tell whether the container ran or how it ended.
  if (readRecords(lock).end || !file.statIfAny(dir, "endpoints.json")) return;
  const { leaveForKilled, removeUnusedBridges } = await import("../network/for_lifecycle.ts");
  await leaveForKilled(id);
  await removeUnusedBridges();
}

/**
 * Moves a container into tmp/ and releases its name: the present one, even if it was renamed after the
 * command began.
 */
function buryWithName({ id, dir, config }: Container): string | undefined {
  const names = lockNames();
  try {
    const grave = bury(`containers/${id}`);
    if (nameOwner(config.name) === id) file.unlinkIfAny(rootFd(), `names/${config.name}`);
    else {
      const name = readConfig(dir)?.name;
      if (name !== undefined) releaseName(name, id);
    }
    return grave;
  } finally {
    file.close(names);
  }
}

/** Removes a container whose configuration can't be read, and the name that still points to it. */
export async function removeDamaged(id: string): Promise<void> {
  await beginWork();
  const dir = file.openat(rootFd(), `containers/${id}`, file.O_RDONLY | file.O_DIRECTORY);
  const opened = [dir];
  try {
    const lock = await holdStopped({ id, dir }, true);
    if (lock === undefined) return;
    const names = file.openat(rootFd(), "names", file.O_RDONLY | file.O_DIRECTORY);
    opened.push(lock, names);
    discard(`containers/${id}`, () => {
      for (const { name } of file.entries(names)) if (nameOwner(name) === id) releaseName(name, id);
      append([{ Type: "container", Action: "destroy", Actor: { ID: id, Attributes: {} } }]);
    });
  } finally {
    for (const fd of opened) file.close(fd);
  }
}

/** Milliseconds to wait before checking again whether another process has removed the container. */
const LOOK_AGAIN = 2;

/**
 * Takes the lock, which means that nobody runs or starts the container; with `force`, ends it first.
 * Undefined if another process removed the container meanwhile.
 */
async function holdStopped(
  container: Pick<Container, "id" | "dir"> & Partial<Container>,
  force: boolean,
): Promise<number | undefined> {
  const { id, dir, config } = container;
  const fd = await openLockIfAny(container, force);
  if (fd === undefined) return undefined;
  try {
    while (!tryLock(fd, "exclusive")) {
      if (force) {
        const { endContainer } = await import("./stop.ts");
        await endContainer(container);
      } else {
        if (!isBeingRemoved(dir, fd)) throw notStopped(id, containerState(dir));
        sleep(LOOK_AGAIN);
      }
    }
    endIfFrozen(dir, () => true);
    // The cgroup that a killed keeper left, which may have processes of an exec.
    removeGroups(groupsOf(config ?? readConfig(dir) ?? { id }));
    return fd;
  } catch (error) {
    file.close(fd);
    throw error;
  }
}

/**
 * A container with --rm that has ended is removed by whoever has its lock. Its configuration may be gone
 * already.
 */
function isBeingRemoved(dir: number, lock: number): boolean {
  return readRecords(lock).end !== undefined && readConfig(dir)?.autoRemove !== false;
}

function notStopped(id: string, { status }: ContainerState): Failure {
  const first = status === "paused" ? "Unpause and then stop" : "Stop";
  const shown = status === "paused" || status === "restarting" ? status : "running";
  return new Failure(
    `You cannot remove a ${shown} container ${id}. ` +
      `${first} the container before attempting removal or force remove`,
  );
}

/** In a directory that is gone, nothing can be made. */
async function openLockIfAny(
  container: Pick<Container, "id" | "dir">,
  force: boolean,
): Promise<number | undefined> {
  try {
    return await openLock(container, force);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

async function removeAnonymousVolumes({ config }: Container): Promise<void> {
  const anonymous = config.mounts.filter((mount) => mount.type === "volume" && mount.anonymous);
  if (anonymous.length === 0) return;
  const { removeUnused } = await import("../volume/store.ts");
  const { kept } = await removeUnused(anonymous.map(({ source }) => source));
  if (kept.length > 0) throw kept[0];
}
