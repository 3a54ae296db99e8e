// pull, and the pulling that run and create do, from Debian's docker-registry.

// @ts-types="./assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { requires, test } from "./helpers.ts";
import { busyboxTar, tar } from "./images.ts";
import { makeImage, startRegistry } from "./registry.ts";

const needs = await requires("docker-registry", "skopeo");

/** busybox, and a layer with a file more. */
async function busyboxImage(docker = false) {
  const base = Deno.readFileSync(await busyboxTar());
  return await makeImage([{ tar: base }, { tar: tar([{ name: "hello", data: "hello\n" }]) }], {}, docker);
}

test("pull: an image of two layers, and what it says", async (box) => {
  await using registry = await startRegistry(box);
  const image = await busyboxImage();
  await registry.push(image, "app/bb");
  const name = `${registry.host}/app/bb`;
  const first = await box.run(["pull", name]);
  assertEquals([first.code, first.stderr], [0, ""]);
  assertEquals(first.stdout.match(/^[0-9a-f]{12}: Pull complete$/gm)?.length, 1); // busybox is there already
  assertEquals(first.stdout.match(/^[0-9a-f]{12}: Already exists$/gm)?.length, 1);
  assertMatch(first.stdout, /^Using default tag: latest\nlatest: Pulling from app\/bb\n/);
  const end =
    `Digest: ${image.top.digest}\nStatus: Downloaded newer image for ${name}:latest\n${name}:latest\n`;
  assertEquals(first.stdout.slice(-end.length), end);
  assertEquals(await box.ok(["run", "--rm", name, "cat", "/hello"]), "hello");
  const again = await box.ok(["pull", `${name}:latest`]);
  assertEquals(again.split("\n"), [
    "latest: Pulling from app/bb",
    `Digest: ${image.top.digest}`,
    `Status: Image is up to date for ${name}:latest`,
    `${name}:latest`,
  ]);
}, needs);
