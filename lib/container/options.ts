// The flags that say what a container shall be, and the configuration they make together with an image's.

import type { Flag, Parsed } from "../cli/command.ts";
import { callerEnvironment } from "../cli/environment.ts";
import { CommandError } from "../cli/error.ts";
import { layersOf } from "../image/config.ts";
import { timestamp } from "../state/time.ts";
import type { Image } from "../image/store.ts";
import type { MountRequest } from "../volume/spec.ts";
import type { ContainerConfig, ProcessConfig } from "./config.ts";
import { newId } from "./create.ts";

/** Flags of `run` that describe the container. */
export const CONTAINER_FLAGS: Flag[] = [
  { name: "cidfile", kind: "string", help: "Write the container's ID to this file" },
  { name: "entrypoint", kind: "string", help: "Execute this instead of the image's entrypoint" },
  {
    name: "env",
    short: "e",
    kind: "list",
    help: "Set an environment variable; a name alone takes it from the caller",
  },
  { name: "env-file", kind: "list", help: "Read environment variables from a file" },
  { name: "hostname", short: "h", kind: "string", help: "Host name in the container" },
  { name: "interactive", short: "i", kind: "bool", help: "Pass stdin on to the container" },
  { name: "label", short: "l", kind: "list", help: "Attach a label (key=value)" },
  { name: "label-file", kind: "list", help: "Read labels from a file" },
  {
    name: "mount",
    kind: "list",
    value: "mount",
    help: "Mount a directory, a volume or a tmpfs (type=,source=,target=,…)",
  },
  { name: "name", kind: "string", help: "Name of the container" },
  {
    name: "network",
    kind: "string",
    value: "network",
    help: "none: loopback only; host: the host's own",
    default: "none",
  },
  { name: "net", kind: "string", value: "network", help: "The same as --network", hidden: true },
  { name: "read-only", kind: "bool", help: "Mount the root file system read-only" },
  { name: "rm", kind: "bool", help: "Remove the container when it has ended" },
  { name: "tmpfs", kind: "list", help: "Mount a tmpfs (path[:options])" },
  { name: "tty", short: "t", kind: "bool", help: "Give the container a terminal" },
  { name: "user", short: "u", kind: "string", help: "User to run as: name or number[:group]" },
  {
    name: "volume",
    short: "v",
    kind: "list",
    help: "Mount a host path or a volume (source:target[:options])",
  },
  { name: "workdir", short: "w", kind: "string", help: "Working directory in the container" },
];

/** A container's configuration before it has a name, and before its volumes are made. */
export type NewContainer = Omit<ContainerConfig, "name" | "mounts"> & { mounts: MountRequest[] };

/** A container's configuration from flags and image; what the image says counts where the flags say nothing. */
export async function containerConfig(
  parsed: Parsed,
  image: Image,
  imageName: string,
  command: string[],
): Promise<NewContainer> {
  const id = newId();
  const process = processConfig(parsed, image.config.config ?? {}, command);
  const argv = [...process.Entrypoint ?? [], ...process.Cmd ?? []];
  if (argv.length === 0) {
    throw new CommandError("No command specified: neither the image nor the command line names one");
  }
  if (argv[0] === "") throw new CommandError('exec: "": executable file not found in $PATH', 127);
  const network = networkMode(parsed);
  return {
    id,
    created: timestamp(),
    image: image.id,
    imageName,
    layers: layersOf(image.config),
    hostname: hostname(parsed, network, id),
    process,
    argv,
    tty: parsed.bool("tty"),
    stdin: parsed.bool("interactive"),
    attachStdout: true,
    attachStderr: true,
    autoRemove: parsed.bool("rm"),
    readOnlyRootfs: parsed.bool("read-only"),
    mounts: await mounts(parsed, process),
    binds: parsed.list("volume").filter((volume) => volume.includes(":")),
    tmpfs: Object.fromEntries(
      parsed.list("tmpfs").map((tmpfs) => tmpfs.split(/:(.*)/s).concat("").slice(0, 2)),
    ),
    network,
  };
}

function processConfig(parsed: Parsed, image: ProcessConfig, command: string[]): ProcessConfig {
  const entrypoint = parsed.text("entrypoint");
  const workdir = parsed.text("workdir");
  if (workdir && !workdir.startsWith("/")) {
    throw new CommandError(`the working directory '${workdir}' is invalid, it needs to be an absolute path`);
  }
  return {
    ...image,
    User: parsed.text("user") ?? image.User,
    Env: environment(parsed, image.Env ?? []),
    // A new entrypoint has nothing to do with the image's command.
    Entrypoint: entrypoint === undefined ? image.Entrypoint : entrypoint === "" ? null : [entrypoint],
    Cmd: command.length > 0 ? command : entrypoint === undefined ? image.Cmd : null,
    WorkingDir: workdir ?? image.WorkingDir,
    Labels: labels(parsed, image.Labels ?? {}),
  };
}

function hostname(parsed: Parsed, network: "none" | "host", id: string): string {
  const wanted = parsed.text("hostname");
  if (wanted !== undefined && wanted !== "") {
    if (wanted.length > 64) throw new CommandError(`hostname ${wanted} is longer than 64 characters`);
    return wanted;
  }
  return network === "host" ? Deno.hostname() : id.slice(0, 12);
}

function networkMode(parsed: Parsed): "none" | "host" {
  const network = parsed.given("net") ? parsed.text("net") : parsed.text("network");
  if (network === "none" || network === "host") return network;
  throw new CommandError(`network ${network} not found: there are none and host`);
}

/** Later entries win over earlier ones, and keep their place. */
function environment(parsed: Parsed, image: string[]): string[] {
  const variables = new Map<string, string>();
  const set = (entry: string, equals = entry.indexOf("=")) => {
    variables.set(entry.slice(0, equals), entry.slice(equals + 1));
  };
  image.filter((entry) => entry.includes("=")).forEach((entry) => set(entry));
  for (const entry of [...parsed.list("env-file").flatMap(readEnvFile), ...parsed.list("env")]) {
    if (entry === "" || entry.startsWith("=")) {
      throw new CommandError(`invalid environment variable: ${entry}`);
    }
    const value = entry.includes("=") ? undefined : callerEnvironment(entry);
    if (entry.includes("=")) set(entry);
    else if (value !== undefined) variables.set(entry, value);
    else variables.delete(entry);
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

/** Lines of NAME=value or NAME; blank lines and those beginning with "#" do not count; quotes mean nothing. */
function readEnvFile(path: string): string[] {
  const lines = readLines(path).map((line) => line.trimStart()).filter((line) =>
    line && !line.startsWith("#")
  );
  for (const line of lines) {
    const name = line.split("=", 1)[0];
    if (name === "") throw new CommandError(`invalid env file (${path}): no variable name on line '${line}'`);
    if (/\s/.test(name)) {
      throw new CommandError(`invalid env file (${path}): variable '${name}' contains whitespaces`);
    }
  }
  return lines;
}

function readLines(path: string): string[] {
  try {
    return Deno.readTextFileSync(path).split(/\r?\n/);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new CommandError(`open ${path}: no such file or directory`);
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new CommandError(`open ${path}: permission denied`);
    }
    throw new CommandError(`can't read ${path}: ${(error as Error).message}`, 125, { cause: error });
  }
}

function labels(parsed: Parsed, image: Record<string, string>): Record<string, string> {
  const fromFiles = parsed.list("label-file").flatMap(readEnvFile);
  const entries = [...fromFiles, ...parsed.list("label")].map((label): [string, string] => {
    const [key, value = ""] = label.split(/=(.*)/s, 2);
    if (key === "") throw new CommandError(`invalid label: ${label}`);
    return [key, value];
  });
  return { ...image, ...Object.fromEntries(entries) };
}

/** The parser is loaded only for containers that mount something. */
async function mounts(parsed: Parsed, process: ProcessConfig): Promise<MountRequest[]> {
  const [volumes, specs, tmpfs] = [parsed.list("volume"), parsed.list("mount"), parsed.list("tmpfs")];
  const imageVolumes = Object.keys(process.Volumes ?? {});
  if (volumes.length + specs.length + tmpfs.length + imageVolumes.length === 0) return [];
  const { collectMounts } = await import("../volume/spec.ts");
  return collectMounts({ volumes, mounts: specs, tmpfs }, imageVolumes);
}
