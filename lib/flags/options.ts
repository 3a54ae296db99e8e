// The flags that say what a container shall be, and the configuration they make together with an image's.

import type { Flag, Parsed } from "../cli/command.ts";
import { Failure, Refusal } from "../base/error.ts";
import { layersOf } from "../image/config.ts";
import { capabilitiesOf } from "../security/capabilities.ts";
import { timestamp } from "../base/time.ts";
import type { Image } from "../image/store.ts";
import type { MountRequest } from "./volume_spec.ts";
import { newId } from "../lifecycle/create.ts";
import { restartPolicy } from "./restart_policy.ts";
import { givenLimits, LIMIT_FLAGS } from "./limit_flags.ts";
import { SECURITY_FLAGS, securityOptions } from "./security_options.ts";
import { ENVIRONMENT_FLAGS, givenEnvironment, readEnvFile } from "./environment_flags.ts";
import { NETWORK_FLAGS, type NetworkOptions } from "./network_flags.ts";
import { PUBLISH_FLAGS, publishing } from "./publish_flags.ts";
import { WALL_FLAGS, wallConfig } from "./wall_flags.ts";
import type { ContainerConfig, LogConfig, ProcessConfig, RestartPolicy } from "../model/container.ts";
import { parseSignal } from "../base/signals.ts";

/** Flags of `run` that describe the container. */
export const CONTAINER_FLAGS: Flag[] = [
  { name: "cidfile", kind: "string", help: "Write the container ID to the file" },
  { name: "entrypoint", kind: "string", help: "Overwrite the default ENTRYPOINT of the image" },
  ...ENVIRONMENT_FLAGS,
  ...LIMIT_FLAGS,
  { name: "hostname", short: "h", kind: "string", help: "Container host name" },
  {
    name: "attach",
    short: "a",
    kind: "list",
    help: "Attach to STDIN, STDOUT or STDERR",
  },
  {
    name: "init",
    kind: "bool",
    help: "Run an init inside the container that forwards signals and reaps processes",
  },
  { name: "interactive", short: "i", kind: "bool", help: "Keep STDIN open even if not attached" },
  { name: "label", short: "l", kind: "list", help: "Set meta data on a container (key=value)" },
  { name: "label-file", kind: "list", help: "Read in a line delimited file of labels" },
  {
    name: "log-driver",
    kind: "string",
    help: "Logging driver for the container: json-file, local or none",
    default: "json-file",
  },
  { name: "log-opt", kind: "list", help: "Log driver options: max-size=SIZE (64m) and max-file=COUNT (2)" },
  {
    name: "mount",
    kind: "list",
    value: "mount",
    help: "Attach a filesystem mount to the container",
  },
  { name: "name", kind: "string", help: "Assign a name to the container" },
  ...NETWORK_FLAGS,
  ...PUBLISH_FLAGS,
  { name: "read-only", kind: "bool", help: "Mount the container's root filesystem as read only" },
  {
    name: "restart",
    kind: "string",
    help: "Restart policy to apply when a container exits: no, on-failure[:COUNT], always or unless-stopped",
    default: "no",
  },
  {
    name: "rm",
    kind: "bool",
    help: "Automatically remove the container and its associated anonymous volumes when it exits",
  },
  ...SECURITY_FLAGS,
  { name: "stop-signal", kind: "string", help: "Signal to stop the container", default: "SIGTERM" },
  { name: "stop-timeout", kind: "int", help: "Timeout (in seconds) to stop a container" },
  { name: "tmpfs", kind: "list", help: "Mount a tmpfs directory (path[:options])" },
  { name: "tty", short: "t", kind: "bool", help: "Allocate a pseudo-TTY" },
  { name: "user", short: "u", kind: "string", help: "Username or UID (format: <name|uid>[:<group|gid>])" },
  {
    name: "volume",
    short: "v",
    kind: "list",
    help: "Bind mount a volume (source:target[:options])",
  },
  { name: "workdir", short: "w", kind: "string", help: "Working directory inside the container" },
  ...WALL_FLAGS,
];

/** A container's configuration before it has a name, and before its volumes are made. */
export type NewContainer = Omit<ContainerConfig, "name" | "mounts"> & { mounts: MountRequest[] };

/**
 * A container's configuration from flags and image; what the image says counts where the flags say nothing.
 * Throws Refusal.
 */
export async function containerConfig(
  parsed: Parsed,
  image: Image,
  imageName: string,
  command: string[],
  detached: boolean,
): Promise<NewContainer> {
  const id = newId();
  const process = processConfig(parsed, image.config.config ?? {}, command);
  const argv = [...process.Entrypoint ?? [], ...process.Cmd ?? []];
  if (argv.length === 0) {
    throw new Refusal("No command specified: neither the image nor the command line names one");
  }
  if (argv[0] === "") {
    throw new Failure('exec: "": executable file not found in $PATH', { kind: "not found" });
  }
  const network = await networkOptions(parsed);
  const { ports, exposed } = await publishing(parsed, network.network);
  if (Object.keys(exposed).length > 0) process.ExposedPorts = { ...process.ExposedPorts, ...exposed };
  const walls = await wallConfig(parsed);
  return {
    ...walls,
    id,
    created: timestamp(),
    image: image.id,
    imageName,
    layers: layersOf(image.config),
    hostname: hostname(parsed, network.network === "host" || walls.utsMode === "host", id),
    process,
    argv,
    ...streams(parsed, detached),
    autoRemove: parsed.bool("rm"),
    restart: givenRestart(parsed),
    stopTimeout: parsed.int("stop-timeout"),
    init: parsed.bool("init"),
    log: await logConfig(parsed),
    readOnlyRootfs: parsed.bool("read-only"),
    mounts: await mounts(parsed, process),
    binds: parsed.list("volume").filter((volume) => volume.includes(":")),
    tmpfs: Object.fromEntries(
      parsed.list("tmpfs").map((tmpfs) => tmpfs.split(/:(.*)/s).concat("").slice(0, 2)),
    ),
    ...network,
    ports,
    limits: await givenLimits(parsed),
    ...await securityOptions(parsed, capabilitiesOf(walls)),
  };
}

function processConfig(parsed: Parsed, image: ProcessConfig, command: string[]): ProcessConfig {
  const entrypoint = parsed.text("entrypoint");
  const workdir = parsed.text("workdir");
  if (workdir && !workdir.startsWith("/")) {
    throw new Refusal(`the working directory '${workdir}' is invalid, it needs to be an absolute path`);
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
    StopSignal: stopSignal(parsed) ?? image.StopSignal,
  };
}

function stopSignal(parsed: Parsed): string | undefined {
  const text = parsed.given("stop-signal") && parsed.text("stop-signal");
  if (!text) return undefined;
  parseSignal(text);
  return text;
}

/**
 * Which of its streams the command is attached to that creates the container: all it has, unless told
 * otherwise.
 */
function streams(parsed: Parsed, detached: boolean) {
  const stdin = parsed.bool("interactive");
  const wanted = parsed.list("attach").map((name) => name.toLowerCase());
  const unknown = wanted.find((name) => !["stdin", "stdout", "stderr"].includes(name));
  if (unknown !== undefined) {
    throw new Refusal(
      `invalid argument ${
        JSON.stringify(unknown)
      } for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`,
    );
  }
  if (detached && wanted.length > 0) throw new Refusal("Conflicting options: -a and -d");
  const all = wanted.length === 0 && !detached;
  const attachStdin = (all && stdin) || wanted.includes("stdin");
  return {
    tty: parsed.bool("tty"),
    stdin: stdin || attachStdin,
    stdinOnce: attachStdin,
    attachStdin,
    attachStdout: all || wanted.includes("stdout"),
    attachStderr: all || wanted.includes("stderr"),
  };
}

function givenRestart(parsed: Parsed): RestartPolicy {
  const policy = restartPolicy(parsed.text("restart")!);
  if (policy.name !== "no" && parsed.bool("rm")) {
    throw new Refusal("Conflicting options: --restart and --rm");
  }
  return policy;
}

const LOG_FILE_SIZE = 64 * 1024 * 1024;

/** Unless told otherwise a log is bounded: docker's unbounded default fills disks. */
async function logConfig(parsed: Parsed): Promise<LogConfig> {
  const driver = parsed.text("log-driver") || "json-file";
  if (!parsed.given("log-opt") && !parsed.given("log-driver")) {
    return { driver: "json-file", options: {}, maxSize: LOG_FILE_SIZE, maxFiles: 2 };
  }
  const { parseLogOptions } = await import("./log_options.ts");
  return parseLogOptions(driver, parsed.list("log-opt"));
}

function hostname(parsed: Parsed, isHosts: boolean, id: string): string {
  const wanted = parsed.text("hostname");
  if (wanted !== undefined && wanted !== "") {
    if (wanted.length > 64) throw new Refusal(`hostname ${wanted} is longer than 64 characters`);
    return wanted;
  }
  return isHosts ? Deno.hostname() : id.slice(0, 12);
}

/** The parser is loaded only where there is something to parse. */
async function networkOptions(parsed: Parsed): Promise<NetworkOptions> {
  const given = NETWORK_FLAGS.filter(({ name }) => parsed.given(name));
  const [network = "bridge", ...more] = [
    ...parsed.list("network"),
    ...parsed.given("net") ? [parsed.text("net")!] : [],
  ];
  const simple = given.length <= 1 && more.length === 0 && ["bridge", "none", "host"].includes(network);
  if (given.length > 0 && !(simple && ["network", "net"].includes(given[0].name))) {
    const { parseNetworkOptions } = await import("./network_options.ts");
    return await parseNetworkOptions(parsed);
  }
  return { network, networks: network === "bridge" ? [{ network }] : [] };
}

/** Later entries win over earlier ones, and keep their place. */
function environment(parsed: Parsed, image: string[]): string[] {
  const variables = new Map<string, string>();
  for (const entry of [...image.filter((entry) => entry.includes("=")), ...givenEnvironment(parsed)]) {
    const [name, value] = entry.split(/=(.*)/s, 2);
    if (value === undefined) variables.delete(name);
    else variables.set(name, value);
  }
  return [...variables].map(([name, value]) => `${name}=${value}`);
}

function labels(parsed: Parsed, image: Record<string, string>): Record<string, string> {
  const fromFiles = parsed.list("label-file").flatMap(readEnvFile);
  const entries = [...fromFiles, ...parsed.list("label")].map((label): [string, string] => {
    const [key, value = ""] = label.split(/=(.*)/s, 2);
    if (key === "") throw new Refusal(`invalid label: ${label}`);
    return [key, value];
  });
  return { ...image, ...Object.fromEntries(entries) };
}

/** The parser is loaded only for containers that mount something. */
async function mounts(parsed: Parsed, process: ProcessConfig): Promise<MountRequest[]> {
  const [volumes, specs, tmpfs] = [parsed.list("volume"), parsed.list("mount"), parsed.list("tmpfs")];
  const imageVolumes = Object.keys(process.Volumes ?? {});
  if (volumes.length + specs.length + tmpfs.length + imageVolumes.length === 0) return [];
  const { collectMounts } = await import("./volume_spec.ts");
  return collectMounts({ volumes, mounts: specs, tmpfs }, imageVolumes);
}
