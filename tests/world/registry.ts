// Images as registries have them, made here, and Debian's docker-registry to put them in.

import { type Box, until } from "./world.ts";
import { host } from "./images.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What a registry keeps, by digest. */
export interface Content {
  type: string;
  bytes: Bytes;
}

/** A descriptor of the OCI image-spec. */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** An image, or a list of some: all its parts, and which of them a tag would be for. */
export interface Artifact {
  blobs: Map<string, Content>;
  top: Descriptor;
}

export const TYPES = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

export async function sha256(bytes: Bytes): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256:${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

export async function gzip(bytes: Bytes): Promise<Bytes> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export function jsonBytes(value: unknown): Bytes {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Bytes that no compression makes smaller, the same for the same seed. */
export function noise(length: number, seed = 1): Bytes {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

async function put(blobs: Map<string, Content>, mediaType: string, bytes: Bytes): Promise<Descriptor> {
  const digest = await sha256(bytes);
  blobs.set(digest, { type: mediaType, bytes });
  return { mediaType, digest, size: bytes.length };
}

/** One layer: the archive, and as what it is sent. */
export interface LayerContent {
  tar: Bytes;
  sent?: Bytes;
}

/** An image of these layers (gzip unless they say otherwise); `changes` goes over its configuration. */
export async function makeImage(
  layers: LayerContent[],
  changes: Record<string, unknown> = {},
  docker = false,
): Promise<Artifact> {
  const blobs = new Map<string, Content>();
  const descriptors: Descriptor[] = [];
  for (const { tar, sent } of layers) {
    const type = docker ? TYPES.dockerLayer : sent === tar ? TYPES.layer : `${TYPES.layer}+gzip`;
    descriptors.push(await put(blobs, type, sent ?? await gzip(tar)));
  }
  const config = {
    architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
    os: "linux",
    created: "2024-01-02T03:04:05Z",
    config: { Cmd: ["sh"] },
    rootfs: { type: "layers", diff_ids: await Promise.all(layers.map(({ tar }) => sha256(tar))) },
    history: layers.map(() => ({ created: "2024-01-02T03:04:05Z", created_by: "test" })),
    ...changes,
  };
  const configType = docker ? TYPES.dockerConfig : TYPES.config;
  const manifest = {
    schemaVersion: 2,
    mediaType: docker ? TYPES.dockerManifest : TYPES.manifest,
    config: await put(blobs, configType, jsonBytes(config)),
    layers: descriptors,
  };
  return { blobs, top: await put(blobs, manifest.mediaType, jsonBytes(manifest)) };
}

/** A list of images by platform ("linux/arm/v7"). */
export async function makeIndex(images: Record<string, Artifact>, docker = false): Promise<Artifact> {
  const blobs = new Map(Object.values(images).flatMap((image) => [...image.blobs]));
  const manifests = Object.entries(images).map(([name, { top }]) => {
    const [os, architecture, variant] = name.split("/");
    return { ...top, platform: { os, architecture, ...(variant ? { variant } : {}) } };
  });
  const mediaType = docker ? TYPES.dockerList : TYPES.index;
  return { blobs, top: await put(blobs, mediaType, jsonBytes({ schemaVersion: 2, mediaType, manifests })) };
}

/** Writes an artifact as skopeo's dir:PATH, which keeps every byte of OCI's and of docker's manifests. */
function writeDirectory(path: string, { blobs, top }: Artifact): void {
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(`${path}/version`, "Directory Transport Version: 1.1\n");
  for (const [digest, { type, bytes }] of blobs) {
    const suffix = /manifest|index/.test(type) ? ".manifest.json" : "";
    Deno.writeFileSync(`${path}/${digest.slice("sha256:".length)}${suffix}`, bytes);
  }
  Deno.writeFileSync(`${path}/manifest.json`, blobs.get(top.digest)!.bytes);
}

/** Debian's docker-registry, running. */
export interface DebianRegistry extends AsyncDisposable {
  /** "127.0.0.1:PORT" */
  host: string;
  /** Has skopeo put an artifact there, as NAME:TAG; `credentials` is user:password. */
  push(artifact: Artifact, reference: string, credentials?: string): Promise<void>;
}

/** Starts docker-registry on a port of its own; `more` is added to its configuration. */
export async function startRegistry(box: Box, more: Record<string, unknown> = {}): Promise<DebianRegistry> {
  const config = box.path(
    "registry.yml",
    JSON.stringify({
      version: "0.1",
      log: { level: "error", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: `${box.dir}/registry` }, delete: { enabled: true } },
      http: { addr: "127.0.0.1:0" },
      ...more,
    }),
  );
  const child = new Deno.Command("docker-registry", {
    args: ["serve", config],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const port = await until("docker-registry listens", () => listeningPort(child.pid));
  const address = `127.0.0.1:${port}`;
  let pushed = 0;
  return {
    host: address,
    async push(artifact, reference, credentials) {
      const source = `${box.dir}/push-${pushed++}`;
      writeDirectory(source, artifact);
      const auth = credentials === undefined ? [] : ["--dest-creds", credentials];
      const target = `docker://${address}/${reference}`;
      await host(
        "skopeo",
        "copy",
        "-q",
        "--all",
        "--dest-tls-verify=false",
        ...auth,
        `dir:${source}`,
        target,
      );
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** The port of the one TCP socket on which a process listens. */
function listeningPort(pid: number): number | undefined {
  const inodes = new Set(
    [...Deno.readDirSync(`/proc/${pid}/fd`)].map(({ name }) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(Deno.readLinkSync(`/proc/${pid}/fd/${name}`))?.[1];
      } catch {
        return undefined; // Closed meanwhile.
      }
    }),
  );
  for (const line of Deno.readTextFileSync(`/proc/${pid}/net/tcp`).split("\n").slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state === "0A" && inodes.has(inode)) return parseInt(local.split(":")[1], 16);
  }
}
