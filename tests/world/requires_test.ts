// A test whose program is missing: skipped, with the reason; a failure where CI promises all of them.

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { bare, requires, sandbox } from "./world.ts";
import { gated } from "./requires.ts";

bare("requires: what is missing is named with its package, and any other name is a mistake", async () => {
  assertEquals(await requires("root", "busybox"), {});
  await assertRejects(() => requires("starce"), Error, "tests/packages has no starce");
  const path = Deno.env.get("PATH")!;
  try {
    Deno.env.set("PATH", "/nowhere");
    assertEquals((await requires("setfattr")).missing, "needs setfattr of attr");
    assertEquals(await requires("podman"), { missing: "needs podman", optional: true });
  } finally {
    Deno.env.set("PATH", path);
  }
});

Deno.test("gated: with all there is it runs, without it is skipped or fails", async () => {
  const needs = { missing: "needs x" };
  let runs = 0;
  const body = () => Promise.resolve(void runs++);
  const [all, some, extra] = [
    gated("a", {}, body),
    gated("a", needs, body),
    gated("a", { ...needs, optional: true }, body),
  ];
  assertEquals([all.name, all.ignore ?? false], ["a", false]);
  assertEquals([some.name, some.ignore], ["a (needs x)", Deno.env.get("CI") !== "true"]);
  assertEquals([extra.name, extra.ignore], ["a (needs x)", true]);
  await (all.fn as () => Promise<void>)();
  await assertRejects(some.fn as () => Promise<void>, Error, "needs x");
  assertEquals(runs, 1);
});

bare(
  "packages.sh: installs nothing where all is there, and says the line to type to whoever is not root",
  async () => {
    await using box = await sandbox();
    for (const name of ["packages", "packages.sh"]) {
      const text = Deno.readTextFileSync(new URL(`../${name}`, import.meta.url));
      box.path(
        name,
        name === "packages" ? "# comment\n\nsome-package  sh\nother  sh nosuchprogram /etc/passwd\n" : text,
      );
    }
    Deno.chmodSync(box.dir, 0o755);
    const user = await box.exec`setpriv --reuid 65534 --regid 65534 --clear-groups sh packages.sh`;
    assertEquals([user.code, user.stdout], [0, ""]);
    assertMatch(user.stderr, /, as root: apt-get install -y --no-install-recommends other\n$/);
    box.path("packages", "some-package  sh\n");
    const root = await box.exec`sh packages.sh`;
    assertEquals([root.code, root.stdout, root.stderr], [0, "", ""]);
  },
);
