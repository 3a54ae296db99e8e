// Archives of images, put together as their makers would, or as nobody should.

// @ts-types="../../lib/cli/std.d.ts"
import { dirname } from "@std/path/posix/dirname";
import { tar, type TarEntry } from "./images.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

export function sha256(bytes: Bytes): Promise<string> {
  return crypto.subtle.digest("SHA-256", bytes).then((digest) =>
    Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
  );
}

export function json(value: unknown): Bytes {
  return new TextEncoder().encode(JSON.stringify(value));
}

export async function gzip(bytes: Bytes): Promise<Bytes> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The configuration of an image of these layers, uncompressed. */
export async function configOf(layers: Bytes[], more: Record<string, unknown> = {}): Promise<Bytes> {
  const diff_ids = await Promise.all(layers.map(async (layer) => `sha256:${await sha256(layer)}`));
  return json({
    architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
    os: "linux",
    created: "2020-01-02T03:04:05Z",
    config: { Cmd: ["sh"] },
    rootfs: { type: "layers", diff_ids },
    history: [],
    ...more,
  });
}

/** Entries of a docker-archive of one image, as docker before version 25 names them. */
export async function dockerArchive(
  layers: Bytes[],
  tags: string[] | null,
  more: Record<string, unknown> = {},
): Promise<TarEntry[]> {
  const config = await configOf(layers, more);
  const Config = `${await sha256(config)}.json`;
  const entries = await Promise.all(
    layers.map(async (data) => ({ name: `${(await sha256(data)).replace(/^./, "e")}/layer.tar`, data })),
  );
  const manifest = [{ Config, RepoTags: tags, Layers: entries.map(({ name }) => name) }];
  return [...entries, { name: Config, data: config }, { name: "manifest.json", data: json(manifest) }];
}

/** Files of an OCI image layout by path; `blob` adds one and returns its descriptor. */
export class Layout {
  readonly files = new Map<string, Bytes>([["oci-layout", json({ imageLayoutVersion: "1.0.0" })]]);

  async blob(data: Bytes, type: string): Promise<{ mediaType: string; digest: string; size: number }> {
    const hex = await sha256(data);
    this.files.set(`blobs/sha256/${hex}`, data);
    return { mediaType: `application/vnd.oci.image.${type}`, digest: `sha256:${hex}`, size: data.length };
  }

  /** Adds an image's blobs, the layers as they are to be stored; returns its manifest's descriptor. */
  async image(config: Bytes, stored: Bytes[], type = "layer.v1.tar+gzip") {
    const layers = await Promise.all(stored.map((data) => this.blob(data, type)));
    const described = await this.blob(config, "config.v1+json");
    return await this.blob(json({ schemaVersion: 2, config: described, layers }), "manifest.v1+json");
  }

  index(...manifests: Record<string, unknown>[]): this {
    this.files.set("index.json", json({ schemaVersion: 2, manifests }));
    return this;
  }

  tar(): Bytes {
    return tar([...this.files].map(([name, data]) => ({ name, data })));
  }

  write(directory: string): void {
    for (const [name, data] of this.files) {
      Deno.mkdirSync(dirname(`${directory}/${name}`), { recursive: true });
      Deno.writeFileSync(`${directory}/${name}`, data);
    }
  }
}
