// kill -9 of load and pull, at each step, of archives and registries with several layers, images and tags.

// @ts-types="../../lib/cli/std.d.ts"
import { basename } from "@std/path/posix/basename";
import { assert, assertEquals } from "@std/assert";
import { configOf, json, sha256 } from "../world/archives.ts";
import { assertUsable, assertWhole, crashEverywhere, storeOf, swept } from "../world/crash.ts";
import { BIN, requires, test } from "../world/world.ts";
import { tar } from "../world/images.ts";
import { type Artifact, makeImage } from "../world/registry.ts";
import { serve } from "../world/registry_server.ts";

const needs = { ...await requires("strace"), seconds: 240 };

/** As it was, or as it was to become; nothing of both. */
function assertEither(found: string[], before: string[], after: string[]): void {
  if (found.join() !== before.join()) assertEquals(found, after);
}

/** With everything an archive can hold, different for each round. */
function layer(round: number, name: string) {
  return tar([
    { name: "d/", type: "5", mode: 0o700, uid: 3 },
    { name: `d/${name}`, data: `${name} of round ${round}\n`, uid: 5, mode: 0o4755 },
    { name: "d/hard", type: "1", link: `d/${name}` },
    { name: "d/soft", type: "2", link: name, uid: 6 },
    { name: "d/fifo", type: "6" },
    { name: "e/f/g", data: name },
    { name: "e/f/g", data: `${name} again` },
  ]);
}

/** Two images with a layer in common; the tag moved:1 has been busybox's. */
async function twoImages(round: number) {
  const [one, two, three] = ["one", "two", "three"].map((name) => layer(round, name));
  const layers = [[one, two], [one, three]];
  const configs = await Promise.all(layers.map((each) => configOf(each)));
  const items = await Promise.all(configs.map(async (config, i) => ({
    Config: `${await sha256(config)}.json`,
    RepoTags: [["first:1", "moved:1"], ["second:1"]][i],
    Layers: await Promise.all(layers[i].map((each) => sha256(each))),
  })));
  return tar([
    ...await Promise.all([one, two, three].map(async (data) => ({ name: await sha256(data), data }))),
    ...configs.map((data, i) => ({ name: items[i].Config, data })),
    { name: "manifest.json", data: json(items) },
  ]);
}

test("load: kill -9 at each step leaves the store as before, or with all that was to come", async (box) => {
  await box.ok`tag busybox moved:1`;
  const before = storeOf(box.root);
  const load = ["load", "-i", box.path("crash.tar")];
  const said = /Loaded image: first:1\nLoaded image: moved:1\nLoaded image: second:1$/;
  const undo = async () => {
    await box.ok`rmi first:1 moved:1 second:1`;
    await box.ok`tag busybox moved:1`;
    assertEquals(storeOf(box.root), before);
  };
  await crashEverywhere(box, () => load, async (at) => {
    await assertUsable(box, at);
    const left = await swept(box);
    assert(said.test(await box.ok(load)));
    assertEither(left, before, storeOf(box.root));
    await assertWhole(box, at);
    // Bit for bit what was loaded.
    await box.ok`save -o ${box.path("again.tar")} first:1 second:1`;
    await undo();
  }, async (round) => {
    if (round === 0) await undo();
    box.path("crash.tar", await twoImages(round));
  }, 24);
}, needs);

test("load: kill -9 at each step, from a pipe", async (box) => {
  const before = storeOf(box.root);
  const path = box.path("crash.tar", await twoImages(0));
  const script = ["sh", "-c", 'cat "$1" | "$0" load', BIN, path];
  const { code, stderr } = await box.exec(script);
  assertEquals([code, stderr], [0, ""]);
  const after = storeOf(box.root);
  await box.ok`rmi first:1 moved:1 second:1`;
  // Whoever feeds it goes on until it notices.
  for (const n of [1, 2, 3, 4]) {
    const strace =
      `strace -qq -o /dev/null -e trace=write -e inject=write:signal=SIGKILL:when=${n} "$0" load`;
    assertEquals((await box.exec`sh -c 'cat "$1" | ${strace}' ${BIN} ${path}`).code, 137);
    assertEither(await swept(box), before, after);
  }
  assertEquals((await box.exec(script)).code, 0);
  assertEquals(storeOf(box.root), after);
}, needs);

test("pull: kill -9 at each step leaves the store as before, or with the image", async (box) => {
  let image: Artifact;
  const artifacts: Record<string, Artifact> = {};
  await using server = serve(artifacts);
  const name = `${server.host}/app:1`;
  const before = storeOf(box.root);
  await crashEverywhere(box, () => ["pull", "-q", name], async (at) => {
    await assertUsable(box, at);
    const left = await swept(box);
    assertEquals(await box.ok`pull -q ${name}`, name);
    assertEither(left, before, storeOf(box.root));
    await assertWhole(box, at);
    assertEquals((await box.inspect(name)).RepoDigests, [`${server.host}/app@${image.top.digest}`]);
    await box.ok`save -o ${box.path("again.tar")} ${name}`;
    await box.ok`rmi ${name}`;
    assertEquals(storeOf(box.root), before);
  }, async (round) => {
    if (round === 0) await box.ok`rmi ${name}`;
    image = await makeImage(["one", "two", "three", "four"].map((each) => ({ tar: layer(round, each) })));
    artifacts["app:1"] = image;
  }, 24);
}, needs);

test("pull: kill -9 while layers arrive, again and again", async (box) => {
  const layers = ["one", "two", "three"].map((each) => ({ tar: layer(0, each), sent: layer(0, each) }));
  const image = await makeImage(layers);
  const [, ...later] = [...image.blobs.keys()].slice(0, 3);
  let arriving: (() => void) | undefined;
  await using server = serve({ "app:latest": image }, (_, path) => {
    const digest = basename(path);
    if (!arriving || !later.includes(digest)) return;
    const { bytes } = image.blobs.get(digest)!;
    // The half of it, and nothing more for as long as somebody waits.
    return new Response(
      new ReadableStream({
        start: (controller) => controller.enqueue(bytes.slice(0, 2100)),
        pull: () => arriving?.(),
      }),
    );
  });
  const before = storeOf(box.root);
  for (let round = 0; round < 3; round++) {
    const halfway = new Promise<void>((resolve) => arriving = resolve);
    await using pulling = box.spawn`pull ${server.host}/app`;
    await halfway;
    await pulling.expect(/Pull complete/);
    pulling.kill("SIGKILL");
    await pulling.end();
    assert(storeOf(box.root).length > before.length, "nothing was being made");
    if (round === 1) assertEquals(await swept(box), before);
  }
  arriving = undefined;
  await box.ok`pull ${server.host}/app`;
  await assertWhole(box, "the last");
}, needs);
