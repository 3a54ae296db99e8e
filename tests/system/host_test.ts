// Hosts that are not this one: what mydocker takes for the kernel's release is bound over, in a mount
// namespace of its own.

import { assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, test } from "../world/world.ts";

/** Runs mydocker where the kernel says it is `release`. */
async function onKernel(box: Box, release: string, args: string[]) {
  const file = `${box.root}.osrelease`;
  await Deno.writeTextFile(file, `${release}\n`);
  try {
    const script = 'mount --bind "$1" /proc/sys/kernel/osrelease; shift; exec "$0" "$@"';
    return await box.exec`unshare -m sh -c ${script} ${BIN} ${file} ${args}`;
  } finally {
    await Deno.remove(file);
  }
}

test("run: a kernel older than 5.12 is refused", async (box) => {
  const { code, stderr } = await onKernel(box, "5.11.9-old", ["run", "--name", "c1", "busybox", "true"]);
  assertEquals(code, 125);
  assertMatch(stderr, /^mydocker: Linux 5\.11\.9-old is too old .* 5\.12 or later\n$/);
  assertEquals(await box.ok`ps -aq`, "");
});

test("run, commit, export: before Linux 6.7 a helper process mounts the overlay", async (box) => {
  const ran = await onKernel(box, "6.1.0", [
    "run",
    "--name",
    "c1",
    "busybox",
    "sh",
    "-c",
    "echo here >/x; grep -c ' / ' /proc/mounts",
  ]);
  assertEquals([ran.code, ran.stdout, ran.stderr], [0, "1\n", ""]);
  assertEquals((await onKernel(box, "6.1.0", ["commit", "c1", "changed"])).code, 0);
  const exported = await onKernel(box, "6.1.0", ["export", "-o", `${box.root}.tar`, "c1"]);
  assertEquals([exported.code, exported.stderr], [0, ""]);
  await Deno.remove(`${box.root}.tar`);
  assertEquals(await box.ok`run --rm changed cat /x`, "here");
});
