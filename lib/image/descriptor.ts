// Descriptors, manifests and indexes, which lead to images in registries and in layouts (OCI image-spec
// descriptor.md, manifest.md, image-index.md; docker's "Image Manifest Version 2, Schema 2" is equivalent).

import type { Platform } from "./platform.ts";
import { fields, integer, list, map, type Shape, text, word } from "./shape.ts";

/** A reference to another blob. */
export interface Descriptor {
  mediaType?: string | null;
  /** "sha256:HEX" */
  digest: string;
  /** Bytes. */
  size: number;
  /** Set where the manifest describes something else than an image. */
  artifactType?: string | null;
  annotations?: Record<string, string> | null;
  platform?: Platform | null;
}

/** An image's manifest, or an index: its fields say which of them it is. */
export interface Manifest {
  mediaType?: string | null;
  schemaVersion?: number | null;
  artifactType?: string | null;
  manifests?: Descriptor[] | null;
  config?: Descriptor | null;
  layers?: Descriptor[] | null;
}

const SIZE: Shape = (value, path) =>
  Number.isSafeInteger(value) && value as number >= 0 ? undefined : `${path} must be a number of bytes`;

const DESCRIPTOR = fields({
  mediaType: text,
  artifactType: text,
  annotations: map(text),
  platform: fields({ os: text, architecture: text, variant: text }),
}, { digest: word(/^sha256:[0-9a-f]{64}$/, "a SHA-256 digest"), size: SIZE });

const MANIFEST = fields({
  mediaType: text,
  schemaVersion: integer,
  artifactType: text,
  manifests: list(DESCRIPTOR),
  config: DESCRIPTOR,
  layers: list(DESCRIPTOR),
});

/**
 * Says what is wrong with a parsed JSON value that should be a manifest or index; undefined where nothing is.
 */
export function manifestProblem(value: unknown): string | undefined {
  return MANIFEST(value, "");
}

export const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
export const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
export const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";

export const INDEX_TYPES = [INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json"];
export const MANIFEST_TYPES = [MANIFEST_TYPE, "application/vnd.docker.distribution.manifest.v2+json"];

const CONFIG_TYPES = [
  CONFIG_TYPE,
  "application/vnd.docker.container.image.v1+json",
  "application/octet-stream", // early docker's type
];

/** Whether a manifest's configuration is an image's, and not that of a chart, a signature or the like. */
export function isImageManifest({ config, layers }: Manifest): boolean {
  return Boolean(config && layers && CONFIG_TYPES.includes(config.mediaType ?? CONFIG_TYPE));
}
