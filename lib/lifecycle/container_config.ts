// Makes the record of a new container from its options, from what was looked up on this host, and from its
// image.

import { absolutePath } from "../base/environment.ts";
import { Failure } from "../base/error.ts";
import { timestamp } from "../base/time.ts";
import type { ContainerOptions } from "../flags/container_options.ts";
import type { MountRequest } from "../flags/volume_spec.ts";
import { layersOf } from "../image/config.ts";
import type { Image } from "../image/store.ts";
import type { ContainerConfig, ProcessConfig } from "../model/container.ts";
import { newId } from "./create.ts";
import type { Found } from "./look_up.ts";

/** A container's configuration before it has a name, and before its volumes are made. */
export type NewContainer = Omit<ContainerConfig, "name" | "mounts"> & { mounts: MountRequest[] };

/** The image's values count where the options have none. Throws Failure. */
export async function containerConfig(
  options: ContainerOptions,
  found: Found,
  image: Image,
): Promise<NewContainer> {
  const id = newId();
  const process = processConfig(options, found, image.config.config ?? {});
  const { hostname, ...network } = found.network;
  return {
    ...found.isolation,
    id,
    created: timestamp(),
    image: image.id,
    imageName: options.image,
    layers: layersOf(image.config),
    hostname: hostname ?? options.hostname ?? defaultHostname(found, id),
    process,
    argv: argvOf(process),
    ...options.config,
    mounts: await mountsOf(options.mounts, process),
    ...network,
    ports: options.publishing.ports,
    ...found.security,
  };
}

function processConfig(
  { entrypoint, command, user, workdir, stopSignal, publishing: { exposed } }: ContainerOptions,
  { environment, labels }: Found,
  image: ProcessConfig,
): ProcessConfig {
  const process: ProcessConfig = {
    ...image,
    User: user ?? image.User,
    Env: variables([...(image.Env ?? []).filter((entry) => entry.includes("=")), ...environment]),
    // The image's command was meant for its own entrypoint.
    Entrypoint: entrypoint === undefined ? image.Entrypoint : entrypoint === "" ? null : [entrypoint],
    Cmd: command.length > 0 ? command : entrypoint === undefined ? image.Cmd : null,
    WorkingDir: workdir ?? image.WorkingDir,
    Labels: { ...image.Labels, ...labels },
    StopSignal: stopSignal ?? image.StopSignal,
  };
  if (Object.keys(exposed).length > 0) process.ExposedPorts = { ...process.ExposedPorts, ...exposed };
  return process;
}

/** Later entries win over earlier ones, and keep their place. */
function variables(entries: string[]): string[] {
  const byName = new Map<string, string>();
  for (const entry of entries) {
    const [name, value] = entry.split(/=(.*)/s, 2);
    if (value === undefined) byName.delete(name);
    else byName.set(name, value);
  }
  return [...byName].map(([name, value]) => `${name}=${value}`);
}

/** Entrypoint and command together. */
function argvOf({ Entrypoint, Cmd }: ProcessConfig): string[] {
  const argv = [...Entrypoint ?? [], ...Cmd ?? []];
  if (argv.length === 0) {
    throw new Failure("No command specified: neither the image nor the command line names one");
  }
  if (argv[0] === "") {
    throw new Failure('exec: "": executable file not found in $PATH', { kind: "not found" });
  }
  return argv;
}

function defaultHostname({ network, isolation }: Found, id: string): string {
  return network.network === "host" || isolation.utsMode === "host" ? Deno.hostname() : id.slice(0, 12);
}

/**
 * The requested mounts, with absolute sources, and those that the image requests. The parser is loaded only
 * for containers with mounts. Throws Failure.
 */
export async function mountsOf(asked: MountRequest[], { Volumes }: ProcessConfig): Promise<MountRequest[]> {
  const imageVolumes = Object.keys(Volumes ?? {});
  if (asked.length + imageVolumes.length === 0) return [];
  const { cleanPath, withImageVolumes } = await import("../flags/volume_spec.ts");
  return withImageVolumes(asked, imageVolumes).map((mount) => {
    const isRelative = mount.type === "bind" && !mount.source.startsWith("/");
    return isRelative ? { ...mount, source: cleanPath(absolutePath(mount.source)) } : mount;
  });
}
