// The built ./mydocker as one file that works anywhere.

import { assertEquals, assertMatch } from "@std/assert";
import { BIN, requires, test } from "../world/world.ts";

const needs = await requires("built");

test(
  "mydocker: works when copied elsewhere, under another name, with nothing of the checkout in reach",
  async (box) => {
    const copy = box.path("another name");
    Deno.copyFileSync(BIN, copy);
    const cache = box.path("cache");
    const hide = `mount -t tmpfs tmpfs "$0" && cd / && shift 0 && exec "$@"`;
    const checkout = new URL("../..", import.meta.url).pathname;
    const argv = ["unshare", "-m", "sh", "-c", hide, checkout, copy, "run", "--rm", "busybox", "echo", "hi"];
    for (let round = 0; round < 2; round++) {
      const { code, stdout, stderr } = await box.exec(argv, {
        env: { MYDOCKER_CACHE: cache, HOME: box.dir },
      });
      assertEquals([code, stdout, stderr], [0, "hi\n", ""]);
    }
  },
  needs,
);

test(
  "mydocker: with an empty environment, through a symlink, through PATH, from a removed directory",
  async (box) => {
    const link = box.path("linked");
    Deno.symlinkSync(BIN, link);
    const root = ["--root", box.root, "run", "--rm", "busybox", "echo", "hi"];
    const gone = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"';
    const ways = [
      ["env", "-i", BIN, ...root],
      [link, ...root],
      ["env", `PATH=${box.dir}:/usr/bin:/bin`, "linked", ...root],
      ["sh", "-c", gone, box.path("gone"), BIN, ...root],
    ];
    for (const argv of ways) {
      const { code, stdout, stderr } = await box.exec(argv);
      // Debian's sh, which a self-extracting file is started by, says this of every removed directory.
      const said = stderr.replace(/^sh: 0: getcwd\(\) failed: .*\n/, "");
      assertEquals([code, stdout, said], [0, "hi\n", ""], argv.join(" "));
    }
  },
  needs,
);

test("mydocker: several first starts at once unpack it once, and all work", async (box) => {
  const env = { MYDOCKER_CACHE: box.path("cache") };
  const results = await Promise.all(Array.from({ length: 5 }, () => box.$(["version"], { env })));
  for (const { code, stdout, stderr } of results) {
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /Version/);
  }
}, needs);
