// images/HEX.json: an image's configuration (OCI image-spec config.md), whose SHA-256 is the image's ID.

import { fields, integer, list, map, type Shape, text, truth, word } from "./shape.ts";
import type { ProcessConfig } from "../model/container.ts";

/** The origin of one layer, or of a change without a layer. */
export interface History {
  created: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

/** The last four fields are docker's own; OCI allows further fields. */
export interface ImageConfig {
  architecture: string;
  os: string;
  variant?: string;
  author?: string;
  /** RFC 3339, UTC. */
  created: string;
  config: ProcessConfig;
  /** "sha256:HEX" of each layer's uncompressed archive, bottom first. */
  rootfs: { type: "layers"; diff_ids: string[] };
  history: History[];
  comment?: string;
  /** ID of the container that was committed. */
  container?: string;
  /** "sha256:HEX" of the image that the container was made from. */
  parent?: string;
}

/** This machine's architecture by its OCI name (Go's GOARCH). */
export function hostArchitecture(): string {
  return Deno.build.arch === "aarch64" ? "arm64" : "amd64";
}

/** overlayfs mounts 500 layers (OVL_MAX_STACK), one of which is the container's. docker allows 125. */
const MAX_LAYERS = 499;
/** docker accepts a string in place of a list of one (its strslice). */
export const COMMAND: Shape = (value, path) =>
  typeof value === "string" ? text(value, path) : list(text)(value, path);
const COMMANDS = ["Cmd", "Entrypoint", "Shell"] as const;
/** A set is an object whose values are ignored. */
const NOTHING: Shape = (value, path) => value === null ? undefined : fields({})(value, path);
const TIME = word(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/, "a time of RFC 3339");
const PLATFORM_WORD = word(/^[\w.-]*$/, "a word");

const HEALTHCHECK = fields({
  Test: list(text),
  Interval: integer,
  Timeout: integer,
  StartPeriod: integer,
  StartInterval: integer,
  Retries: integer,
});

const PROCESS = fields({
  User: text,
  ExposedPorts: map(NOTHING),
  Env: list(text),
  Entrypoint: COMMAND,
  Cmd: COMMAND,
  Volumes: map(NOTHING),
  WorkingDir: text,
  Labels: map(text),
  StopSignal: text,
  StopTimeout: integer,
  Healthcheck: HEALTHCHECK,
  OnBuild: list(text),
  Shell: COMMAND,
});

const STEP = fields({ created: TIME, created_by: text, author: text, comment: text, empty_layer: truth });

/** The configuration of OCI image-spec config.md, and docker's image.Image, which has more fields. */
const IMAGE = fields({
  architecture: PLATFORM_WORD,
  os: PLATFORM_WORD,
  variant: PLATFORM_WORD,
  author: text,
  created: TIME,
  config: PROCESS,
  history: list(STEP),
  comment: text,
  container: text,
  parent: text,
}, {
  rootfs: fields({ type: text }, {
    diff_ids: list(word(/^sha256:[0-9a-f]{64}$/, "a SHA-256 digest"), MAX_LAYERS),
  }),
});

/**
 * Says what is wrong with a parsed JSON value that should be a configuration ("config.Env must be a list, not
 * a string"); undefined where nothing is. It refuses what docker's own types refuse, and strings with a NUL,
 * which would end early in C.
 */
export function configProblem(value: unknown): string | undefined {
  return IMAGE(value, "");
}

/** The same configuration in the type that the rest of the program uses. */
export function asImageConfig(value: unknown): ImageConfig {
  const image = value as ImageConfig;
  const process: ProcessConfig = { ...image.config };
  for (const name of COMMANDS) {
    const command: unknown = process[name];
    if (typeof command === "string") process[name] = [command];
  }
  // Before docker 1.10 it was no digest. It becomes part of a path.
  const parent = /^sha256:[0-9a-f]{64}$/.test(image.parent ?? "") ? image.parent : undefined;
  return { ...image, parent, config: process };
}

/** Diff ids as layers/ has them: hex digits without "sha256:". */
export function layersOf(config: ImageConfig): string[] {
  return config.rootfs.diff_ids.map((id) => id.slice("sha256:".length));
}
