// create: all that run does before it starts anything.

import { errnoText, KernelError } from "../../../ffi/errno.ts";
import * as file from "../../../ffi/file.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { CONTAINER_EXITS } from "../../cli/exit_code.ts";
import { step } from "../../base/debug.ts";
import { Failure } from "../../base/error.ts";
import { print, printError } from "../../base/output.ts";
import { checkCidfile, dropCidfile, reserveCidfile, writeCidfile } from "../../lifecycle/cidfile.ts";
import { createContainer } from "../../lifecycle/create.ts";
import { checkName } from "../../model/container_name.ts";
import { CONTAINER_FLAGS, containerConfig, type NewContainer } from "../../flags/options.ts";
import { PULL_FLAGS } from "../../flags/pull_flags.ts";
import { obtainImage } from "../../registry/obtain.ts";
import { findImage, type Image, lockImages } from "../../image/store.ts";
import { beginWork } from "../../store/root.ts";
import type { MountRequest } from "../../flags/volume_spec.ts";
import type { Container } from "../../model/container.ts";

export const spec: CommandSpec = {
  name: "create",
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Create a new container",
  aliases: ["container create"],
  flags: [...CONTAINER_FLAGS, ...PULL_FLAGS],
  args: [1, Infinity],
  exits: CONTAINER_EXITS,
  stopAtFirstArg: true,
};

export async function run(parsed: Parsed): Promise<number> {
  await obtainImageFor(parsed, false);
  const { id } = await createFromFlags(parsed, false);
  print(`${id}\n`);
  return 0;
}

/**
 * Sees to it that the image is there; what is wrong with the flags is said before. Throws Failure
 * (lifecycle/refusal.ts).
 */
export async function obtainImageFor(parsed: Parsed, detached: boolean): Promise<void> {
  await obtainImage(parsed, () => checkFlags(parsed, detached));
}

/** What can stand for an image that is not there yet. */
const NO_IMAGE: Image = {
  id: `sha256:${"0".repeat(64)}`,
  config: {
    architecture: "",
    os: "linux",
    created: "",
    config: {},
    rootfs: { type: "layers", diff_ids: [] },
    history: [],
  },
};

/**
 * Finds the mistakes that createFromFlags would, as far as they have nothing to do with the image: before
 * minutes are spent on pulling that. Throws Failure.
 */
async function checkFlags(parsed: Parsed, detached: boolean): Promise<void> {
  const [imageName, ...command] = parsed.args;
  const cidfile = parsed.text("cidfile");
  if (cidfile !== undefined) checkCidfile(cidfile);
  const name = parsed.text("name");
  if (name) checkName(name);
  // What comes out of a pipe comes once.
  const files = [...parsed.list("env-file"), ...parsed.list("label-file")];
  if (files.some((path) => !isRegularFile(path))) return;
  const argv = command.length > 0 ? command : ["any"];
  await containerConfig(parsed, NO_IMAGE, imageName, argv, detached);
}

function isRegularFile(path: string): boolean {
  try {
    return (file.stat(file.AT_FDCWD, path, true).mode & file.S_IFMT) === file.S_IFREG;
  } catch {
    return true; // so that what is wrong with it is said
  }
}

/**
 * Makes the container that a command line of `run` or `create` describes, with its volumes and its cidfile;
 * `detached` is for what is different then (docker's Attach fields). Throws Failure
 * (lifecycle/refusal.ts).
 */
export async function createFromFlags(parsed: Parsed, detached: boolean): Promise<Container> {
  const cidfile = parsed.text("cidfile");
  if (cidfile !== undefined) reserveCidfile(cidfile);
  try {
    const container = await createFrom(parsed, detached);
    if (cidfile !== undefined) writeCidfile(cidfile, container.id);
    return container;
  } catch (error) {
    if (cidfile !== undefined) dropCidfile(cidfile);
    throw error;
  }
}

async function createFrom(parsed: Parsed, detached: boolean): Promise<Container> {
  await beginWork();
  // From here to the container's configuration on disk, which names them, nobody may remove image or volumes.
  const imageLock = lockImages("shared");
  const [imageName, ...command] = parsed.args;
  // An empty name is none: scripts write --name "$NAME".
  const wanted = parsed.text("name") || undefined;
  const name = wanted && checkName(wanted);
  const image = findImage(imageName);
  step(`image ${image.id}`);
  const config = await containerConfig(parsed, image, imageName, command, detached);
  if (config.limits) await settleLimits(config);
  const create = config.mounts.length > 0 ? createWithMounts : createContainer;
  const container = await create(config, name);
  file.close(imageLock);
  step(`container ${container.id} created`);
  return container;
}

/** Leaves out those limits that this host can't set and docker only warns of. */
async function settleLimits(config: NewContainer): Promise<void> {
  const { checkLimits } = await import("../../lifecycle/limit_checks.ts");
  const { limits, warnings } = await checkLimits(config.id, config.limits!);
  for (const warning of warnings) printError(`WARNING: ${warning}\n`);
  config.limits = limits;
}

async function createWithMounts(config: NewContainer, name: string | undefined): Promise<Container> {
  const { lockVolumes, removeUnused } = await import("../../volume/store.ts");
  const lock = lockVolumes("shared");
  let container: Container | undefined;
  try {
    await prepareMounts(config.mounts);
    const { fillVolumes } = await import("../../volume/fill.ts");
    await fillVolumes(config.mounts, config.layers);
    container = await createContainer(config, name);
    return container;
  } finally {
    file.close(lock); // before removing, which takes it exclusively
    const unwanted = container ? [] : config.mounts.filter(({ anonymous }) => anonymous);
    if (unwanted.length > 0) await removeUnused(unwanted.map(({ source }) => source));
  }
}

/** Makes the volumes and, for -v, the host directories that are missing. */
async function prepareMounts(mounts: MountRequest[]): Promise<void> {
  for (const mount of mounts) {
    if (mount.type === "volume") {
      const { createVolume } = await import("../../volume/store.ts");
      mount.anonymous = mount.source === "";
      const { labels, volumeOptions: options } = mount;
      mount.source = (await createVolume(mount.source || undefined, { labels, options })).name;
    } else if (mount.type === "bind" && mount.createSource) makeHostDirectory(mount.source);
  }
}

function makeHostDirectory(path: string): void {
  try {
    if (!file.statIfAny(file.AT_FDCWD, path, true)) file.makeDirectories(path, 0o755);
  } catch (error) {
    const reason = error instanceof KernelError ? errnoText(error.code) : (error as Error).message;
    throw new Failure(`can't create ${path} to mount it: ${reason}`, { cause: error });
  }
}
