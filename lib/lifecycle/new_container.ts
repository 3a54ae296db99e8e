// Makes a container from its options and image, for run and create.

import { errnoText, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { step } from "../base/debug.ts";
import { Failure } from "../base/error.ts";
import type { ContainerOptions } from "../flags/container_options.ts";
import type { MountRequest } from "../flags/volume_spec.ts";
import { findImage, lockImages } from "../image/store.ts";
import type { Container, Mount } from "../model/container.ts";
import { beginWork } from "../store/root.ts";
import { containerConfig, type NewContainer } from "./container_config.ts";
import { createContainer } from "./create.ts";
import type { Found } from "./look_up.ts";

/** A new container, and warnings for the user. */
export interface Created {
  container: Container;
  warnings: string[];
}

/** Makes the container, with its volumes and its cidfile. If it throws Failure, nothing is left. */
export async function newContainer(options: ContainerOptions, found: Found): Promise<Created> {
  if (options.cidfile === undefined) return await create(options, found);
  const { dropCidfile, reserveCidfile, writeCidfile } = await import("./cidfile.ts");
  reserveCidfile(options.cidfile);
  try {
    const created = await create(options, found);
    writeCidfile(options.cidfile, created.container.id);
    return created;
  } catch (error) {
    dropCidfile(options.cidfile);
    throw error;
  }
}

async function create(options: ContainerOptions, found: Found): Promise<Created> {
  await beginWork();
  // From here until the container's configuration is on disk, nobody may remove the image or volumes it
  // names.
  const imageLock = lockImages("shared");
  const image = findImage(options.image);
  step(`image ${image.id}`);
  const { mounts, ...asked } = await containerConfig(options, found, image);
  const { config, warnings } = await withPossibleLimits(asked);
  const container = mounts.length > 0
    ? await createWithMounts(config, mounts, options.name)
    : await createContainer({ ...config, mounts }, options.name);
  file.close(imageLock);
  step(`container ${container.id} created`);
  return { container, warnings: [...options.warnings, ...warnings] };
}

type Unmounted = Omit<NewContainer, "mounts">;

/** Drops limits that this host can't set and docker only warns about. */
async function withPossibleLimits(config: Unmounted): Promise<{ config: Unmounted; warnings: string[] }> {
  if (!config.limits) return { config, warnings: [] };
  const { checkLimits } = await import("./limit_checks.ts");
  const { limits, warnings } = await checkLimits(config.id, config.limits);
  return { config: { ...config, limits }, warnings };
}

async function createWithMounts(
  config: Unmounted,
  requests: MountRequest[],
  name: string | undefined,
): Promise<Container> {
  const { lockVolumes, removeUnused } = await import("../volume/store.ts");
  const lock = lockVolumes("shared");
  const mounts: Mount[] = [];
  let container: Container | undefined;
  try {
    for (const request of requests) mounts.push(await prepareMount(request));
    const { fillVolumes } = await import("../volume/fill.ts");
    await fillVolumes(mounts, config.layers);
    container = await createContainer({ ...config, mounts }, name);
    return container;
  } finally {
    file.close(lock); // removeContainer takes it exclusively
    const unwanted = container ? [] : mounts.filter(({ anonymous }) => anonymous);
    if (unwanted.length > 0) await removeUnused(unwanted.map(({ source }) => source));
  }
}

/** The mount for the record; makes a missing volume or, for -v, a missing directory of the host. */
async function prepareMount({ labels, volumeOptions, ...mount }: MountRequest): Promise<Mount> {
  if (mount.type === "bind" && mount.createSource) makeHostDirectory(mount.source);
  if (mount.type !== "volume") return mount;
  const { createVolume } = await import("../volume/store.ts");
  const { name } = await createVolume(mount.source || undefined, { labels, options: volumeOptions });
  return { ...mount, source: name, anonymous: mount.source === "" };
}

function makeHostDirectory(path: string): void {
  try {
    if (!file.statIfAny(file.AT_FDCWD, path, true)) file.makeDirectories(path, 0o755);
  } catch (error) {
    const reason = error instanceof KernelError ? errnoText(error.code) : (error as Error).message;
    throw new Failure(`can't create ${path} to mount it: ${reason}`, { cause: error });
  }
}
