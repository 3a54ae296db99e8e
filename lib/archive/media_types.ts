// OCI image-spec: media types and what index and manifest are made of; docker's types mean the same.

/** What another blob is: OCI image-spec descriptor.md. */
export interface Descriptor {
  mediaType?: string;
  /** "sha256:HEX" */
  digest: string;
  /** Bytes. */
  size: number;
  annotations?: Record<string, string>;
  platform?: { os?: string; architecture?: string; variant?: string };
}

export const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";
export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
export const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
export const LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar";

const INDEXES = [INDEX_TYPE, "application/vnd.docker.distribution.manifest.list.v2+json"];
const MANIFESTS = [MANIFEST_TYPE, "application/vnd.docker.distribution.manifest.v2+json"];

/** Whether it is a list of manifests. */
export function isIndex({ mediaType }: Descriptor): boolean {
  return INDEXES.includes(mediaType ?? "");
}

/** Whether it is an image's manifest. */
export function isManifest({ mediaType }: Descriptor): boolean {
  return MANIFESTS.includes(mediaType ?? "");
}
