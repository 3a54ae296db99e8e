// The options of run and create: the container, its image, and how run follows it.

import type { Flag, Parsed } from "../cli/command.ts";
import { Refusal } from "../base/error.ts";
import type { Readiness } from "../model/readiness.ts";
import { DETACH_KEYS, SIG_PROXY } from "./attach_flags.ts";
import { CONTAINER_FLAGS } from "./container_flags.ts";
import { type ContainerOptions, containerOptions } from "./container_options.ts";
import { parseDetachKeys } from "./detach_keys.ts";
import { PULL_FLAGS, type PullOptions, pullOptions } from "./pull_flags.ts";
import { readiness, READINESS_FLAGS } from "./readiness.ts";

export const CREATE_FLAGS: Flag[] = [...CONTAINER_FLAGS, ...PULL_FLAGS];

export const RUN_FLAGS: Flag[] = [
  ...CREATE_FLAGS,
  { name: "detach", short: "d", kind: "bool", help: "Run container in background and print container ID" },
  DETACH_KEYS,
  SIG_PROXY,
  ...READINESS_FLAGS,
];

export interface CreateOptions {
  pull: PullOptions;
  container: ContainerOptions;
}

export interface RunOptions extends CreateOptions {
  detach: boolean;
  /** Empty to turn detaching off. */
  detachKeys: number[];
  /** Whether signals are passed on to the container. */
  sigProxy: boolean;
  /** With `detach`: the condition to wait for. */
  waitFor?: Readiness;
}

/** Throws Failure, in docker's words. */
export async function createOptions(parsed: Parsed): Promise<CreateOptions> {
  return { pull: pullOptions(parsed), container: await containerOptions(parsed, { detached: false }) };
}

/** Throws Failure, in docker's words. */
export async function runOptions(parsed: Parsed): Promise<RunOptions> {
  const detach = parsed.bool("detach");
  const waitFor = detach ? readiness(parsed, "wait-for") : undefined;
  if (!detach && (parsed.given("wait-for") || parsed.given("wait-timeout"))) {
    throw new Refusal("--wait-for and --wait-timeout need -d: in the foreground, run waits for the end");
  }
  return {
    detach,
    waitFor,
    detachKeys: parseDetachKeys(parsed.text("detach-keys")!),
    sigProxy: parsed.bool("sig-proxy"),
    pull: pullOptions(parsed),
    container: await containerOptions(parsed, { detached: detach }),
  };
}
