// Volumes. volumes/NAME/ holds _data/, which containers mount, and volume.json. A process that begins to use
// a volume holds the shared lock of volumes/.lock until its container is in containers/. A process that
// removes a volume holds the lock exclusively.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { lock } from "../../ffi/lock.ts";
import { cloneMount } from "../../ffi/mount.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { Failure } from "../base/error.ts";
import { readConfig } from "../container/config.ts";
import { containerIds, damagedContainers } from "../container/find.ts";
import { emitVolume } from "../events/emit.ts";
import { randomHex } from "../base/hex.ts";
import { replaceFile, writeFile } from "../base/json.ts";
import { beginWork, bury, MountedWithin, rootFd, rootPath, temporaryName } from "../store/root.ts";
import { mapOf, moment, nullable, optional, readRecord, shapeOf, text, truth } from "../base/shape.ts";
import { checkLocalOptions, isMounted, type LocalOptions, mountLocal } from "./local_options.ts";
import { naturalOrder } from "./natural_order.ts";
import { checkVolumeName, isVolumeName } from "../model/volume_name.ts";

/** A volume's properties, without its content. */
export interface Volume {
  name: string;
  /** RFC 3339, UTC. */
  created: string;
  /** Absent for volumes made by -v and VOLUME, which can't have any. */
  labels?: Record<string, string>;
  /** Nobody chose its name, so prune removes it even without --all. */
  anonymous: boolean;
  /** Options for the driver; absent where there are none. */
  options?: LocalOptions;
}

const isStored = shapeOf<Omit<Volume, "name">>({
  created: optional(moment),
  labels: nullable(mapOf(text)),
  anonymous: optional(truth),
  options: optional(mapOf(text)),
});

export interface VolumeOptions {
  labels?: Record<string, string>;
  /** By default, true if there is no name. */
  anonymous?: boolean;
  options?: LocalOptions;
}

/**
 * Makes a volume, or leaves an existing one as it is. Without a name it gets 64 random hex digits. Throws
 * Failure for an invalid name, and KernelError.
 */
export async function createVolume(name: string | undefined, options: VolumeOptions = {}): Promise<Volume> {
  const chosen = name ?? randomHex();
  checkVolumeName(chosen);
  if (options.options) checkLocalOptions(chosen, options.options);
  const existing = readVolume(chosen);
  if (existing) return existing;
  await beginWork();
  const { labels, anonymous = name === undefined } = options;
  const path = temporaryName("volume");
  file.mkdirat(rootFd(), path, 0o700);
  file.mkdirat(rootFd(), `${path}/_data`, 0o755);
  const volume = { created: new Date().toISOString(), labels, anonymous, options: options.options };
  // Only volumes that a user would miss are worth waiting for the disk.
  (anonymous ? writeFile : replaceFile)(rootFd(), `${path}/volume.json`, JSON.stringify(volume));
  try {
    file.renameat2(rootFd(), path, rootFd(), `volumes/${chosen}`, file.RENAME_NOREPLACE);
  } catch (error) {
    removeTree(rootFd(), path);
    if (!isErrno(error, "EEXIST")) throw error;
    return readVolume(chosen) ?? { name: chosen, ...volume }; // another command was faster
  }
  emitVolume(chosen, "create");
  return { name: chosen, ...volume };
}

/**
 * Descriptor (O_PATH) of the volume's content; a missing volume is made. The caller holds
 * lockVolumes("shared"), or the volume may be removed meanwhile. Throws like createVolume.
 */
export async function openVolume(name: string, options: VolumeOptions = {}): Promise<number> {
  await createVolume(name, { anonymous: false, ...options });
  if (file.statIfAny(rootFd(), `volumes/${name}/fill`)) {
    const { finishPopulating } = await import("./populate.ts");
    await finishPopulating(name);
  }
  return file.openat(rootFd(), `volumes/${name}/_data`, file.O_PATH | file.O_DIRECTORY);
}

/**
 * A detached mount of the volume's content. The caller holds lockVolumes("shared") or has a container. Throws
 * like openVolume.
 */
export async function mountVolume(name: string): Promise<number> {
  const content = await openVolume(name);
  try {
    const options = readVolume(name)?.options;
    if (!isMounted(options)) return cloneMount(content, "", true);
    return await mountLocal(options, mountpointOf(name));
  } finally {
    file.close(content);
  }
}

/** Whether there is a volume of this name. */
export function volumeExists(name: string): boolean {
  return isVolumeName(name) && file.statIfAny(rootFd(), `volumes/${name}`) !== undefined;
}

/** The path of the volume's content on the host. */
export function mountpointOf(name: string): string {
  return `${rootPath()}/volumes/${name}/_data`;
}

/** The properties of a volume; undefined where there is none. */
export function readVolume(name: string): Volume | undefined {
  if (!isVolumeName(name)) return undefined;
  const stat = file.statIfAny(rootFd(), `volumes/${name}`);
  if (!stat) return undefined;
  // volume.json can be lost in a power cut that leaves the content.
  const stored = readRecord<Partial<Volume>>(rootFd(), `volumes/${name}/volume.json`, isStored) ?? {};
  const created = stored.created ?? new Date(stat.modified.seconds * 1000).toISOString();
  return {
    name,
    created,
    labels: stored.labels,
    anonymous: stored.anonymous ?? false,
    options: stored.options,
  };
}

/** Names of volumes without a readable volume.json. */
export function damagedVolumes(): string[] {
  return listVolumes().map(({ name }) => name)
    .filter((name) => !readRecord(rootFd(), `volumes/${name}/volume.json`, isStored));
}

/** All volumes, sorted by name; numbers in names count by their value. */
export function listVolumes(): Volume[] {
  const folder = file.openat(rootFd(), "volumes", file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(folder).map(({ name }) => readVolume(name)).filter((volume) => volume !== undefined)
      .sort((a, b) => naturalOrder(a.name, b.name));
  } finally {
    file.close(folder);
  }
}

/** IDs of the containers that have a volume among their mounts, running or not, by the volume's name. */
export function volumesInUse(): Map<string, string[]> {
  const users = new Map<string, string[]>();
  for (const id of containerIds()) {
    for (const name of volumesOf(id)) users.set(name, [...users.get(name) ?? [], id]);
  }
  return users;
}

function volumesOf(id: string): Set<string> {
  let dir: number;
  try {
    dir = file.openat(rootFd(), `containers/${id}`, file.O_PATH | file.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return new Set();
    throw error;
  }
  try {
    const mounts = readConfig(dir)?.mounts ?? [];
    return new Set(mounts.filter((mount) => mount.type === "volume").map((mount) => mount.source));
  } finally {
    file.close(dir);
  }
}

/**
 * Waits for the lock between commands that begin to use volumes ("shared", from before openVolume until the
 * container is in containers/) and commands that remove them ("exclusive"). Closing the returned descriptor
 * releases the lock. The functions here that remove volumes take the lock themselves, and would wait for ever
 * for a caller that has it.
 */
export function lockVolumes(kind: "shared" | "exclusive"): number {
  const fd = file.openat(rootFd(), "volumes/.lock", file.O_RDWR | file.O_CREAT, 0o600);
  lock(fd, kind);
  return fd;
}

/**
 * Removes a volume. Throws Failure where there is none, a container uses it, or something is
 * mounted in it.
 */
export async function removeVolume(name: string): Promise<void> {
  const { removed, kept } = await remove((users) => {
    const ids = users.get(name);
    if (!ids || !volumeExists(name)) {
      checkDamaged(name);
      return [name];
    }
    throw new Failure(`remove ${name}: volume is in use - [${ids.join(", ")}]`);
  });
  if (kept.length > 0) throw kept[0];
  if (removed.length === 0) throw new Failure(`No such volume: ${name}`);
}

/** The volumes of a damaged container are not known. */
function checkDamaged(name: string): void {
  const [damaged] = volumeExists(name) ? damagedContainers() : [];
  if (damaged === undefined) return;
  throw new Failure(
    `remove ${name}: volume may be in use by the damaged container ${damaged}; remove that first, with: ` +
      `mydocker rm -f ${damaged.slice(0, 12)}`,
  );
}

/** Volumes that were removed, and the reasons why others were not. */
export interface Removed {
  removed: string[];
  kept: MountedWithin[];
}

/**
 * Removes those of the volumes `names` that no container uses and that have nothing mounted in them. Unknown
 * names are ignored.
 */
export async function removeUnused(names: Iterable<string>): Promise<Removed> {
  return await remove((users) => [...names].filter((name) => !users.has(name)));
}

/**
 * Removes the volumes that `choose` returns, given the users of all volumes. Slow work happens after the lock
 * is released.
 */
async function remove(choose: (users: Map<string, string[]>) => string[]): Promise<Removed> {
  await beginWork();
  const graves: string[] = [];
  const done: Removed = { removed: [], kept: [] };
  const held = lockVolumes("exclusive");
  try {
    for (const name of choose(volumesInUse()).filter(volumeExists)) {
      try {
        const grave = bury(`volumes/${name}`);
        if (grave === undefined) continue;
        graves.push(grave);
        done.removed.push(name);
        emitVolume(name, "destroy");
      } catch (error) {
        if (!(error instanceof MountedWithin)) throw error;
        done.kept.push(error);
      }
    }
  } finally {
    file.close(held);
  }
  for (const grave of graves) removeTree(rootFd(), grave);
  return done;
}
