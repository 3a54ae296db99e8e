import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Bytes, configOf, dockerArchive, gzip, json, Layout, sha256 } from "../world/archives.ts";
import { BIN, type Box, requires, test, words } from "../world/world.ts";
import { busyboxTar, tar, type TarEntry } from "../world/images.ts";
import { terminal } from "../world/pty.ts";

const layer = (content: string): Bytes => tar([{ name: "d/", type: "5" }, { name: "d/f", data: content }]);
const images = async (box: Box) =>
  (await box.ok`images -a --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'`).split("\n");

/** What a file of an image says, the image having no program to say it. */
async function content(box: Box, image: string, path: string): Promise<string> {
  await box.ok`create --name look ${image} none`;
  const { stdout, stderr } = await box.exec`sh -c '"$0" export look | tar xO "$1"' ${BIN} ${path}`;
  await box.ok`rm look`;
  return stdout + stderr;
}

/** Loads what has to be refused, from a file and from a pipe: one line on stderr, and nothing has changed. */
async function refused(box: Box, bytes: Bytes, message: RegExp, what: string): Promise<void> {
  const before = await images(box);
  const path = box.path("refused.tar", bytes);
  for (const [args, stdin] of [[["load", "-i", path], undefined], [["load"], bytes]] as const) {
    const { code, stdout, stderr } = await box.$([...args], { stdin });
    assertEquals([code, stdout], [1, ""], `${what}: ${stderr}`);
    assertMatch(stderr, /^mydocker: .*\n$/, what);
    assertMatch(stderr, message, what);
    assertEquals(await images(box), before, what);
    assertEquals(await box.leaks(), [], what);
  }
}

test("load: docker's archives, from files and pipes, plain and compressed", async (box) => {
  const bytes = tar(await dockerArchive([layer("one"), layer("two")], ["a:1", "example.com:5000/b/c:2"]));
  const path = box.path("a.tar", bytes);
  const said = "Loaded image: a:1\nLoaded image: example.com:5000/b/c:2";
  for (
    const [args, stdin] of [
      [["load", "-i", path]],
      [["load", "--input", box.path("a.tar.gz", await gzip(bytes))]],
      [["load", "-q"], bytes],
      [["image", "load"], await gzip(bytes)],
    ] as [string[], Bytes?][]
  ) {
    assertEquals(await box.ok(args, { stdin }), said);
    assertEquals(await content(box, "a:1", "d/f"), "two");
    assertEquals((await box.inspect("a:1")).RepoTags, ["a:1", "example.com:5000/b/c:2"]);
    await box.ok`rmi -f ${(await box.inspect("a:1")).Id}`;
  }
  const redirected = await box.exec`sh -c '"$0" load <"$1"' ${BIN} ${path}`;
  assertEquals(redirected.stdout, `${said}\n`, redirected.stderr);
});

test("load: zstd layers and archives", async (box) => {
  const zstd = async (bytes: Bytes) => (await box.exec(words`zstd -c`, { stdin: bytes })).out;
  const one = layer("zstd");
  const layout = new Layout();
  const image = await layout.image(await configOf([one]), [await zstd(one)], "layer.v1.tar+zstd");
  layout.index({ ...image, annotations: { "org.opencontainers.image.ref.name": "z:1" } });
  assertEquals(await box.ok(["load"], { stdin: await zstd(layout.tar()) }), "Loaded image: z:1");
  assertEquals(await content(box, "z:1", "d/f"), "zstd");
}, await requires("zstd"));

test("load: several images; those without names are said by ID", async (box) => {
  const [a, b] = [await dockerArchive([layer("a")], null), await dockerArchive([layer("b")], null)];
  const merged = (first: TarEntry[], second: TarEntry[]) => {
    const items = [first, second].flatMap((list) =>
      JSON.parse(new TextDecoder().decode(list.at(-1)!.data as Bytes))
    );
    return tar([...first.slice(0, -1), ...second.slice(0, -1), { name: "manifest.json", data: json(items) }]);
  };
  const ids = [a, b].map((list) => `sha256:${list.at(-2)!.name.replace(".json", "")}`);
  assertEquals(
    await box.ok(["load"], { stdin: merged(a, b) }),
    ids.map((id) => `Loaded image ID: ${id}`).join("\n"),
  );
  const named = await dockerArchive([layer("b")], ["b:1", "b:1"]);
  assertEquals(await box.ok(["load"], { stdin: merged(a, named) }), "Loaded image: b:1");
});

test("load: a tag that another image has moves, and load says so", async (box) => {
  const before = (await box.inspect("busybox")).Id;
  const archive = tar(await dockerArchive([layer("new")], ["busybox:latest"]));
  assertEquals(
    await box.ok(["load"], { stdin: archive }),
    `The image busybox:latest already exists, renaming the old one with ID ${before} to empty string\n` +
      "Loaded image: busybox:latest",
  );
  assertEquals(await content(box, "busybox", "d/f"), "new");
  assertEquals(await box.ok(["load"], { stdin: archive }), "Loaded image: busybox:latest");
});

test("load: a layer that is there is not unpacked again", async (box) => {
  const archive = box.path("a.tar", tar(await dockerArchive([layer("once")], ["a:1"])));
  await box.ok`load -i ${archive}`;
  const path = `${box.root}/layers/${await sha256(layer("once"))}/diff/d/f`;
  const { ino } = Deno.statSync(path);
  await box.ok`load -i ${archive}`;
  assertEquals(Deno.statSync(path).ino, ino);
  // Nor is it asked for: docker-archives may lack it.
  const without = (await dockerArchive([layer("once")], ["a:2"])).slice(1);
  assertEquals(await box.ok(["load"], { stdin: tar(without) }), "Loaded image: a:2");
});

test("load: layers that are symlinks and hard links to others', as old dockers write them", async (box) => {
  const bytes = layer("shared");
  const config = await configOf([bytes, bytes, bytes]);
  const manifest = [{ Config: "c.json", RepoTags: ["old:1"], Layers: ["x/layer.tar", "y/layer.tar", "z"] }];
  const archive = tar([
    { name: "x/", type: "5" },
    { name: "x/layer.tar", type: "2", link: "../y/layer.tar" },
    { name: "y/layer.tar", data: bytes },
    { name: "z", type: "1", link: "y/layer.tar" },
    { name: "c.json", data: config },
    { name: "manifest.json", data: json(manifest) },
  ]);
  assertEquals(await box.ok(["load"], { stdin: archive }), "Loaded image: old:1");
  assertEquals(await content(box, "old:1", "d/f"), "shared");
});

test("load: archives of dockers before 1.10, with `repositories` only", async (box) => {
  const v1 = (id: string, parent: string | undefined, cmd: string) =>
    json({
      id,
      ...(parent ? { parent } : {}),
      created: "2014-01-01T00:00:00Z",
      container_config: { Cmd: ["/bin/sh", "-c", cmd] },
      config: { Cmd: ["run"], Env: ["A=b"] },
      architecture: "amd64",
      os: "linux",
      Size: 12,
    });
  const entries: TarEntry[] = [
    { name: "top/json", data: v1("top", "base", "second") },
    { name: "top/layer.tar", data: layer("top") },
    { name: "base/json", data: v1("base", undefined, "first") },
    { name: "base/layer.tar", data: layer("base") },
    { name: "repositories", data: json({ "old/one": { "1.0": "top", base: "base" } }) },
  ];
  assertEquals(
    await box.ok(["load"], { stdin: tar(entries) }),
    "Loaded image: old/one:1.0\nLoaded image: old/one:base",
  );
  assertEquals(await content(box, "old/one:1.0", "d/f"), "top");
  const { Config, RootFS } = await box.inspect("old/one:1.0");
  assertEquals([Config.Cmd, Config.Env, RootFS.Layers.length], [["run"], ["A=b"], 2]);
  entries[2].data = v1("base", "top", "first");
  await refused(box, tar(entries), /parents go round in a circle/, "a circle of parents");
});

test("load: OCI layouts, as tar and as directory; of several platforms this machine's", async (box) => {
  const layout = new Layout();
  const [ours, theirs] = [layer("ours"), layer("theirs")];
  const mine = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
  const image = await layout.image(await configOf([ours]), [await gzip(ours)]);
  const other = await layout.image(await configOf([theirs], { architecture: "s390x" }), [await gzip(theirs)]);
  const list = await layout.blob(
    json({
      schemaVersion: 2,
      manifests: [
        { ...other, platform: { os: "linux", architecture: "s390x" } },
        { ...image, platform: { os: "linux", architecture: mine } },
        { ...other, platform: { os: "unknown", architecture: "unknown" } },
      ],
    }),
    "index.v1+json",
  );
  layout.index(
    { ...list, annotations: { "io.containerd.image.name": "docker.io/library/multi:1" } },
    { ...image, annotations: { "org.opencontainers.image.ref.name": "localhost/again:2" } },
    { ...image, annotations: { "org.opencontainers.image.ref.name": "latest" } },
  );
  const said = "Loaded image: multi:1\nLoaded image: localhost/again:2";
  assertEquals(await box.ok(["load"], { stdin: layout.tar() }), said);
  assertEquals(await content(box, "multi:1", "d/f"), "ours");
  await box.ok`rmi multi:1 localhost/again:2`;
  layout.write(`${box.dir}/layout`);
  assertEquals(await box.ok`load -i layout`, said);
  assertEquals(await content(box, "localhost/again:2", "d/f"), "ours");
});

test("load: what an archive can be wrong in is said, and changes nothing", async (box) => {
  const good = await dockerArchive([layer("good")], ["good:1"]);
  const [stored, config, manifest] = good;
  const item = JSON.parse(new TextDecoder().decode(manifest.data as Bytes))[0];
  const withItem = (change: Record<string, unknown>) =>
    tar([stored, config, { name: "manifest.json", data: json([{ ...item, ...change }]) }]);
  const whole = tar(good);
  const cases: [string, Bytes, RegExp][] = [
    ["no archive", new TextEncoder().encode("junk\n".repeat(300)), /not a tar archive/],
    ["nothing", new Uint8Array(0), /no images in it/],
    ["a root file system", layer("x"), /no images in it.*mydocker import/],
    ["cut off", whole.subarray(0, 900), /unexpected end of archive/],
    ["cut off gzip", (await gzip(whole)).subarray(0, 300), /unexpected end of archive \(gzip\)/],
    [
      "another layer",
      tar([{ ...stored, data: layer("evil") }, config, manifest]),
      /invalid diffID for layer 0/,
    ],
    ["another config", tar([stored, { ...config, data: `${" "}{}` }, manifest]), /is damaged: its digest is/],
    ["no config", tar([stored, manifest]), /open [0-9a-f]{64}\.json: no such file/],
    ["no layer", tar([config, manifest]), /open [0-9a-f]{64}\/layer\.tar: no such file/],
    ["too few layers", withItem({ Layers: [] }), /layers length mismatch: expected 0, got 1/],
    ["too many layers", withItem({ Layers: [stored.name, stored.name] }), /expected 2, got 1/],
    [
      "a bad tag",
      withItem({ RepoTags: ["good:1", "../../etc:x"] }),
      /invalid tag "\.\.\/\.\.\/etc:x": invalid reference format/,
    ],
    ["a digest for a tag", withItem({ RepoTags: [`x@sha256:${"0".repeat(64)}`] }), /digest reference/],
    ["climbing config", withItem({ Config: "../../../etc/passwd" }), /leads out of the root directory/],
    ["climbing layer", withItem({ Layers: ["../../../etc/passwd"] }), /leads out of the root directory/],
    ["climbing name", tar([{ name: "../escaped", data: "x" }, ...good]), /leads out of the root directory/],
    [
      "climbing symlink",
      tar([{ ...stored, type: "2", link: "../../etc/passwd", data: "" }, config, manifest]),
      /leads out/,
    ],
    [
      "symlinks in a circle",
      tar([
        { name: stored.name, type: "2", link: "../b" },
        { name: "b", type: "2", link: stored.name },
        config,
        manifest,
      ]),
      /too many levels of symbolic links/,
    ],
    [
      "broken JSON",
      tar([stored, config, { name: "manifest.json", data: "[{" }]),
      /manifest.json" is not valid JSON/,
    ],
    [
      "other JSON",
      tar([stored, config, { name: "manifest.json", data: '{"a":1}' }]),
      /not what docker save writes/,
    ],
    ["huge JSON", tar([{ name: "manifest.json", data: " ".repeat(9 << 20) }]), /too many for what it is/],
    [
      "a huge layer",
      tar([{ ...stored, size: 1e15 }, config, manifest], false),
      /unexpected end|no space left/,
    ],
  ];
  for (const [what, bytes, message] of cases) await refused(box, bytes, message, what);
  assertEquals(
    [...Deno.readDirSync(box.dir)].map(({ name }) => name).filter((name) => /escaped/.test(name)),
    [],
  );
  assertEquals(await box.ok(["load"], { stdin: whole }), "Loaded image: good:1");
}, { seconds: 90 });

test("load: an OCI layout's blobs are what their names say, or refused", async (box) => {
  const one = layer("one");
  const make = async (
    change: (layout: Layout, digest: { image: string; config: string; layer: string }) => void,
  ) => {
    const layout = new Layout();
    const config = await configOf([one]);
    const zipped = await gzip(one);
    const image = await layout.image(config, [zipped]);
    layout.index(image);
    const path = (hex: string) => `blobs/sha256/${hex}`;
    change(layout, {
      image: path(image.digest.slice(7)),
      config: path(await sha256(config)),
      layer: path(await sha256(zipped)),
    });
    return layout.tar();
  };
  const other = await gzip(layer("other"));
  const same = await gzip(one);
  same[9] ^= 1; // the operating system, which changes nothing but the digest
  const cases: [string, Bytes, RegExp][] = [
    ["manifest", await make((layout, { image }) => layout.files.set(image, json({}))), /its digest is/],
    ["config", await make((layout, { config }) => layout.files.set(config, json({}))), /its digest is/],
    [
      "layer",
      await make((layout, { layer }) => layout.files.set(layer, other)),
      /invalid diffID|its digest is/,
    ],
    ["same content", await make((layout, { layer }) => layout.files.set(layer, same)), /its digest is/],
    ["no manifest", await make((layout, { image }) => layout.files.delete(image)), /no such file/],
    ["no layer", await make((layout, { layer }) => layout.files.delete(layer)), /no such file/],
    [
      "cut off",
      await make((layout, { layer }) => layout.files.set(layer, other.subarray(0, 60))),
      /unexpected end/,
    ],
    [
      "strange digest",
      await make((layout) => layout.index({ digest: "../../etc" })),
      /manifests\[0\]\.digest must be a SHA-256 digest/,
    ],
  ];
  for (const [what, bytes, message] of cases) await refused(box, bytes, message, what);
  const layout = new Layout();
  let inner = await layout.blob(json({ manifests: [] }), "index.v1+json");
  for (let i = 0; i < 6; i++) inner = await layout.blob(json({ manifests: [inner] }), "index.v1+json");
  await refused(box, layout.index(inner).tar(), /too many indexes/, "indexes in indexes");
}, { seconds: 60 });

test("load: hostile layers write nothing outside, and are refused as import refuses them", async (box) => {
  const evil = async (...entries: TarEntry[]) => tar(await dockerArchive([tar(entries)], ["evil:1"]));
  await refused(box, await evil({ name: "../../../up", data: "x" }), /leads out of the root/, "climbing");
  await refused(
    box,
    await evil({ name: "l", type: "1", link: "../../x" }),
    /leads out of the root/,
    "hard link",
  );
  const through = await evil({ name: "out", type: "2", link: box.dir }, { name: "out/written", data: "x" });
  await box.$(["load"], { stdin: through });
  assertEquals((await box.exec`test -e ${box.dir}/written`).code, 1, "written through a symlink");
  await box.$`rmi evil:1`;
  assertEquals(await box.leaks(), []);
});

for (
  const [what, files, message] of [
    [
      "one huge file",
      "truncate -s 400M zeros/a",
      /no space left on device: 419\.4MB are needed and .* are free/,
    ],
    ["many files", "for i in $(seq 20); do truncate -s 20M zeros/$i; done", /no space left on device/],
  ] as const
) {
  test(`load: a bomb of ${what} stops at the free space, and all of it goes`, async (box) => {
    const script = `mkdir zeros; ${files}; tar -c zeros | sha256sum; tar -c zeros | gzip -1 >bomb.gz`;
    const hex = (await box.exec`sh -c ${script}`).stdout.slice(0, 64);
    const rootfs = { type: "layers", diff_ids: [`sha256:${hex}`] };
    const item = { Config: "c.json", RepoTags: ["bomb:1"], Layers: ["layer.tar"] };
    const archive = box.path(
      "bomb.tar",
      tar([
        { name: "layer.tar", data: Deno.readFileSync(box.path("bomb.gz")) },
        { name: "c.json", data: json({ os: "linux", architecture: "amd64", config: {}, rootfs }) },
        { name: "manifest.json", data: json([item]) },
      ]),
    );
    const small = `
      mkdir -p "$1" && mount -t tmpfs -o mode=755,size=100m tmpfs "$1" && export MYDOCKER_ROOT="$1"
      "$0" load -i "$2"; echo "rc=$?"; gzip -c "$2" | "$0" load; echo "rc=$?"
      "$0" images -q; ls "$1/tmp" "$1/layers"; "$0" import "$3" ok >/dev/null; echo "next=$?"`;
    const argv = ["unshare", "-m", "sh", "-c", small, BIN, `${box.dir}/small`, archive, await busyboxTar()];
    const { stdout, stderr } = await box.exec(argv);
    assertEquals(
      stdout.replaceAll(`${box.dir}/small`, ""),
      "rc=1\nrc=1\n/layers:\n\n/tmp:\nnext=0\n",
      stderr,
    );
    assertMatch(stderr, message);
  });
}

test("load: mistakes on the command line, in docker's words", async (box) => {
  const missing = await box.$`load -i nosuch`;
  assertEquals([missing.code, missing.stderr], [1, "mydocker: open nosuch: no such file or directory\n"]);
  const extra = await box.$`load x`;
  assertEquals(extra.code, 1);
  assertStringIncludes(extra.stderr, '"mydocker load" accepts no arguments');
  Deno.mkdirSync(`${box.dir}/empty`);
  const empty = await box.$`load -i empty`;
  assertEquals(empty.code, 1);
  assertMatch(empty.stderr, /no images in it/);
  await using tty = terminal(box, ["load"]);
  assertEquals((await tty.end()).code, 1);
  assertStringIncludes(tty.screen, "requested load from stdin, but stdin is empty");
});

test("load: progress bars on a terminal only, and not with -q", async (box) => {
  const bytes = layer("shown");
  const archive = box.path("a.tar", tar(await dockerArchive([bytes], ["a:1"])));
  const short = (await sha256(bytes)).slice(0, 12);
  {
    await using tty = terminal(box, ["load", "-i", archive]);
    assertEquals((await tty.end()).code, 0);
    assertStringIncludes(tty.screen, `${short}: Loading layer   2.56kB/2.56kB`);
    assertStringIncludes(tty.screen, "Loaded image: a:1");
  }
  await box.ok`rmi a:1`;
  await using quiet = terminal(box, ["load", "-q", "-i", archive]);
  assertEquals((await quiet.end()).code, 0);
  assertEquals(quiet.screen, "Loaded image: a:1\r\n");
});
