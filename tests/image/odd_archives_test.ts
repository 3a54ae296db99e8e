// Archives that are odd but good: times beyond all bounds, layouts with more than images in them, platforms
// by processor, and the digests by which images and manifests are asked for.

import { assertEquals, assertMatch } from "@std/assert";
import { levelOf, processorLevel } from "../../lib/image/processor.ts";
import { type Bytes, configOf, dockerArchive, gzip, json, Layout } from "../world/archives.ts";
import { BIN, type Box, requires, test } from "../world/world.ts";
import { host, tar, type TarEntry } from "../world/images.ts";
import { type Artifact, jsonBytes, makeImage, makeIndex, sha256, TYPES } from "../world/registry.ts";
import { serve } from "../world/registry_server.ts";

const mine = Deno.build.arch === "aarch64" ? "arm64" : "amd64";

/** A pax header with these records, for the entry after it. */
function pax(records: Record<string, string>): TarEntry {
  const data = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const length = [rest.length + 1, rest.length + 2, rest.length + 3].find((n) =>
      `${n}`.length + rest.length === n
    );
    return `${length}${rest}`;
  });
  return { name: "pax", type: "x", data: data.join("") };
}

/**
 * The archive with other bytes at `offset` of its first header, whose checksum is right again, by signed
 * bytes if told.
 */
function withBytes(archive: Bytes, offset: number, bytes: number[], signed = false): Bytes {
  const copy = archive.slice();
  copy.set(bytes, offset);
  copy.fill(0x20, 148, 156);
  const sum = copy.subarray(0, 512).reduce(
    (total, byte) => total + (signed && byte > 127 ? byte - 256 : byte),
    0,
  );
  copy.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0") + "\0"), 148);
  return copy;
}

const MTIME = 136;

test("odd archives: a time beyond what a number or a file system holds is the last one that it does hold", async (box) => {
  const file = [{ name: "f", data: "x" }];
  const layers: Record<string, Bytes> = {
    "pax, the last of int64": tar([pax({ mtime: "9223372036854775807" }), ...file]),
    "pax, the first of int64": tar([pax({ mtime: "-9223372036854775807" }), ...file]),
    "pax, beyond it": tar([pax({ mtime: `${"9".repeat(40)}.${"9".repeat(40)}` }), ...file]),
    "pax, far before it": tar([pax({ mtime: `-${"9".repeat(40)}.5` }), ...file]),
    "base-256, -2^63": withBytes(tar(file), MTIME, [0xff, 0xff, 0xff, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    "base-256, 2^63-1": withBytes(tar(file), MTIME, [0x80, 0, 0, 0, 0x7f, ...Array(7).fill(0xff)]),
    "base-256, all of it": withBytes(tar(file), MTIME, [0xbf, ...Array(11).fill(0xff)]),
    "base-256, all the other way": withBytes(tar(file), MTIME, [0xc0, ...Array(11).fill(0)]),
    "nanoseconds": tar([pax({ mtime: "1.123456789123456789" }), ...file]),
  };
  for (const [what, layer] of Object.entries(layers)) {
    await box.ok(["load"], { stdin: tar(await dockerArchive([layer], ["odd:1"])) });
    // What comes out again is what went in, bit for bit.
    await box.ok`save -o out.tar odd:1`;
    const digest = (await sha256(layer)).slice("sha256:".length);
    const saved = await box.exec`tar -xOf out.tar blobs/sha256/${digest}`;
    assertEquals(await sha256(saved.out), `sha256:${digest}`, what);
    await box.ok`create --name odd odd:1 x`;
    const exported = await box.exec`sh -c '"$0" export odd >e && tar tf e' ${BIN}`;
    assertMatch(exported.stdout, /^f$/m, `${what}: ${exported.stderr}`);
    await box.ok`rm odd`;
    await box.ok`rmi odd:1`;
  }
});

test("odd archives: old tars that summed their headers' bytes as signed ones", async (box) => {
  // é in Latin-1, as a name of those times has it.
  const plain = tar([{ name: "caf_", data: "x" }]);
  const signed = withBytes(plain, 3, [0xe9], true);
  const unsigned = withBytes(plain, 3, [0xe9]);
  for (const [what, layer] of Object.entries({ signed, unsigned })) {
    await box.ok`import ${box.path("layer.tar", layer)} ${what}:1`;
    const listed = await box.exec`sh -c 'ls -b "$0"/layers/*/diff' ${box.root}`;
    assertMatch(listed.stdout, /^caf\\351$/m, what);
    await box.ok`rmi ${what}:1`;
  }
  const neither = signed.slice();
  neither[150] ^= 1;
  const { code, stderr } = await box.$`import ${box.path("layer.tar", neither)}`;
  assertEquals(code, 1);
  assertMatch(stderr, /not a tar archive/);
});

/** A layout's image whose one file says what it is. */
async function imageIn(layout: Layout, what: string, changes: Record<string, unknown> = {}) {
  const layer = tar([{ name: "what", data: what }]);
  return await layout.image(await configOf([layer], changes), [await gzip(layer)]);
}

async function whatIs(box: Box, image: string): Promise<string> {
  await box.ok`create --name look ${image} x`;
  const { stdout } = await box.exec`sh -c '"$0" export look | tar xO what' ${BIN}`;
  await box.ok`rm look`;
  return stdout;
}

/** Manifests of what is no image: a signature, an artifact, an attestation. */
async function artifactsIn(layout: Layout) {
  const empty = await layout.blob(json({}), "empty.v1+json");
  const text = await layout.blob(json({ signed: true }), "layer.v1.tar");
  const manifest = (fields: Record<string, unknown>) =>
    layout.blob(json({ schemaVersion: 2, config: empty, layers: [text], ...fields }), "manifest.v1+json");
  const chart = { ...empty, mediaType: "application/vnd.cncf.helm.config.v1+json" };
  const attested = await layout.blob(
    await configOf([], { rootfs: { type: "layers", diff_ids: [] }, os: "unknown", architecture: "unknown" }),
    "config.v1+json",
  );
  return {
    signature: {
      ...await manifest({}),
      annotations: { "org.opencontainers.image.ref.name": "sha256-00.sig" },
    },
    chart: await manifest({ config: chart }),
    artifact: {
      ...await manifest({ artifactType: "application/x-sbom" }),
      artifactType: "application/x-sbom",
    },
    attestation: {
      ...await manifest({ config: attested, layers: [] }),
      platform: { os: "unknown", architecture: "unknown" },
      annotations: { "vnd.docker.reference.type": "attestation-manifest" },
    },
    other: { ...text, mediaType: "application/vnd.other" },
  };
}

test("odd layouts: artifacts and attestations beside an image, and before it", async (box) => {
  const layout = new Layout();
  const image = await imageIn(layout, "image");
  const { signature, chart, artifact, attestation, other } = await artifactsIn(layout);
  const named = { ...image, annotations: { "io.containerd.image.name": "docker.io/library/odd:1" } };
  const index = (...manifests: unknown[]) =>
    layout.blob(json({ schemaVersion: 2, manifests }), "index.v1+json");
  const platform = { os: "linux", architecture: mine };
  const name = { annotations: named.annotations };
  const tops = {
    beside: [named, signature, chart, artifact, attestation, other],
    before: [signature, chart, artifact, attestation, other, named],
    inside: [{ ...await index(artifact, attestation, signature, chart, { ...image, platform }), ...name }],
    "inside, without a platform": [{ ...await index(chart, signature, attestation, image), ...name }],
    "without a type": [{ ...named, mediaType: undefined }],
  };
  for (const [what, manifests] of Object.entries(tops)) {
    const said = await box.ok(["load"], { stdin: layout.index(...manifests).tar() });
    assertEquals(said, "Loaded image: odd:1", what);
    assertEquals(await whatIs(box, "odd:1"), "image", what);
    await box.ok`rmi odd:1`;
  }
  const none = {
    "nothing": [],
    "only others": [signature, chart, artifact, attestation, other],
    inside: [await index(chart)],
  };
  for (const [what, manifests] of Object.entries(none)) {
    const { code, stdout, stderr } = await box.$(["load"], { stdin: layout.index(...manifests).tar() });
    assertEquals([code, stdout], [1, ""], what);
    assertMatch(stderr, /^mydocker: can't load stdin: index\.json leads to no image\n$/, what);
  }
  assertEquals(await box.ok`images -q odd`, "");
});

test("odd layouts: of an index, what docker save --platform has put in", async (box) => {
  const layout = new Layout();
  const [ours, theirs] = [
    await imageIn(layout, "ours"),
    await imageIn(layout, "theirs", { architecture: "s390x" }),
  ];
  const manifests = [{ ...ours, platform: { os: "linux", architecture: mine } }, {
    ...theirs,
    platform: { os: "linux", architecture: "s390x" },
  }];
  const list = await layout.blob(json({ schemaVersion: 2, manifests }), "index.v1+json");
  layout.files.delete(`blobs/sha256/${ours.digest.slice("sha256:".length)}`);
  layout.index({ ...list, annotations: { "io.containerd.image.name": "docker.io/library/odd:1" } });
  assertEquals(await box.ok(["load"], { stdin: layout.tar() }), "Loaded image: odd:1");
  assertEquals(await whatIs(box, "odd:1"), "theirs");
});

test("platforms: amd64 by the processor's level, in layouts and registries", async (box) => {
  const V2 = "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3".split(" ");
  const V3 = [...V2, ..."avx avx2 bmi1 bmi2 f16c fma abm movbe xsave".split(" ")];
  const V4 = [...V3, ..."avx512f avx512bw avx512cd avx512dq avx512vl".split(" ")];
  assertEquals([[], V2, V3, V4].map(levelOf), [1, 2, 3, 4]);
  assertEquals([V2.slice(1), V3.slice(0, -1), V4.slice(0, -1), V4.slice(1)].map(levelOf), [1, 2, 3, 1]);
  if (mine !== "amd64") return;
  const own = processorLevel();
  const cases: [variants: (string | undefined)[], best: string | undefined][] = [
    [["v1", "v2", "v3"], "v1"],
    [["v2", undefined], ""],
    [["v1000", `v${own}`], own > 1 ? `v${own}` : "v1"],
    [["v2", "v3", "v4"].filter((_, i) => i + 2 <= own).concat("v1000"), own > 1 ? `v${own}` : undefined],
    [["v1000"], undefined],
  ];
  for (const [variants, best] of cases) {
    const layout = new Layout();
    const images: Record<string, Artifact> = {};
    const entries = await Promise.all(variants.map(async (variant = "") => {
      const image = await imageIn(layout, variant);
      images[variant] = await makeImage([{ tar: tar([{ name: "what", data: variant }]) }]);
      return { ...image, platform: { os: "linux", architecture: "amd64", ...(variant ? { variant } : {}) } };
    }));
    const list = await layout.blob(json({ schemaVersion: 2, manifests: entries }), "index.v1+json");
    layout.index({ ...list, annotations: { "io.containerd.image.name": "docker.io/library/odd:1" } });
    if (best !== undefined) {
      await box.ok(["load"], { stdin: layout.tar() });
      assertEquals(await whatIs(box, "odd:1"), best, `load of ${variants}`);
    }
    const index = await indexOf(images);
    await using server = serve({ "odd:latest": index });
    const { code, stderr } = await box.$`pull -q ${server.host}/odd`;
    assertEquals(code, best === undefined ? 1 : 0, `pull of ${variants}: ${stderr}`);
    if (best === undefined) assertMatch(stderr, /no matching manifest for linux\/amd64 in the manifest list/);
    else assertEquals(await whatIs(box, `${server.host}/odd`), best, `pull of ${variants}`);
  }
});

async function indexOf(images: Record<string, Artifact>): Promise<Artifact> {
  const blobs = new Map(Object.values(images).flatMap((image) => [...image.blobs]));
  const manifests = Object.entries(images).map(([variant, { top }]) => {
    return { ...top, platform: { os: "linux", architecture: "amd64", ...(variant ? { variant } : {}) } };
  });
  const bytes = jsonBytes({ schemaVersion: 2, mediaType: TYPES.index, manifests });
  const top = { mediaType: TYPES.index, digest: await sha256(bytes), size: bytes.length };
  return { blobs: blobs.set(top.digest, { type: TYPES.index, bytes }), top };
}

test("save: by digest it has no name, and loads again", async (box) => {
  const image = await makeImage([{ tar: tar([{ name: "what", data: "by digest" }]) }]);
  await using server = serve({ "odd:latest": image });
  const name = `${server.host}/odd@${image.top.digest}`;
  await box.ok`pull -q ${name}`;
  const { Id } = await box.inspect(name);
  await box.ok`save -o digest.tar ${name}`;
  const read = async (path: string) => JSON.parse((await box.exec`tar -xOf digest.tar ${path}`).stdout);
  assertEquals((await read("manifest.json"))[0].RepoTags, null);
  assertEquals(
    (await read("index.json")).manifests.map(({ annotations }: { annotations?: unknown }) => annotations),
    [undefined],
  );
  assertEquals((await box.exec`tar -tf digest.tar`).stdout.includes("repositories"), false);
  await box.ok`rmi -f ${Id}`;
  assertEquals(await box.ok`load -i digest.tar`, `Loaded image ID: ${Id}`);
  assertEquals(await whatIs(box, Id), "by digest");
  // With a tag asked for, too, it has that one.
  await box.ok`tag ${Id} odd:1`;
  await box.ok`pull -q ${name}`;
  await box.ok`save -o digest.tar ${name} odd:1`;
  assertEquals((await read("manifest.json"))[0].RepoTags, ["odd:1"]);
});

test("save: by digest, for skopeo too", async (box) => {
  const image = await makeImage([{ tar: tar([{ name: "what", data: "x" }]) }]);
  await using server = serve({ "odd:latest": image });
  await box.ok`pull -q ${server.host}/odd@${image.top.digest}`;
  await box.ok`save -o digest.tar ${server.host}/odd@${image.top.digest}`;
  await host("skopeo", "copy", "-q", `docker-archive:${box.dir}/digest.tar`, `dir:${box.dir}/out`);
  await host("skopeo", "copy", "-q", `oci-archive:${box.dir}/digest.tar`, `dir:${box.dir}/out2`);
}, await requires("skopeo"));

test("history: a parent's ID is on the row that the parent ends with", async (box) => {
  const [one, two, three] = ["1", "2", "3"].map((data) => tar([{ name: "what", data }]));
  const step = (created_by: string, more = {}) => ({ created: "2020-01-02T03:04:05Z", created_by, ...more });
  const empty = { empty_layer: true };
  const load = async (layers: Bytes[], changes: Record<string, unknown>) => {
    const said = await box.ok(["load"], { stdin: tar(await dockerArchive(layers, null, changes)) });
    return said.replace("Loaded image ID: ", "");
  };
  const base = [step("base"), step("ENV", empty)];
  const parent = await load([one], { history: base });
  const middle = await load([one, two], {
    history: [...base, step("two"), step("CMD", empty), step("USER", empty)],
    parent,
  });
  const all = [
    ...base,
    step("two"),
    step("CMD", empty),
    step("USER", empty),
    step("three"),
    step("LABEL", empty),
  ];
  const child = await load([one, two, three], { history: all, parent: middle });
  const rows = (await box.ok`history --no-trunc --format '{{.CreatedBy}} {{.ID}}' ${child}`).split(
    "\n",
  );
  assertEquals(rows, [
    `LABEL ${child}`,
    "three <missing>",
    `USER ${middle}`,
    "CMD <missing>",
    "two <missing>",
    `ENV ${parent}`,
    "base <missing>",
  ]);
  // A parent that is none leads nowhere.
  const stray = await load([one], { history: base, parent: "sha256:../../networks/x" });
  assertEquals((await box.ok`history --no-trunc --format {{.ID}} ${stray}`).split("\n"), [
    stray,
    "<missing>",
  ]);
});

test("pull: by a digest that can't be checked is refused, by a wrong one too", async (box) => {
  const image = await makeImage([{ tar: tar([{ name: "f" }]) }]);
  const other = await makeImage([{ tar: tar([{ name: "other" }]) }]);
  const bytes = other.blobs.get(other.top.digest)!.bytes;
  const index = await makeIndex({ [`linux/${mine}`]: image });
  await using server = serve({ "odd:latest": other, "index:latest": index }, (_, path) => {
    if (!path.endsWith(`/manifests/${image.top.digest}`)) return;
    return new Response(bytes, { headers: { "content-type": TYPES.manifest } });
  });
  // Asked for by the user, and by an index whose own digest is right.
  for (const name of [`odd@${image.top.digest}`, "index", `index@${index.top.digest}`]) {
    const wrong = await box.$`pull ${server.host}/${name}`;
    assertEquals(wrong.code, 1, name);
    assertMatch(wrong.stderr, /^mydocker: manifest verification failed for digest sha256:/, name);
  }
  server.seen.length = 0;
  for (const digest of [`sha512:${"0".repeat(128)}`, `sha384:${"0".repeat(96)}`]) {
    const { code, stderr } = await box.$`pull ${server.host}/odd@${digest}`;
    assertEquals(code, 1);
    assertMatch(stderr, /^mydocker: \S+: a digest of sha(512|384) can't be checked, only one of sha256\n$/);
  }
  assertEquals(server.seen, []);
});
