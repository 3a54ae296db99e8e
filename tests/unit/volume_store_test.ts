// Volumes as the library keeps them, in a root directory of this test's own. Needs root.

import { assert, assertEquals, assertRejects } from "@std/assert";
import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import { getXattr, listXattrs, setXattr } from "../../ffi/xattr.ts";
import { exitCodeOf } from "../../lib/cli/exit_code.ts";
import { Failure } from "../../lib/base/error.ts";
import { naturalOrder } from "../../lib/volume/natural_order.ts";
import { populate } from "../../lib/volume/populate.ts";
import * as store from "../../lib/volume/store.ts";

const root = Deno.makeTempDirSync({ prefix: "mydocker-volumes-" });
Deno.env.set("MYDOCKER_ROOT", root);
addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const open = (path: string) => file.openat(file.AT_FDCWD, path, file.O_RDONLY | file.O_DIRECTORY);
const content = (name: string) => `${root}/volumes/${name}/_data`;

function makeDirectory(): string {
  return Deno.makeTempDirSync({ dir: root });
}

/** A line for each file under `path`: everything that a copy has to keep. */
function snapshot(path: string): string[] {
  const names = new Map<bigint, string>();
  const lines: string[] = [];
  const visit = (dir: number, name: string, at: string) => {
    const stat = file.stat(dir, name);
    const directory = (stat.mode & file.S_IFMT) === file.S_IFDIR;
    const link = (stat.mode & file.S_IFMT) === file.S_IFLNK;
    if (!names.has(stat.inode)) names.set(stat.inode, at);
    const xattrs = listXattrs(dir, name).sort().map((key) => `${key}=${getXattr(dir, name, key)}`);
    const { seconds, nanoseconds } = stat.modified;
    lines.push([
      ...[
        at,
        stat.mode.toString(8),
        stat.uid,
        stat.gid,
        seconds,
        nanoseconds,
        stat.rdevMajor,
        stat.rdevMinor,
      ],
      ...[directory ? "" : `${stat.size} ${stat.links}`, names.get(stat.inode), ...xattrs],
      link ? file.readlinkat(dir, name) : "",
    ].join(" "));
    if (!directory) return;
    const fd = file.openat(dir, name, file.O_RDONLY | file.O_DIRECTORY);
    const names_ = file.entries(fd).map((entry) => entry.name).sort();
    for (const child of names_) visit(fd, child, `${at}/${child}`);
    file.close(fd);
  };
  const fd = open(path);
  visit(fd, ".", "");
  file.close(fd);
  return lines;
}

/** An image's directory with a file of every kind. */
function makeImage(): string {
  const path = makeDirectory();
  const dir = open(path);
  Deno.writeTextFileSync(`${path}/f1`, "one\n");
  Deno.mkdirSync(`${path}/sub/deep`, { recursive: true });
  file.linkat(dir, "f1", dir, "sub/hard");
  file.symlinkat("/nosuch", dir, "dangling");
  file.fchownat(dir, "dangling", 12, 34);
  Deno.writeTextFileSync(`${path}/su`, "#!");
  file.fchownat(dir, "su", 7, 8);
  file.fchmodat(dir, "su", 0o6755);
  setXattr(dir, "su", "security.capability", new Uint8Array([1, 0, 0, 2, 0, 32, ...new Array(14).fill(0)]));
  setXattr(dir, "sub", "user.note", "kept");
  file.mknodat(dir, "fifo", file.S_IFIFO | 0o622, 0);
  file.mknodat(dir, "socket", file.S_IFSOCK | 0o600, 0);
  file.mknodat(dir, "null", file.S_IFCHR | 0o666, file.makedev(1, 3));
  file.mknodat(dir, "loop", file.S_IFBLK | 0o660, file.makedev(7, 300));
  file.mknodat(dir, "bad\udcff", file.S_IFREG | 0o400, 0);
  const sparse = file.openat(dir, "sparse", file.O_WRONLY | file.O_CREAT, 0o644);
  file.ftruncate(sparse, 5 << 20);
  file.pwrite(sparse, new Uint8Array([1, 2, 3]), 3_000_000);
  file.close(sparse);
  setXattr(dir, ".", "user.root", "too");
  file.fchownat(dir, ".", 1000, 50);
  file.fchmodat(dir, ".", 0o2750);
  const time = { seconds: 981173106, nanoseconds: 123456789 };
  for (const name of ["f1", "dangling", "sub/deep", "sub", "."]) file.utimensat(dir, name, time);
  file.close(dir);
  return path;
}

async function fill(name: string, image: string): Promise<boolean> {
  const fd = open(image);
  try {
    return await populate(name, fd);
  } finally {
    file.close(fd);
  }
}

function makeContainer(id: string, volumes: string[]): void {
  Deno.mkdirSync(`${root}/containers/${id}`);
  const mounts = volumes.map((source) => ({ type: "volume", source, target: "/x", readOnly: false }));
  const no = [
    "tty",
    "stdin",
    "stdinOnce",
    "attachStdin",
    "attachStdout",
    "attachStderr",
    "autoRemove",
    "init",
  ];
  const config = {
    ...Object.fromEntries([...no, "readOnlyRootfs"].map((flag) => [flag, false])),
    ...{ id, name: "user", created: new Date().toISOString(), image: `sha256:${id}`, imageName: "image" },
    ...{ layers: [], hostname: "user", process: {}, argv: ["true"], binds: [], tmpfs: {}, network: "none" },
    restart: { name: "no", maximumRetryCount: 0 },
    log: { driver: "json-file", options: {}, maxFiles: 1 },
    mounts,
  };
  Deno.writeTextFileSync(`${root}/containers/${id}/config.json`, JSON.stringify(config));
}

async function refuses(act: Promise<unknown>, message: string): Promise<void> {
  const error = await assertRejects(() => act, Failure);
  assertEquals([error.message, exitCodeOf(error)], [message, 1]);
}

/** Starts a process of its own that says "ready", populates, and says whether it did. */
function populator(name: string, image: string): Deno.ChildProcess {
  const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const script = `import { openat } from ${at("../../ffi/file.ts")};
    import { populate } from ${at("../../lib/volume/populate.ts")};
    console.log("ready");
    console.log(await populate(${JSON.stringify(name)}, openat(-100, ${JSON.stringify(image)}, 0)));`;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", script],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

Deno.test("volumes are made once, and listed in natural order", async () => {
  const made = await store.createVolume("v10", { labels: { a: "b" } });
  assertEquals(Deno.statSync(content("v10")).mode! & 0o7777, 0o755);
  assertEquals([made.name, made.labels, made.anonymous], ["v10", { a: "b" }, false]);
  assertEquals(await store.createVolume("v10", { labels: { other: "x" } }), made);
  await store.createVolume("v9");
  const unnamed = await store.createVolume(undefined);
  assert(/^[0-9a-f]{64}$/.test(unnamed.name) && unnamed.anonymous);
  assertEquals(
    store.listVolumes().filter((volume) => !volume.anonymous).map((volume) => volume.name),
    ["v9", "v10"],
  );
  assertEquals(store.readVolume("v10"), made);
  assertEquals(store.readVolume("../containers"), undefined);
  assertEquals(await store.removeUnused(["v9", "v10", unnamed.name, "nosuch"]), {
    removed: ["v9", "v10", unnamed.name],
    kept: [],
  });
  assertEquals(store.listVolumes(), []);
});

Deno.test("a volume's name is checked, with the exit code of docker's volume commands", async () => {
  const short = "volume name is too short, names should be at least two alphanumeric characters";
  await refuses(store.createVolume("a"), `create a: ${short}`);
  await assertRejects(() => store.createVolume("../x"), Failure, "includes invalid characters");
  await assertRejects(() => store.createVolume("x".repeat(256)), Failure, "too long");
});

Deno.test("a volume that lost its volume.json is still there", async () => {
  await store.createVolume("torn");
  Deno.writeTextFileSync(`${root}/volumes/torn/volume.json`, "");
  const volume = store.readVolume("torn")!;
  assertEquals([volume.anonymous, volume.labels], [false, undefined]);
  assert(Date.parse(volume.created) > 0);
  await store.removeVolume("torn");
});

Deno.test("openVolume makes what is missing", async () => {
  const fd = await store.openVolume("fresh", { labels: { a: "b" } });
  assertEquals(file.stat(fd, "").inode, file.stat(file.AT_FDCWD, content("fresh")).inode);
  file.close(fd);
  assertEquals(store.readVolume("fresh")?.labels, { a: "b" });
  await store.removeVolume("fresh");
});

Deno.test("a container's volumes stay", async () => {
  const id = "ab".repeat(32);
  await store.createVolume("used");
  await store.createVolume("free");
  makeContainer(id, ["used", "used"]);
  assertEquals(store.volumesInUse(), new Map([["used", [id]]]));
  await refuses(store.removeVolume("used"), `remove used: volume is in use - [${id}]`);
  await refuses(store.removeVolume("nosuch"), "No such volume: nosuch");
  await refuses(store.removeVolume("../volumes/free"), "No such volume: ../volumes/free");
  assertEquals((await store.removeUnused(["used", "free"])).removed, ["free"]);
  Deno.removeSync(`${root}/containers/${id}`, { recursive: true });
  await store.removeVolume("used");
  assertEquals([...Deno.readDirSync(`${root}/tmp`)].map((entry) => entry.name), [".lock"]);
});

Deno.test("whoever uses volumes keeps removers out, but not other users", () => {
  const held = [store.lockVolumes("shared"), store.lockVolumes("shared")];
  const other = file.openat(file.AT_FDCWD, `${root}/volumes/.lock`, file.O_RDWR);
  assertEquals(tryLock(other, "exclusive"), false);
  held.forEach(file.close);
  assertEquals(tryLock(other, "exclusive"), true);
  file.close(other);
  assertEquals(store.listVolumes(), []);
});

Deno.test("populate copies everything, once", async () => {
  const image = makeImage();
  await store.createVolume("full");
  const opened = await store.openVolume("full");
  assertEquals(await fill("full", image), true);
  assertEquals(snapshot(content("full")), snapshot(image));
  const [copied, made] = [content("full"), image].map((path) => file.stat(file.AT_FDCWD, `${path}/sparse`));
  assert(copied.blocks * 512 < copied.size && made.blocks * 512 < made.size);
  assertEquals(file.stat(opened, "f1").size, 4); // what was opened before is what was filled
  file.close(opened);
  Deno.writeTextFileSync(`${image}/later`, "");
  assertEquals(await fill("full", image), false);
  assertEquals(file.statIfAny(file.AT_FDCWD, `${content("full")}/later`), undefined);
  assertEquals([...Deno.readDirSync(`${root}/volumes/full`)].map((entry) => entry.name).sort(), [
    "_data",
    "lock",
    "volume.json",
  ]);
});

Deno.test("a volume with content keeps it, and its mode", async () => {
  await store.createVolume("kept");
  Deno.writeTextFileSync(`${content("kept")}/existing`, "");
  Deno.chmodSync(content("kept"), 0o700);
  const before = snapshot(content("kept"));
  assertEquals(await fill("kept", makeImage()), false);
  assertEquals(snapshot(content("kept")), before);
});

Deno.test("an empty image directory still gives its owner and mode", async () => {
  const image = makeDirectory();
  Deno.chmodSync(image, 0o1777);
  await store.createVolume("bare");
  await fill("bare", image);
  assertEquals(snapshot(content("bare")), snapshot(image));
});

Deno.test("whoever opens a volume completes what was begun, and leaves alone what came in between", async () => {
  const home = `${root}/volumes/begun`;
  await store.createVolume("begun");
  Deno.mkdirSync(`${home}/fill/dir`, { recursive: true });
  Deno.chmodSync(`${home}/fill`, 0o711);
  Deno.writeTextFileSync(`${home}/fill/dir/a`, "image's");
  Deno.writeTextFileSync(`${home}/fill/b`, "image's");
  Deno.writeTextFileSync(`${home}/_data/b`, "container's");
  Deno.writeTextFileSync(`${home}/_data/moved`, "image's");
  file.close(await store.openVolume("begun"));
  const texts = ["dir/a", "b", "moved"].map((name) => Deno.readTextFileSync(`${home}/_data/${name}`));
  assertEquals(texts, ["image's", "container's", "image's"]);
  assertEquals(Deno.statSync(`${home}/_data`).mode! & 0o7777, 0o711);
  assertEquals(file.statIfAny(file.AT_FDCWD, `${home}/fill`), undefined);
});

function makeBigImage(): string {
  const image = makeDirectory();
  for (let d = 0; d < 10; d++) {
    Deno.mkdirSync(`${image}/d${d}`);
    for (let f = 0; f < 60; f++) Deno.writeTextFileSync(`${image}/d${d}/f${f}`, `${d} ${f}\n`);
  }
  return image;
}

Deno.test("of several processes one fills the volume, and all find it full", async () => {
  const image = makeBigImage();
  await store.createVolume("shared");
  const children = [1, 2, 3].map(() => populator("shared", image));
  const outputs = await Promise.all(children.map((child) => child.output()));
  const answers = outputs.map(({ stdout }) => new TextDecoder().decode(stdout).trim());
  assertEquals(answers.sort(), ["ready\nfalse", "ready\nfalse", "ready\ntrue"]);
  assertEquals(snapshot(content("shared")), snapshot(image));
});

Deno.test("a kill at any time leaves a volume that is empty, or gets complete", async () => {
  const image = makeBigImage();
  const wanted = snapshot(image).length;
  const name = "killed";
  for (let delay = 0; delay < 60; delay += 10) {
    await store.createVolume(name);
    const child = populator(name, image);
    const reader = child.stdout.getReader();
    await reader.read();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delay);
    try {
      child.kill("SIGKILL");
    } catch { /* it was done before */ }
    await Promise.all([child.status, reader.cancel()]);
    file.close(await store.openVolume(name));
    assert([1, wanted].includes(snapshot(content(name)).length), `half full after ${delay} ms`);
    await fill(name, image);
    assertEquals(snapshot(content(name)).length, wanted);
    await store.removeVolume(name);
  }
});

Deno.test("natural order", () => {
  const names = ["v10", "v2", "b", "v02", "v", "a1b", "a1", "f".repeat(64), "9".repeat(64)];
  assertEquals(names.toSorted(naturalOrder), [
    ...["9".repeat(64), "a1", "a1b", "b", "f".repeat(64), "v"],
    ...["v02", "v2", "v10"],
  ]);
});
