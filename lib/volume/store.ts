// Volumes: volumes/NAME/ holds _data/, which is mounted, and volume.json. Whoever starts to use a volume
// holds the shared lock of volumes/.lock until its container is in containers/; whoever removes one holds it
// exclusively.

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

/** What is known of a volume besides its content. */
export interface Volume {
  name: string;
  /** RFC 3339, UTC. */
  created: string;
  /** Absent where none could be given: -v and VOLUME make such volumes. */
  labels?: Record<string, string>;
  /** Nobody chose its name: prune takes it without being told --all. */
  anonymous: boolean;
  /** Of the driver; absent where there are none. */
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
  /** By default, whether there is no name. */
  anonymous?: boolean;
  options?: LocalOptions;
}

/**
 * Makes a volume, or leaves an existing one as it is; without a name it gets 64 random hex digits. Throws
 * Failure for a bad name, and KernelError.
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
  // Waiting for the disk is for what the user would miss.
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
 * Descriptor (O_PATH) of the volume's content, the volume being made where it is missing. Hold
 * lockVolumes("shared"), or the volume may be removed meanwhile. Throws as createVolume does.
 */
export async function openVolume(name: string, options: VolumeOptions = {}): Promise<number> {
  await createVolume(name, { anonymous: false, ...options });
  const fd = file.openat(rootFd(), `volumes/${name}/_data`, file.O_PATH | file.O_DIRECTORY);
  if (file.statIfAny(rootFd(), `volumes/${name}/fill`)) {
    const { finishPopulating } = await import("./populate.ts");
    await finishPopulating(name);
  }
  return fd;
}

/**
 * A detached mount of the volume's content. Hold lockVolumes("shared") or have a container. Throws as
 * openVolume does.
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

/** Where the host finds the volume's content. */
export function mountpointOf(name: string): string {
  return `${rootPath()}/volumes/${name}/_data`;
}

/** What is known of one volume; undefined where there is none. */
export function readVolume(name: string): Volume | undefined {
  if (!isVolumeName(name)) return undefined;
  const stat = file.statIfAny(rootFd(), `volumes/${name}`);
  if (!stat) return undefined;
  // volume.json can have been lost in a power cut; the content is then still there.
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

/** Names of the volumes of which is not known when, how and for what they were made. */
export function damagedVolumes(): string[] {
  return listVolumes().map(({ name }) => name)
    .filter((name) => !readRecord(rootFd(), `volumes/${name}/volume.json`, isStored));
}

/** All volumes, by name; numbers in names count as numbers. */
export function listVolumes(): Volume[] {
  const folder = file.openat(rootFd(), "volumes", file.O_RDONLY | file.O_DIRECTORY);
  try {
    return file.entries(folder).map(({ name }) => readVolume(name)).filter((volume) => volume !== undefined)
      .sort((a, b) => naturalOrder(a.name, b.name));
  } finally {
    file.close(folder);
  }
}

/** Ids of the containers that have a volume among their mounts, running or not, by the volume's name. */
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
 * Waits for the lock between those who begin to use volumes ("shared", from before openVolume until the
 * container can be seen in containers/) and those who remove them ("exclusive"). Returns the descriptor whose
 * closing gives it back. Functions here that remove take it themselves and would wait forever for a caller
 * that has it.
 */
export function lockVolumes(kind: "shared" | "exclusive"): number {
  const fd = file.openat(rootFd(), "volumes/.lock", file.O_RDWR | file.O_CREAT, 0o600);
  lock(fd, kind);
  return fd;
}

/**
 * Removes a volume. Throws Failure where there is none, a container has it, or something is
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

/** Of a damaged container it is not known which volumes it has. */
function checkDamaged(name: string): void {
  const [damaged] = volumeExists(name) ? damagedContainers() : [];
  if (damaged === undefined) return;
  throw new Failure(
    `remove ${name}: volume may be in use by the damaged container ${damaged}; remove that first, with: ` +
      `mydocker rm -f ${damaged.slice(0, 12)}`,
  );
}

/** Volumes that are gone, and why others had to stay. */
export interface Removed {
  removed: string[];
  kept: MountedWithin[];
}

/**
 * Removes those of the volumes `names` that no container has and nothing is mounted in. Unknown ones are
 * passed over.
 */
export async function removeUnused(names: Iterable<string>): Promise<Removed> {
  return await remove((users) => [...names].filter((name) => !users.has(name)));
}

/**
 * Removes the volumes that `choose` names, knowing who uses which; what is slow about it happens after the
 * lock.
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
