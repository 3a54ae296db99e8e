// images/HEX.json: an image's configuration (OCI image-spec config.md), whose SHA-256 is the image's ID.

import type { ProcessConfig } from "../container/config.ts";

/** How one layer, or a change without one, came about. */
export interface History {
  created: string;
  created_by?: string;
  author?: string;
  comment?: string;
  empty_layer?: boolean;
}

/** The last four fields are docker's own; OCI lets others be. */
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
  /** "sha256:HEX" of the image that container was of. */
  parent?: string;
}

/** This machine's architecture by its OCI name (Go's GOARCH). */
export function hostArchitecture(): string {
  return Deno.build.arch === "aarch64" ? "arm64" : "amd64";
}

/** Whether a parsed JSON value has what the rest of the program needs of an image. */
export function isImageConfig(value: unknown): value is ImageConfig {
  const { rootfs, config } = (value ?? {}) as Partial<ImageConfig>;
  return Array.isArray(rootfs?.diff_ids) && typeof (config ?? {}) === "object" &&
    rootfs.diff_ids.every((id) => /^sha256:[0-9a-f]{64}$/.test(id));
}

/** Diff ids as layers/ has them: hex digits only. */
export function layersOf(config: ImageConfig): string[] {
  return config.rootfs.diff_ids.map((id) => id.slice("sha256:".length));
}
