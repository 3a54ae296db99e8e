// Images whose documents are not what they have to be: each is refused where it comes in, in one line that
// says what is wrong where, by each of the ways in; and one that got into the store all the same is an error
// for people.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { configOf, dockerArchive, gzip, json, Layout } from "../world/archives.ts";
import { storeOf } from "../world/crash.ts";
import { type Box, test } from "../world/world.ts";
import { tar } from "../world/images.ts";
import { makeImage } from "../world/registry.ts";
import { serve } from "../world/registry_server.ts";

const LAYER = tar([{ name: "f", data: "x" }]);
/** An object that JavaScript can't make a string of. */
const UNPRINTABLE = { toString: 1, valueOf: 1 };
const HEX = "0".repeat(64);

/**
 * Changes to a configuration, and what is wrong with it then. docker refuses all but those with a NUL or an
 * odd word.
 */
const BAD: [changes: Record<string, unknown>, words: RegExp][] = [
  [{ config: { Cmd: 5 } }, /config\.Cmd must be a list, not a number/],
  [{ config: { Cmd: [5] } }, /config\.Cmd\[0\] must be a string, not a number/],
  [{ config: { Cmd: ["sh", UNPRINTABLE] } }, /config\.Cmd\[1\] must be a string, not an object/],
  [{ config: { Cmd: ["echo", "a\0b"] } }, /config\.Cmd\[1\] has a NUL in it/],
  [{ config: { Cmd: "a\0b" } }, /config\.Cmd has a NUL in it/],
  [{ config: { Entrypoint: { 0: "sh" } } }, /config\.Entrypoint must be a list, not an object/],
  [{ config: { Shell: [["sh"]] } }, /config\.Shell\[0\] must be a string, not a list/],
  [{ config: { Env: "A=1" } }, /config\.Env must be a list, not a string/],
  [{ config: { Env: { A: 1 } } }, /config\.Env must be a list, not an object/],
  [{ config: { Env: [null] } }, /config\.Env\[0\] must be a string, not null/],
  [{ config: { Env: ["A=a\0b"] } }, /config\.Env\[0\] has a NUL in it/],
  [{ config: { User: 0 } }, /config\.User must be a string, not a number/],
  [{ config: { User: "app\0" } }, /config\.User has a NUL in it/],
  [{ config: { WorkingDir: ["/"] } }, /config\.WorkingDir must be a string, not a list/],
  [{ config: { WorkingDir: "/tmp\0x" } }, /config\.WorkingDir has a NUL in it/],
  [{ config: { Volumes: ["/a"] } }, /config\.Volumes must be an object, not a list/],
  [{ config: { Volumes: { "/a": "x" } } }, /config\.Volumes\["\/a"\] must be an object, not a string/],
  [{ config: { Volumes: { "/a\0b": {} } } }, /a name in config\.Volumes has a NUL in it/],
  [{ config: { ExposedPorts: ["80"] } }, /config\.ExposedPorts must be an object, not a list/],
  [{ config: { Labels: ["a=b"] } }, /config\.Labels must be an object, not a list/],
  [{ config: { Labels: { a: 1 } } }, /config\.Labels\["a"\] must be a string, not a number/],
  [{ config: { StopSignal: 9 } }, /config\.StopSignal must be a string, not a number/],
  [{ config: { StopTimeout: "9" } }, /config\.StopTimeout must be an integer, not a string/],
  [{ config: { OnBuild: "RUN x" } }, /config\.OnBuild must be a list, not a string/],
  [{ config: { Healthcheck: "x" } }, /config\.Healthcheck must be an object, not a string/],
  [{ config: { Healthcheck: { Test: "x" } } }, /config\.Healthcheck\.Test must be a list, not a string/],
  [{ config: { Healthcheck: { Interval: 1.5 } } }, /config\.Healthcheck\.Interval must be an integer/],
  [{ config: "x" }, /config must be an object, not a string/],
  [{ config: [] }, /config must be an object, not a list/],
  [{ history: "x" }, /history must be a list, not a string/],
  [{ history: [null] }, /history\[0\] must be an object, not null/],
  [{ history: [{ created: "x" }] }, /history\[0\]\.created must be a time of RFC 3339, not "x"/],
  [{ history: [{ created_by: UNPRINTABLE }] }, /history\[0\]\.created_by must be a string/],
  [{ history: [{ empty_layer: "x" }] }, /history\[0\]\.empty_layer must be true or false/],
  [{ created: "yesterday" }, /created must be a time of RFC 3339, not "yesterday"/],
  [{ created: "99999-01-01T00:00:00Z" }, /created must be a time of RFC 3339/],
  [{ created: 5 }, /created must be a time of RFC 3339, not a number/],
  [{ architecture: UNPRINTABLE }, /architecture must be a word, not an object/],
  [{ architecture: "\x1b[2J" }, /architecture must be a word/],
  [{ variant: [] }, /variant must be a word, not a list/],
  [{ os: UNPRINTABLE }, /os must be a word, not an object/],
  [{ author: 5 }, /author must be a string, not a number/],
  [{ parent: 5 }, /parent must be a string, not a number/],
  [{ rootfs: null }, /rootfs is missing/],
  [{ rootfs: { type: "layers" } }, /rootfs\.diff_ids is missing/],
  [
    { rootfs: { diff_ids: [[`sha256:${HEX}`]] } },
    /rootfs\.diff_ids\[0\] must be a SHA-256 digest, not a list/,
  ],
  [{ rootfs: { diff_ids: [UNPRINTABLE] } }, /rootfs\.diff_ids\[0\] must be a SHA-256 digest, not an object/],
  [
    { rootfs: { diff_ids: ["sha256:../../../../etc/passwd"] } },
    /rootfs\.diff_ids\[0\] must be a SHA-256 digest/,
  ],
];

/** The command fails with one line, and leaves the store as it was. */
async function refused(box: Box, what: string, words: RegExp, args: string[], stdin?: Uint8Array) {
  const before = storeOf(box.root);
  const { code, stderr } = await box.$(args, { stdin });
  assertEquals(code, 1, `${what}: ${args}: ${stderr}`);
  assertMatch(stderr, /^mydocker: [^\p{Cc}]+\n$/u, what);
  assertMatch(stderr, words, what);
  assertEquals(storeOf(box.root), before, what);
}

test("hostile configurations: refused by load and pull, which say what is wrong where", async (box) => {
  for (const [i, [changes, words]] of BAD.entries()) {
    const what = JSON.stringify(changes);
    await refused(box, what, words, ["load"], tar(await dockerArchive([LAYER], ["evil:1"], changes)));
    if (i % 4 > 0) continue; // it is one check for all
    const layout = new Layout();
    const image = await layout.image(await configOf([LAYER], changes), [await gzip(LAYER)]);
    await refused(box, what, words, ["load"], layout.index(image).tar());
    const artifact = await makeImage([{ tar: LAYER }], changes);
    await using server = serve({ "evil:latest": artifact });
    await refused(box, what, words, ["pull", `${server.host}/evil`]);
  }
}, { seconds: 240 });

test("hostile configurations: of dockers before 1.10", async (box) => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ config: { Env: 5 } }, /config\.Env must be a list, not a number/],
    [{ created: UNPRINTABLE }, /created must be a time of RFC 3339/],
    [{ container_config: { Cmd: [UNPRINTABLE] } }, /container_config\.Cmd\[0\] must be a string/],
    [{ parent: UNPRINTABLE }, /parent must be a string/],
    [{ parent: "../../escaped" }, /leads out of the root directory|no such file/],
  ];
  for (const [changes, words] of cases) {
    const config = {
      id: HEX,
      created: "2020-01-02T03:04:05Z",
      architecture: "amd64",
      os: "linux",
      ...changes,
    };
    const archive = tar([
      { name: `${HEX}/json`, data: json(config) },
      { name: `${HEX}/layer.tar`, data: LAYER },
      { name: "repositories", data: json({ evil: { 1: HEX } }) },
    ]);
    await refused(box, JSON.stringify(changes), words, ["load"], archive);
  }
});

test("hostile manifests and indexes: refused, which says what is wrong where", async (box) => {
  const [stored, config, document] = await dockerArchive([LAYER], ["evil:1"]);
  const [item] = JSON.parse(new TextDecoder().decode(document.data as Uint8Array));
  const manifests: unknown[] = [5, {}, [5], [{ ...item, Config: UNPRINTABLE }], [{
    ...item,
    Layers: [UNPRINTABLE],
  }], [{
    ...item,
    RepoTags: { 0: "x" },
  }], [{ ...item, RepoTags: [UNPRINTABLE] }]];
  for (const manifest of manifests) {
    const archive = tar([stored, config, { name: "manifest.json", data: json(manifest) }]);
    await refused(box, JSON.stringify(manifest), /manifest\.json/, ["load"], archive);
  }
  const layout = new Layout();
  const image = await layout.image(await configOf([LAYER]), [LAYER]);
  const entries: [unknown, RegExp][] = [
    [5, /manifests\[0\] must be an object/],
    [{ ...image, digest: [image.digest] }, /manifests\[0\]\.digest must be a SHA-256 digest, not a list/],
    [{ ...image, digest: "sha256:../../../etc/passwd" }, /manifests\[0\]\.digest must be a SHA-256 digest/],
    [{ ...image, mediaType: UNPRINTABLE }, /manifests\[0\]\.mediaType must be a string/],
    [{ ...image, platform: "linux/amd64" }, /manifests\[0\]\.platform must be an object/],
    [{ ...image, platform: { os: UNPRINTABLE } }, /manifests\[0\]\.platform\.os must be a string/],
    [
      { ...image, annotations: { "io.containerd.image.name": 5 } },
      /annotations\["io\.containerd\.image\.name"\]/,
    ],
  ];
  for (const [entry, words] of entries) {
    await refused(
      box,
      JSON.stringify(entry),
      words,
      ["load"],
      layout.index(entry as Record<string, unknown>).tar(),
    );
  }
  const parts: unknown[] = [5, { layers: 5, config: 5 }, { config: image, layers: [UNPRINTABLE] }, {
    config: image,
    layers: {},
  }];
  for (const part of parts) {
    const evil = await layout.blob(json(part), "manifest.v1+json");
    await refused(box, JSON.stringify(part), /sha256\/[0-9a-f]{64}"? is no image manifest|is no image/, [
      "load",
    ], layout.index(evil).tar());
  }
  const answers: [unknown, RegExp][] = [
    [5, /it must be an object/],
    [{ manifests: 5 }, /manifests must be a list/],
    [
      { manifests: [{ digest: `sha256:${HEX}`, size: 5, platform: UNPRINTABLE }], mediaType: UNPRINTABLE },
      /must be a string/,
    ],
    [{
      manifests: [{
        digest: `sha256:${HEX}`,
        size: 5,
        platform: { os: "linux", architecture: "amd64", variant: UNPRINTABLE },
      }],
    }, /manifests\[0\]\.platform\.variant must be a string/],
    [
      { config: { digest: [`sha256:${HEX}`], size: 5 }, layers: [] },
      /config\.digest must be a SHA-256 digest, not a list/,
    ],
    [{ config: { digest: `sha256:${HEX}`, size: -1 }, layers: [] }, /config\.size must be a number of bytes/],
    [
      { config: { digest: `sha256:${HEX}`, size: 1e300 }, layers: [] },
      /config\.size must be a number of bytes/,
    ],
    [
      { config: { digest: `sha256:${HEX}`, size: 5, mediaType: UNPRINTABLE }, layers: [] },
      /config\.mediaType must be a string/,
    ],
  ];
  for (const [answer, words] of answers) {
    await using server = serve({}, () => Response.json(answer));
    await refused(box, JSON.stringify(answer), words, ["pull", `${server.host}/evil`]);
  }
}, { seconds: 120 });

test("hostile configurations: docker takes a string for a command, and so does everybody here", async (box) => {
  const changes = {
    config: {
      Entrypoint: "/bin/busybox",
      Cmd: "true",
      Shell: "/bin/ash",
      StopTimeout: 5,
      Unknown: [UNPRINTABLE],
    },
  };
  const { bytes } = await busybox(box, changes);
  assertEquals(await box.ok(["load"], { stdin: bytes }), "Loaded image: odd:1");
  const shape = "{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.Shell}}";
  assertEquals(
    await box.ok`image inspect -f ${shape} odd:1`,
    '["/bin/busybox"] ["true"] ["/bin/ash"]',
  );
  await box.ok`run --rm --network none odd:1`;
  assertEquals(await box.ok`run --rm --network none odd:1 echo hi`, "hi");
  // Its digest is its name: what is kept is what came.
  const [id] = (await box.inspect("odd:1")).Id.match(/[0-9a-f]{64}/);
  const kept = JSON.parse(Deno.readTextFileSync(`${box.root}/images/${id}.json`));
  assertEquals(kept.config, JSON.parse(JSON.stringify(changes.config)));
});

/** The busybox image with another configuration, as an archive. */
async function busybox(box: Box, changes: Record<string, unknown>) {
  await box.ok`save -o busybox.tar busybox`;
  const listed = await box.exec`tar -xOf busybox.tar manifest.json`;
  const [{ Layers }] = JSON.parse(listed.stdout);
  const layer = (await box.exec`tar -xOf busybox.tar ${Layers[0]}`).out;
  return { bytes: tar(await dockerArchive([layer], ["odd:1"], changes)) };
}

test("hostile configurations: import -c and commit -c make none", async (box) => {
  const layer = box.path("layer.tar", LAYER);
  const nul = /has a NUL in it/;
  for (
    const change of [
      String.raw`CMD ["a\u0000b"]`,
      String.raw`ENTRYPOINT ["\u0000"]`,
      String.raw`VOLUME ["/a\u0000"]`,
    ]
  ) {
    await refused(box, change, nul, ["import", "-c", change, layer]);
    await refused(box, change, nul, ["import", "-c", change, layer, "evil:1"]);
  }
  await box.ok`create --name cc busybox true`;
  const health = String.raw`HEALTHCHECK CMD ["\u0000"]`;
  await refused(box, health, nul, ["commit", "-c", health, "cc", "evil:1"]);
});

test("hostile configurations: one that is in the store already is an error for people", async (box) => {
  await box.ok`import ${box.path("layer.tar", LAYER)} damaged:1`;
  const { Id } = await box.inspect("damaged:1");
  const path = `${box.root}/images/${Id.slice("sha256:".length)}.json`;
  const whole = JSON.parse(Deno.readTextFileSync(path));
  const damages = [
    ...BAD.map(([changes]) => JSON.stringify({ ...whole, ...changes })),
    "",
    "[]",
    "5",
    '{"rootfs":',
  ];
  for (const damage of damages) {
    Deno.writeTextFileSync(path, damage);
    for (
      const args of [
        ["create", "damaged:1", "x"],
        ["image", "inspect", "damaged:1"],
        ["history", "damaged:1"],
        ["save", "-o", "out.tar", "damaged:1"],
      ]
    ) {
      const { code, stdout, stderr } = await box.$(args);
      assert(code === 1 || code === 125, `${args}: ${code}`);
      assertMatch(stderr, /^mydocker: [^\n]*image \S+ is damaged[^\n]*\n$/, `${args} ${damage}`);
      assert(stdout === "" || stdout === "[]\n", stdout);
    }
    const listed = await box.$`images`;
    assertMatch(listed.stderr, /^mydocker: warning: images\/[0-9a-f]{64}\.json is damaged; [^\n]*\n$/);
  }
  await box.ok`rmi -f damaged:1`;
  assertEquals(await box.ok`images -q damaged`, "");
}, { seconds: 240 });
