// The options of a container from the words of run and create: plain data, with nothing of the host in it.
// lifecycle/look_up.ts looks up what they name, and lifecycle/container_config.ts makes a container's record.

import type { Parsed } from "../cli/command.ts";
import { Failure, Refusal } from "../base/error.ts";
import { parseSignal } from "../base/signals.ts";
import { checkName } from "../model/container_name.ts";
import {
  type ContainerConfig,
  DEFAULT_LOG_LIMITS,
  type IsolationConfig,
  type LogConfig,
  type RestartPolicy,
} from "../model/container.ts";
import { type EnvironmentOptions, environmentOptions } from "./environment_flags.ts";
import { type LabelOptions, labelOptions } from "./label_options.ts";
import { givenLimits } from "./limit_flags.ts";
import { networkOptions } from "./network_flags.ts";
import type { NetworkOptions } from "./network_options.ts";
import type { Publishing } from "./port_spec.ts";
import { publishing } from "./publish_flags.ts";
import { restartPolicy } from "./restart_policy.ts";
import type { SecurityOptions } from "./security_options.ts";
import type { MountRequest } from "./volume_spec.ts";
import { isolationOptions } from "./isolation_flags.ts";

/** The fields of a container's record that are copied from the options. */
export type GivenConfig = Pick<
  ContainerConfig,
  | ("tty" | "stdin" | "stdinOnce" | "attachStdin" | "attachStdout" | "attachStderr")
  | (
    | "autoRemove"
    | "restart"
    | "stopTimeout"
    | "init"
    | "log"
    | "readOnlyRootfs"
    | "binds"
    | "tmpfs"
    | "limits"
  )
>;

/** Undefined means not given: then the image or a default decides. */
export interface ContainerOptions {
  /** The image's name as the user gave it. */
  image: string;
  /** The words after the image; empty if there are none. */
  command: string[];
  /** Without the "/" that docker tolerates. */
  name?: string;
  cidfile?: string;
  /** "" for no entrypoint, whatever the image has. */
  entrypoint?: string;
  user?: string;
  workdir?: string;
  stopSignal?: string;
  hostname?: string;
  environment: EnvironmentOptions;
  labels: LabelOptions;
  /** A source that begins with "." is still relative to the caller's directory. */
  mounts: MountRequest[];
  network: NetworkOptions;
  publishing: Omit<Publishing, "warnings">;
  /** Other containers are named as "container:REFERENCE". */
  isolation: IsolationConfig;
  security?: SecurityOptions;
  config: GivenConfig;
  /** Shown to the user once the container exists. */
  warnings: string[];
}

/**
 * Parses the words. `detached`: no client will be attached to the container. Parsers that few containers need
 * are loaded on demand. Throws Failure, in docker's words.
 */
export async function containerOptions(
  parsed: Parsed,
  { detached }: { detached: boolean },
): Promise<ContainerOptions> {
  const [image, ...command] = parsed.args;
  const name = parsed.text("name");
  const process = {
    workdir: workdir(parsed.text("workdir")),
    environment: environmentOptions(parsed),
    labels: labelOptions(parsed),
    stopSignal: stopSignal(parsed),
  };
  const network = await networkOptions(parsed);
  const { warnings, ...published } = await publishing(parsed, network.mode);
  return {
    image,
    command,
    cidfile: parsed.text("cidfile"),
    entrypoint: parsed.text("entrypoint"),
    user: parsed.text("user"),
    ...process,
    network,
    publishing: published,
    warnings,
    isolation: await isolationOptions(parsed),
    hostname: hostname(parsed.text("hostname")),
    config: {
      ...streams(parsed, detached),
      autoRemove: parsed.bool("rm"),
      restart: restart(parsed),
      stopTimeout: parsed.int("stop-timeout"),
      init: parsed.bool("init"),
      log: await log(parsed),
      readOnlyRootfs: parsed.bool("read-only"),
      binds: parsed.list("volume").filter((volume) => volume.includes(":")),
      tmpfs: Object.fromEntries(
        parsed.list("tmpfs").map((tmpfs) => tmpfs.split(/:(.*)/s).concat("").slice(0, 2)),
      ),
      limits: await givenLimits(parsed),
    },
    mounts: await mounts(parsed),
    security: await security(parsed.list("security-opt")),
    // An empty name counts as none, because scripts write --name "$NAME".
    name: name ? checkName(name) : undefined,
  };
}

function workdir(path: string | undefined): string | undefined {
  if (!path || path.startsWith("/")) return path;
  throw new Refusal(`the working directory '${path}' is invalid, it needs to be an absolute path`);
}

function stopSignal(parsed: Parsed): string | undefined {
  const text = parsed.given("stop-signal") && parsed.text("stop-signal");
  if (!text) return undefined;
  parseSignal(text);
  return text;
}

function hostname(name: string | undefined): string | undefined {
  if (name && name.length > 64) throw new Refusal(`hostname ${name} is longer than 64 characters`);
  return name || undefined;
}

/**
 * The streams to which the command that creates the container is attached: by default, all that the container
 * has.
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
  if (detached && wanted.length > 0) throw new Failure("Conflicting options: -a and -d", { kind: "misused" });
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

function restart(parsed: Parsed): RestartPolicy {
  const policy = restartPolicy(parsed.text("restart")!);
  if (policy.name !== "no" && parsed.bool("rm")) {
    throw new Refusal("Conflicting options: --restart and --rm");
  }
  return policy;
}

/** A log is bounded by default: docker's unbounded default fills disks. */
async function log(parsed: Parsed): Promise<LogConfig> {
  const driver = parsed.text("log-driver") || "json-file";
  if (!parsed.given("log-opt") && !parsed.given("log-driver")) {
    return { driver: "json-file", options: {}, ...DEFAULT_LOG_LIMITS };
  }
  const { parseLogOptions } = await import("./log_options.ts");
  return parseLogOptions(driver, parsed.list("log-opt"));
}

async function mounts(parsed: Parsed): Promise<MountRequest[]> {
  const [volumes, mounts, tmpfs] = [parsed.list("volume"), parsed.list("mount"), parsed.list("tmpfs")];
  if (volumes.length + mounts.length + tmpfs.length === 0) return [];
  const { collectMounts } = await import("./volume_spec.ts");
  return collectMounts({ volumes, mounts, tmpfs });
}

async function security(options: string[]): Promise<SecurityOptions | undefined> {
  if (options.length === 0) return undefined;
  const { parseSecurityOptions } = await import("./security_options.ts");
  return parseSecurityOptions(options);
}
