// What deno keeps of the program is complete after the first start: lib/launcher/unpack.ts.

import { assertEquals } from "@std/assert";
import { BIN, requires, test, words } from "../world/world.ts";

/** Sizes of the logs of deno's databases below a cache of mydocker's, by database. */
function logs(cache: string): Record<string, number> {
  const only = (folder: string, prefix: string) => {
    const [name] = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
      name.startsWith(prefix)
    );
    return `${folder}/${name}`;
  };
  const folder = only(only(cache, "deno-"), "cache-");
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith("-wal"));
  return Object.fromEntries(names.map((name) => [name, Deno.statSync(`${folder}/${name}`).size]));
}

test("start: no command writes to deno's cache after the first start of all", async (box) => {
  const env = { MYDOCKER_CACHE: box.path("cache") };
  await box.ok(["version"], { env });
  const before = logs(env.MYDOCKER_CACHE);
  assertEquals(Object.keys(before).length >= 2, true);
  const archive = box.path("image.tar");
  const packed = ["sh", "-c", `${BIN} save busybox >"$1" && gzip "$1"`, "sh", archive];
  assertEquals((await box.exec(packed, { env })).code, 0);
  await box.ok(words`load -i ${archive}.gz`, { env });
  await box.ok(words`run -d --name one --network none busybox sleep 1000`, { env });
  for (
    const args of [["exec", "one", "true"], ["top", "one"], ["stats", "--no-stream"], [
      "commit",
      "one",
      "two",
    ]]
  ) {
    await box.ok(args, { env });
  }
  assertEquals((await box.$(words`pull 127.0.0.1:1/nothing`, { env })).code, 1);
  await box.ok(words`stop -t 0 one`, { env });
  await box.ok(words`rm one`, { env });
  await box.ok(words`run --rm busybox true`, { env });
  await box.ok(words`ps -a`, { env });
  assertEquals(logs(env.MYDOCKER_CACHE), Object.fromEntries(Object.keys(before).map((name) => [name, 0])));
}, await requires("built"));
