// Removals of what has something of the host's mounted in it.

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Box, test, words } from "../world/world.ts";

/** A directory of the host's with something in it, mounted at `point`, which is made. */
async function mountDecoy(box: Box, point: string): Promise<{ check(): void; umount(): Promise<void> }> {
  const path = box.path(`decoy-${crypto.randomUUID().slice(0, 8)}`);
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(`${path}/secret`, "of the host");
  Deno.mkdirSync(point, { recursive: true });
  await host(box, "mount", "--bind", path, point);
  return {
    check: () => assertEquals(Deno.readTextFileSync(`${path}/secret`), "of the host"),
    umount: () => host(box, "umount", point),
  };
}

async function host(box: Box, ...argv: string[]): Promise<void> {
  const { code, stderr } = await box.exec(argv);
  assertEquals([code, stderr], [0, ""]);
}

/** Runs what has to be refused because something is mounted at `point`. */
async function refused(box: Box, point: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await box.$(args);
  assertEquals(code, 1, stdout + stderr);
  assertStringIncludes(stderr, `something is mounted at ${point}; unmount it first`);
  return stdout;
}

test("volume rm and prune leave a volume alone that has something mounted in it", async (box) => {
  for (const name of ["held", "idle"]) await box.ok`volume create ${name}`;
  const data = `${box.root}/volumes/held/_data`;
  for (const name of ["before", "z-after"]) Deno.writeTextFileSync(`${data}/${name}`, "kept");
  const point = `${data}/deep/p with space`;
  const decoy = await mountDecoy(box, point);
  await refused(box, point, "volume", "rm", "held");
  await refused(box, point, "volume", "rm", "-f", "held");
  assertStringIncludes(await refused(box, point, "volume", "prune", "-af"), "idle");
  assertEquals(await box.ok`volume ls -q`, "held");
  assertEquals([...Deno.readDirSync(data)].map(({ name }) => name).sort(), ["before", "deep", "z-after"]);
  decoy.check();
  await decoy.umount();
  await box.ok`volume rm held`;
});

test("an anonymous volume with something mounted in it outlives its container", async (box) => {
  await box.ok`create --name holder -v /anon busybox true`;
  const [{ Name, Source }] = (await box.inspect("holder")).Mounts;
  const decoy = await mountDecoy(box, `${Source}/p`);
  await refused(box, `${Source}/p`, "rm", "-v", "holder");
  assertEquals(await box.ok`volume ls -q`, Name);
  decoy.check();
  await decoy.umount();
  await box.ok`volume prune -f`;
});

test("a volume itself, or a file in it, as a mount point", async (box) => {
  await box.ok`volume create held`;
  const home = `${box.root}/volumes/held`;
  const decoy = await mountDecoy(box, home);
  await refused(box, home, "volume", "rm", "held");
  await decoy.umount();
  const [file, given] = [`${home}/_data/f`, box.path("given", "of the host")];
  Deno.writeTextFileSync(file, "");
  await host(box, "mount", "--bind", given, file);
  await refused(box, file, "volume", "rm", "held");
  assertEquals(Deno.readTextFileSync(given), "of the host");
  await host(box, "umount", file);
  await box.ok`volume rm held`;
});

test("another way to the same directory is no way round", async (box) => {
  await box.ok`volume create held`;
  const data = `${box.root}/volumes/held/_data`;
  Deno.writeTextFileSync(`${data}/before`, "kept");
  Deno.mkdirSync(box.path("way"));
  await host(box, "mount", "--bind", data, box.path("way"));
  // Or it would be mounted in the volume as well.
  await host(box, "mount", "--make-private", box.path("way"));
  const decoy = await mountDecoy(box, `${box.dir}/way/p`);
  await refused(box, `${box.dir}/way/p`, "volume", "rm", "held");
  assertEquals(Deno.readTextFileSync(`${data}/before`), "kept");
  decoy.check();
  await decoy.umount();
  await host(box, "umount", box.path("way"));
  await box.ok`volume rm held`;
});

test("containers and images with something mounted in their directories stay, whole", async (box) => {
  const id = await box.ok`create --name holder busybox true`;
  const inContainer = `${box.root}/containers/${id}/upper/p`;
  let decoy = await mountDecoy(box, inContainer);
  await refused(box, inContainer, "rm", "holder");
  await refused(box, inContainer, "rm", "-f", "holder");
  await refused(box, inContainer, "container", "prune", "-f");
  assertEquals((await box.inspect("holder")).Name, "/holder");
  decoy.check();
  await decoy.umount();
  await box.ok`rm holder`;

  await box.ok(words`import - held`, { stdin: new Uint8Array(1024) });
  const [layer] = (await box.inspect("held")).RootFS.Layers;
  const inLayer = `${box.root}/layers/${layer.replace("sha256:", "")}/diff/p`;
  decoy = await mountDecoy(box, inLayer);
  await refused(box, inLayer, "rmi", "-f", (await box.inspect("held")).Id);
  decoy.check();
  await decoy.umount();
  await box.ok`rmi -f ${(await box.inspect("held")).Id}`;
});

test("what was left with something mounted in it stops no command, and is swept later", async (box) => {
  Deno.mkdirSync(`${box.root}/tmp/discarded-left/a`, { recursive: true });
  Deno.mkdirSync(`${box.root}/tmp/discarded-other/a`, { recursive: true });
  const decoy = await mountDecoy(box, `${box.root}/tmp/discarded-left/b`);
  assertEquals(await box.ok`run --rm busybox echo ran`, "ran");
  const left = () => [...Deno.readDirSync(`${box.root}/tmp`)].map(({ name }) => name);
  assert(left().includes("discarded-left") && !left().includes("discarded-other"), left().join());
  decoy.check();
  await decoy.umount();
  await box.ok`volume create later`;
  assert(!left().includes("discarded-left"));
});

test("what is mounted in another namespace only is no obstacle, and its content stays", async (box) => {
  await box.ok`volume create held`;
  const [data, given] = [`${box.root}/volumes/held/_data`, box.path("given")];
  Deno.mkdirSync(`${data}/p`);
  Deno.mkdirSync(given);
  Deno.writeTextFileSync(`${given}/secret`, "of the host");
  const script = 'mount --bind "$1" "$2/p" && echo ready && read -r end; ls "$2" 2>&1';
  await using other = box.start`unshare -m sh -c ${script} sh ${given} ${data}`;
  await other.expect("ready");
  await box.ok`volume rm held`;
  assertEquals(Deno.readTextFileSync(`${given}/secret`), "of the host");
  await other.send("\n", true);
  await other.end();
});
