// Layers made to do harm, by each of the ways in: import, load, pull. A clear line, nothing outside, nothing
// left.

import { assertEquals, assertMatch } from "@std/assert";
import { type Bytes, dockerArchive, gzip, json, sha256 } from "../world/archives.ts";
import { storeOf } from "../world/crash.ts";
import { BIN, type Box, requires, test } from "../world/world.ts";
import { tar, type TarEntry } from "../world/images.ts";
import { makeImage, noise } from "../world/registry.ts";
import { serve } from "../world/registry_server.ts";

/** Everything below the box's directory but the store, to see that nothing was written there. */
function outside(box: Box): string[] {
  return [...Deno.readDirSync(box.dir)].map(({ name }) => name).filter((name) => name !== "root").sort();
}

/** Tries to get a layer in by import, load and pull, as `sent` if that is something else. */
async function assertRefused(
  box: Box,
  what: string,
  words: RegExp,
  layer: Bytes,
  sent = layer,
): Promise<void> {
  const artifact = await makeImage([{ tar: layer, sent }]);
  await using server = serve({ "evil:latest": artifact });
  const archive = await dockerArchive([layer], ["evil:1"]);
  archive[0].data = sent;
  const attempts: [string[], Bytes?][] = [
    [["import", box.path("layer.tar", sent), "evil:1"]],
    [["import", "-"], sent],
    [["load", "-i", box.path("evil.tar", tar(archive))]],
    [["load"], tar(archive)],
    [["pull", `${server.host}/evil`]],
  ];
  const before = [...storeOf(box.root), ...outside(box)];
  for (const [args, stdin] of attempts) {
    const { code, stderr } = await box.$(args, { stdin });
    assertEquals(code, 1, `${what}: ${args}: ${stderr}`);
    assertMatch(stderr, /^mydocker: [^\n]+\n$/, what);
    assertMatch(stderr, words, what);
    assertEquals([...storeOf(box.root), ...outside(box)], before, `${what}: ${args}`);
  }
}

/** An archive's first header with other bytes for its size. */
function withSize(archive: Bytes, field: number[]): Bytes {
  const copy = archive.slice();
  copy.fill(0, 124, 136);
  copy.set(field, 124);
  copy.fill(0x20, 148, 156);
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  copy.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0") + "\0"), 148);
  return copy;
}

test("hostile layers: names and links that lead out", async (box) => {
  const secret = box.path("secret", "untouched");
  const up = "../".repeat(30);
  const cases: [string, TarEntry[], RegExp][] = [
    ["path traversal", [{ name: "../escaped", data: "x" }], /"\.\.\/escaped": it leads out of the root/],
    ["traversal inside", [{ name: "a/b/../../../escaped", data: "x" }], /leads out of the root/],
    ["traversing directory", [{ name: "../escaped/", type: "5" }], /leads out of the root/],
    ["hard link out", [{ name: "l", type: "1", link: `${up}${secret.slice(1)}` }], /leads out of the root/],
    [
      "hard link to an absolute name",
      [{ name: "l", type: "1", link: secret }, { name: "l", data: "changed" }],
      /no such file before it/,
    ],
    [
      "symlink out, written through",
      [{ name: "l", type: "2", link: box.dir }, { name: "l/escaped", data: "x" }],
      /leads to no directory there/,
    ],
    [
      "climbing symlink, written through",
      [{ name: "l", type: "2", link: `${up}${box.dir.slice(1)}` }, { name: "l/escaped", data: "x" }],
      /leads to no directory there/,
    ],
    [
      "directory replaced by a symlink, written through",
      [
        { name: "d/", type: "5" },
        { name: "d/f", data: "x" },
        { name: "d", type: "2", link: box.dir },
        { name: "d/escaped", data: "x" },
      ],
      /leads to no directory there/,
    ],
    [
      "hard link through a symlink out",
      [{ name: "l", type: "2", link: box.dir }, { name: "h", type: "1", link: "l/secret" }],
      /no such file before it/,
    ],
    [
      "whiteout of what is outside",
      [{ name: "l", type: "2", link: box.dir }, { name: "l/.wh.secret" }],
      /leads to no directory there/,
    ],
    ["whiteout of the parent", [{ name: ".wh..." }], /a whiteout of nothing/],
    [
      "symlinks in a circle",
      [{ name: "a", type: "2", link: "b" }, { name: "b", type: "2", link: "a" }, { name: "a/f", data: "x" }],
      /too many levels of symbolic links/,
    ],
  ];
  for (const [what, entries, words] of cases) await assertRefused(box, what, words, tar(entries));
  assertEquals(Deno.readTextFileSync(secret), "untouched");
}, { seconds: 90 });

/** What chown, chmod, utimes, xattrs and writing would change of a file and all that is below it. */
async function stateOf(box: Box, path: string): Promise<string> {
  const script =
    `find "$1" -printf '%P %y %m %U %G %T@ %s %n %l\\n' | sort; getfattr -Rhdm- "$1" 2>/dev/null; cat "$1"/file`;
  const { code, stdout, stderr } = await box.exec`sh -ec ${script} sh ${path}`;
  assertEquals(code, 0, stderr);
  return stdout;
}

/** Gets a layer in by import, load and pull, by each of them anew. */
async function eachWayIn(box: Box, layer: Bytes, look: (how: string) => void | Promise<void>): Promise<void> {
  await using server = serve({ "strange:latest": await makeImage([{ tar: layer }]) });
  const ways: [string[], string][] = [
    [["import", box.path("layer.tar", layer), "strange:1"], "strange:1"],
    [["load", "-i", box.path("strange.tar", tar(await dockerArchive([layer], ["strange:1"])))], "strange:1"],
    [["pull", "-q", `${server.host}/strange`], `${server.host}/strange`],
  ];
  for (const [args, name] of ways) {
    await box.ok(args);
    await look(`${args}`);
    await box.ok`rmi ${name}`;
  }
}

test("hostile layers: links that lead somewhere inside, where the host has the same", async (box) => {
  // Inside as on the host: /…/decoy with a directory, a file, a device and something to be whited out.
  const decoy = `${box.dir}/decoy`;
  await box.exec`sh -ec 'mkdir -p "$1"/sub/deep "$1"/gone; echo host >"$1"/file; touch "$1"/gone/file'
    sh ${decoy}`;
  await box.exec`sh -ec 'mknod "$1"/device c 1 3; ln -s file "$1"/link; touch -hd @1000000001 "$1"/*'
    sh ${decoy}`;
  const before = await stateOf(box, decoy);
  const inside = decoy.slice(1);
  const owner = { uid: 1234, gid: 1234, mtime: 7 };
  const parts: Record<string, TarEntry[]> = {
    "a directory": [{ name: "l/sub/", type: "5", mode: 0o711, ...owner }],
    "a directory's directory": [{ name: "l/sub/deep/", type: "5", mode: 0o711, ...owner }],
    "a new directory": [{ name: "l/new/", type: "5", mode: 0o711, ...owner }],
    "the directory itself": [{ name: "l/./", type: "5", mode: 0o711, ...owner }],
    "a file": [{ name: "l/file", data: "evil", mode: 0o4755, ...owner }],
    "a device": [{ name: "l/device", type: "3", device: [1, 5], mode: 0o6666, ...owner }],
    "a FIFO": [{ name: "l/fifo", type: "6", mode: 0o4666, ...owner }],
    "a symlink": [{ name: "l/link", type: "2", link: "evil", ...owner }],
    "a hard link": [{ name: "h", type: "1", link: "l/file" }, { name: "h", data: "evil", ...owner }],
    "a whiteout": [{ name: "l/.wh.gone" }],
    "whiteouts of what is not there": [{ name: "l/.wh.file2" }, { name: "l/sub/.wh.x" }],
    "an opaque directory": [{ name: "l/.wh..wh..opq" }, { name: "l/sub/.wh..wh..opq" }],
    "a file for a directory": [{ name: "l/sub", data: "evil", ...owner }],
  };
  const climbing = { "a directory": parts["a directory"], "a file": parts["a file"] };
  for (const [target, each] of [[decoy, parts], [`${"../".repeat(12)}${inside}`, climbing]] as const) {
    const entries: TarEntry[] = [
      { name: `${inside}/sub/deep/`, type: "5" },
      { name: `${inside}/gone/`, type: "5" },
      { name: `${inside}/file`, data: "inside" },
      { name: "l", type: "2", link: target },
    ];
    for (const [what, more] of Object.entries(each)) {
      await eachWayIn(box, tar([...entries, ...more]), async (how) => {
        assertEquals(await stateOf(box, decoy), before, `${what}, by ${how}`);
      });
    }
  }
}, { ...await requires("getfattr"), seconds: 300 });

test("hostile layers: a directory through a link gets its owner, mode and time inside", async (box) => {
  const layer = tar([
    { name: "real/", type: "5" },
    { name: "l", type: "2", link: "/real" },
    { name: "l/sub/", type: "5", mode: 0o711, uid: 1234, gid: 5678, mtime: 7 },
  ]);
  await eachWayIn(box, layer, (how) => {
    const [diff] = [...Deno.readDirSync(`${box.root}/layers`)].map(({ name }) =>
      `${box.root}/layers/${name}/diff`
    )
      .filter((path) => [...Deno.readDirSync(path)].some(({ name }) => name === "real"));
    const { uid, gid, mode, mtime } = Deno.lstatSync(`${diff}/real/sub`);
    assertEquals([uid, gid, mode! & 0o7777, mtime?.getTime()], [1234, 5678, 0o711, 7000], how);
  });
});

test("strange layers: a whiteout before its directory, or after it, hides what is below and nothing else", async (box) => {
  const lower = tar([
    { name: "before/", type: "5" },
    { name: "before/old", data: "x" },
    { name: "after/", type: "5" },
    { name: "after/old", data: "x" },
    { name: "file", data: "old" },
    { name: "gone", data: "old" },
  ]);
  const upper = tar([
    { name: ".wh.before" },
    { name: "before/", type: "5" },
    { name: "before/new", data: "x" },
    { name: "after/", type: "5" },
    { name: "after/new", data: "x" },
    { name: ".wh.after" },
    { name: "file", data: "new" },
    { name: ".wh.file" },
    { name: ".wh.gone" },
  ]);
  const image = await makeImage([{ tar: lower }, { tar: upper }]);
  await using server = serve({ "two:latest": image });
  await box.ok`load -i ${box.path("two.tar", tar(await dockerArchive([lower, upper], ["two:1"])))}`;
  for (const [name, at] of [["two:1", "loaded"], [`${server.host}/two`, "pulled"]]) {
    await box.ok`create --name ${at} --pull missing ${name} x`;
    const listed = await box.exec`sh -c '"$0" export "$1" | tar t | sort' ${BIN} ${at}`;
    const found = listed.stdout.split("\n").filter((line) => /before|after|file|gone|wh/.test(line));
    assertEquals(found, ["after/", "after/new", "before/", "before/new", "file"], at);
    await box.ok`rm ${at}`;
    await box.ok`rmi ${name}`;
  }
});

test("hostile layers: sizes, and ends that come early", async (box) => {
  const plain = tar([{ name: "f", data: "x".repeat(3000) }, { name: "g", data: "y" }]);
  const zipped = await gzip(tar([{ name: "f", data: noise(30_000) }]));
  const exact = tar([{ name: "f", data: "x" }]);
  const ff = (length: number) => Array.from({ length }, () => 0xff);
  const octal = (text: string) => [...new TextEncoder().encode(text)];
  const cases: [string, RegExp, Bytes, Bytes?][] = [
    ["negative size", /negative size in header at byte 0/, withSize(plain, ff(12))],
    ["size beyond 2^63", /bad size in header at byte 0/, withSize(plain, [0x80, ...ff(11)])],
    ["no number", /bad size in header at byte 0/, withSize(plain, octal("12x"))],
    [
      "8 GB that are not there",
      /unexpected end of archive|no space left/,
      withSize(plain, octal("77777777777")),
    ],
    ["1 PB that is not there", /no space left/, withSize(plain, [0x80, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0])],
    ["cut off", /unexpected end of archive in "f"/, plain.slice(0, 2000)],
    [
      "truncated gzip",
      /unexpected end of archive \(gzip\)|verification failed|unexpected end/,
      exact,
      zipped.slice(0, 900),
    ],
    [
      "damaged gzip",
      /damaged gzip|unexpected end|verification failed/,
      exact,
      zipped.map((byte, i) => i > 600 ? byte ^ 85 : byte),
    ],
    ["no archive", /not a tar archive|bad checksum/, new TextEncoder().encode("text ".repeat(500))],
  ];
  for (const [what, words, layer, sent] of cases) await assertRefused(box, what, words, layer, sent);
}, { seconds: 90 });

test("hostile layers: 10 GB in 10 MB, on a disk that has 100 MB", async (box) => {
  const zeros = new Uint8Array(10 << 20);
  const part = await gzip(zeros);
  const pieces: Bytes[] = [];
  for (let i = 0; i < 1000; i++) {
    pieces.push(await gzip(tar([{ name: `zeros/${i}`, size: zeros.length }], false)), part);
  }
  const bomb = box.path("bomb.gz", new Uint8Array(await new Blob(pieces).arrayBuffer()));
  const script = `
    mkdir -p "$1" && mount -t tmpfs -o mode=755,size=100m tmpfs "$1" && export MYDOCKER_ROOT="$1"
    "$0" import "$2" bomb; echo "rc=$?"; "$0" images -q; ls "$1/tmp" "$1/layers"`;
  const small = `${box.dir}/small`;
  const { stdout, stderr } = await box.exec`unshare -m sh -c ${script} ${BIN} ${small} ${bomb}`;
  assertEquals(stdout.replaceAll(small, ""), "rc=1\n/layers:\n\n/tmp:\n", stderr);
  assertMatch(stderr, /^mydocker: [^\n]*no space left on device[^\n]*\n$/);
}, { seconds: 60 });

test("strange layers: every name a file can have is kept, byte for byte", async (box) => {
  const script = `mkdir t; cd t; for n in "$(printf 'new\\nline')" "$(printf 'bytes\\377\\376\\200')" \\
      "$(printf '\\033[31mred')" ' ' '-rf' '*' "$(printf 'n%.0s' $(seq 255))"; do echo "$n" >"./$n"; ln "./$n" "./$n$n" 2>/dev/null; done
    d=$(printf 'd%.0s' $(seq 200)); mkdir -p $d/$d/$d; echo deep >$d/$d/$d/f; ln -s $d/$d/$d/f deep; mknod disk b 8 0
    truncate -s 100M hole; echo end >>hole`;
  await box.exec`sh -ec ${script}`;
  for (
    const format of [
      "gnu --sparse",
      "posix --sparse",
      "posix --sparse --sparse-version=0.0",
      "oldgnu --sparse",
    ]
  ) {
    const made = await box.exec`sh -ec 'tar -C t --format=${format} -cf strange.tar .'`;
    assertEquals(made.code, 0, made.stderr);
    const layer = Deno.readFileSync(box.path("strange.tar"));
    const image = tar(await dockerArchive([layer], ["strange:1"]));
    assertEquals(await box.ok(["load"], { stdin: image }), "Loaded image: strange:1", format);
    const diff = `${box.root}/layers/${await sha256(layer)}/diff`;
    const compared = await box.exec`tar --compare -f strange.tar -C ${diff}`;
    assertEquals([compared.code, compared.stderr], [0, ""], compared.stdout);
    await box.ok`save -o again.tar strange:1`;
    const read = `tar -xOf again.tar $(tar -tf again.tar | grep -E '${await sha256(
      layer,
    )}|layer.tar' | head -n 1) | sha256sum`;
    assertEquals((await box.exec`sh -c ${read}`).stdout.slice(0, 64), await sha256(layer), format);
    await box.ok`rmi strange:1`;
  }
}, { seconds: 60 });

test("strange archives: two images that claim one tag", async (box) => {
  const images = await Promise.all(
    ["one", "two"].map((data) => dockerArchive([tar([{ name: data, data }])], ["both:1"])),
  );
  const items = images.flatMap((entries) =>
    JSON.parse(new TextDecoder().decode(entries.at(-1)!.data as Bytes))
  );
  const all = tar([...images.flatMap((entries) => entries.slice(0, -1)), {
    name: "manifest.json",
    data: json(items),
  }]);
  const ids = items.map(({ Config }) => `sha256:${Config.replace(".json", "")}`);
  assertEquals((await box.ok(["load"], { stdin: all })).split("\n"), [
    `The image both:1 already exists, renaming the old one with ID ${ids[0]} to empty string`,
    "Loaded image: both:1",
    "Loaded image: both:1",
  ]);
  assertEquals((await box.inspect("both:1")).Id, ids[1]);
  assertEquals((await box.inspect(ids[0])).RepoTags, []);
});

test("device nodes of an image lead to no device of the host", async (box) => {
  const layer = tar([
    { name: "zero", type: "3", device: [1, 5], mode: 0o666 },
    { name: "memory", type: "3", device: [1, 1], mode: 0o666 },
    { name: "disk", type: "4", device: [259, 0], mode: 0o666 },
  ]);
  await box.ok`import ${box.path("nodes.tar", layer)} nodes`;
  await box.ok`create --name look nodes x`;
  const listed = await box.exec`sh -c '"$0" export look | tar tv' ${BIN}`;
  assertMatch(listed.stdout, /crw-rw-rw- \S+ +1,5 [^\n]* zero/);
  assertMatch(listed.stdout, /brw-rw-rw- \S+ +259,0 [^\n]* disk/);
  // For whoever is root, and whatever the mode: it is the mount that says so, or the device cgroup.
  const read = "for f in memory disk; do head -c 1 /n/$f >/dev/null 2>&1 && echo read $f; done; echo done";
  const [diff] = [...Deno.readDirSync(`${box.root}/layers`)].map(({ name }) =>
    `${box.root}/layers/${name}/diff`
  )
    .filter((path) => {
      try {
        return Deno.lstatSync(`${path}/disk`).isBlockDevice;
      } catch {
        return false;
      }
    });
  assertEquals(await box.ok`run --rm -v ${diff}:/n busybox sh -c ${read}`, "done");
});
