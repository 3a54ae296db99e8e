// import, images, tag, rmi.

import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { bare, BIN, type Box, requires, sandbox, test, words } from "../world/world.ts";
import { dockerArchive } from "../world/archives.ts";
import { busyboxTar, debianTar, tar } from "../world/images.ts";

const layers = (box: Box) =>
  [...Deno.readDirSync(`${box.root}/layers`)].filter(({ name }) => !name.startsWith("."));

test("import: from a file and from stdin, with its ID on stdout", async (box) => {
  const archive = await busyboxTar();
  const id = await box.ok`import ${archive} one:v1`;
  assertMatch(id, /^sha256:[0-9a-f]{64}$/);
  assertEquals(await box.ok`images -q --no-trunc one:v1`, id);
  const piped = await box.exec`sh -c 'cat "$1" | "$0" import - two' ${BIN} ${archive}`;
  assertMatch(piped.stdout, /^sha256:[0-9a-f]{64}\n$/);
  assertNotEquals(piped.stdout.trim(), id);
  for (const name of ["one:v1", "two"]) assertEquals(await box.ok`run --rm ${name} echo hi`, "hi");
});

test("import: the same content is one layer on disk", async (box) => {
  for (const name of ["a", "b", "c"]) await box.ok`import ${await busyboxTar()} ${name}`;
  assertEquals(layers(box).length, 1);
  await box.ok`rmi a b busybox`;
  assertEquals(await box.ok`run --rm c echo still`, "still");
  await box.ok`rmi c`;
  assertEquals(layers(box), []);
});

test("import: gzip, from a file and from stdin", async (box) => {
  const file = box.path("root.tar.gz");
  await box.exec`sh -c 'gzip -c "$0" >"$1"' ${await busyboxTar()} ${file}`;
  await box.ok`import ${file} gz`;
  await box.exec`sh -c '"$0" import - gz2 <"$1"' ${BIN} ${file}`;
  for (const name of ["gz", "gz2"]) {
    assertEquals(await box.ok`run --rm ${name} cat /seed/file`, "from the image");
  }
  assertEquals(layers(box).length, 1, "the layer is named by what is in it, not by its packing");
});

test("import: zstd, also in several frames", async (box) => {
  const file = box.path("root.tar.zst");
  const script =
    `zstd -q -c "$0" >"$1"; { head -c 300000 "$0" | zstd -q -c; tail -c +300001 "$0" | zstd -q -19 -c; } >"$1.2"`;
  await box.exec`sh -c ${script} ${await busyboxTar()} ${file}`;
  for (const name of [file, `${file}.2`]) {
    await box.ok`import ${name} zst`;
    assertEquals(await box.ok`run --rm zst cat /seed/file`, "from the image");
  }
  assertEquals(layers(box).length, 1);
}, await requires("zstd"));

test("import and load: xz and bzip2, by the programs of these names", async (box) => {
  const saved = box.path("saved.tar");
  await box.ok`save -o ${saved} busybox`;
  for (const program of ["xz", "bzip2"]) {
    const [file, cut, image] = [box.path("packed.tar"), box.path("cut.tar"), box.path("saved.packed")];
    const script = '"$0" -c "$1" >"$2"; head -c 100000 "$2" >"$3"; "$0" -c "$4" >"$5"';
    await box.exec`sh -c ${script} ${program} ${await busyboxTar()} ${file} ${cut} ${saved} ${image}`;
    await box.ok`import ${file} packed`;
    assertEquals(await box.ok`run --rm packed cat /seed/file`, "from the image");
    assertEquals(await box.ok`load -i ${image}`, "Loaded image: busybox:latest");
    const short = await box.$`import ${cut} short`;
    assertEquals(short.code, 1);
    assertMatch(short.stderr, new RegExp(`^mydocker: ${cut}: can't decompress the archive: .*${program}`));
    const missing = await box.$(words`import ${file}`, { env: { PATH: "/var/empty" } });
    assertEquals(missing.code, 1);
    assertMatch(
      missing.stderr,
      new RegExp(`compressed with ${program}, and this host has no program of that`),
    );
  }
  assertEquals(layers(box).length, 1);
}, { ...await requires("xz", "bzip2"), seconds: 120 });

test("import: from a URL, with what may go wrong there", async (box) => {
  const archive = Deno.readFileSync(await busyboxTar());
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname, origin } = new URL(request.url);
    if (pathname === "/root.tar") return new Response(archive);
    if (pathname === "/moved") return Response.redirect(`${origin}/root.tar`);
    return new Response(pathname === "/text" ? "no archive" : "no such thing", {
      status: pathname === "/text" ? 200 : 404,
    });
  });
  const { port } = server.addr;
  const at = (path: string) => `http://127.0.0.1:${port}/${path}`;
  for (const path of ["root.tar", "moved"]) {
    const said = await box.ok`import ${at(path)} web`;
    assertMatch(said, new RegExp(`^Downloading from ${at(path)}\nsha256:[0-9a-f]{64}$`));
    assertEquals(await box.ok`run --rm web cat /seed/file`, "from the image");
    assertEquals((await box.inspect("web")).Comment, `Imported from ${at(path)}`);
  }
  const mistakes = {
    [at("nosuch")]: `failed to GET ${at("nosuch")} with status 404`,
    [at("text")]: `${at("text")}: not a tar archive`,
    [`http://127.0.0.2:${port}/x`]:
      `Get "http://127.0.0.2:${port}/x": dial tcp 127.0.0.2:${port}: connect: connection refused`,
    "http://192.0.2.1/x": 'Get "http://192.0.2.1/x": refused: plain http is for this machine only',
    "http://": "http:// is no URL",
  };
  for (const [url, words] of Object.entries(mistakes)) {
    const { code, stderr } = await box.$`import ${url}`;
    assertEquals([code, stderr], [1, `mydocker: ${words}\n`]);
  }
});

test("import: without a name the image has only its ID", async (box) => {
  const id = await box.ok`import ${await busyboxTar()}`;
  assertEquals(
    await box.ok`images --format '{{.Repository}}:{{.Tag}} {{.ID}}'`.then((text) => text.split("\n")[0]),
    `<none>:<none> ${id.slice(7, 19)}`,
  );
  assertEquals(await box.ok`run --rm ${id.slice(7, 19)} echo hi`, "hi");
});

test("import: an old image loses its name to the new one, and stays", async (box) => {
  const old = await box.ok`images -q`;
  const id = await box.ok(words`import - busybox`, { stdin: tar([{ name: "new" }]) });
  assertEquals(
    await box.ok`images --format '{{.Repository}} {{.ID}}'`,
    `busybox ${id.slice(7, 19)}\n<none> ${old}`,
  );
  assertEquals(await box.ok`run --rm ${old} echo hi`, "hi");
});

test("import: an empty archive is an empty image", async (box) => {
  await box.ok(words`import - empty`, { stdin: "" });
  assertEquals(await box.ok`images --format {{.Size}} empty`, "0B");
});

test("import: every kind of file, owners, modes, times", async (box) => {
  const long = `${"d".repeat(60)}/${"e".repeat(80)}`;
  const entries = [
    { name: "bin/", type: "5", mode: 0o711, uid: 1, gid: 2, mtime: 1_100_000_000 },
    { name: "bin/suid", data: "x", mode: 0o6755, uid: 3, gid: 4, mtime: 1_200_000_000 },
    { name: "bin/hard", type: "1", link: "bin/suid" },
    { name: "bin/soft", type: "2", link: "suid", uid: 5, gid: 6 },
    { name: "bin/fifo", type: "6", mode: 0o622 },
    { name: "bin/null", type: "3", mode: 0o666, device: [1, 3] },
    { name: `${long.slice(0, 90)}`, data: "long" },
    { name: "sticky/", type: "5", mode: 0o1777 },
    { name: "made/by/path", data: "x" },
  ];
  await box.ok(words`import - kinds`, { stdin: tar(entries) });
  const busybox = `${Deno.realPathSync("/bin/busybox")}:/busybox`;
  const script =
    "cd /bin; for f in . suid hard soft fifo null ../sticky ../made; do /busybox stat -c '%n|%F|%a|%u:%g|%Y|%h' $f; done";
  const lines = (await box.ok`run --rm -v ${busybox} kinds /busybox sh -c ${script}`).split(
    "\n",
  );
  assertEquals(lines[0], ".|directory|711|1:2|1100000000|2");
  assertEquals(lines[1], "suid|regular file|6755|3:4|1200000000|2");
  assertEquals(lines[2], "hard|regular file|6755|3:4|1200000000|2");
  assertMatch(lines[3], /^soft\|symbolic link\|777\|5:6\|1000000000\|1$/);
  assertMatch(lines[4], /^fifo\|fifo\|622\|0:0/);
  assertMatch(lines[5], /^null\|character special file\|666/);
  assertMatch(lines[6], /^..\/sticky\|directory\|1777/);
  assertMatch(lines[7], /^..\/made\|directory\|755\|0:0/);
});

bare("import: a real Debian, and its own tools agree with it", async () => {
  await using box = await sandbox("debian");
  const script =
    "dpkg --verify; find / -xdev -perm -4000 | sort; stat -c %a /tmp; su -s /bin/sh nobody -c id; apt-get --version | head -n 1";
  const stdout = await box.ok`run --rm debian bash -c ${script}`;
  assertMatch(stdout, /\/usr\/bin\/su\n/);
  assertMatch(stdout, /\n1777\nuid=65534\(nobody\)/);
  assert(!/^missing/m.test(stdout), stdout);
  const { path } = await debianTar();
  const compare =
    `tar --compare -f "$1" -C "$0/layers/"[0-9a-f]*/diff --numeric-owner 2>&1 | grep -v 'tar: Removing leading' | head`;
  assertEquals((await box.exec`sh -c ${compare} ${box.root} ${path!}`).stdout, "");
}, { ...await requires("debian"), seconds: 90 });

test("image inspect: a size as docker has it, and fields that are empty", async (box) => {
  const tree = `${box.dir}/tree`;
  Deno.mkdirSync(`${tree}/directory`, { recursive: true });
  Deno.writeTextFileSync(`${tree}/file`, "12345");
  Deno.linkSync(`${tree}/file`, `${tree}/again`);
  Deno.symlinkSync("file", `${tree}/link`);
  await box.exec`sh -c 'tar -C ${tree} -c . | "$0" import - sizes' ${BIN}`;
  const look = "{{.Size}}|{{.Variant}}|{{.OsVersion}}|{{.Config.Healthcheck}}|{{.Config.StopSignal}}";
  assertEquals(await box.ok`image inspect -f ${look} sizes`, "9|||<nil>|");
});

test("images, history, inspect: an image that does not say when it was created", async (box) => {
  const layer = tar([{ name: "f", data: new TextEncoder().encode("x") }]);
  const config = { created: undefined, history: [{ created_by: "somebody" }] };
  const archive = box.path("old.tar", tar(await dockerArchive([layer], ["old:1"], config)));
  await box.ok`load -i ${archive}`;
  assertEquals(
    await box.ok`images --format '{{.CreatedSince}}|{{.CreatedAt}}' old`,
    "N/A|0001-01-01 00:00:00 +0000 UTC",
  );
  assertEquals(
    await box.ok`history --format '{{.CreatedSince}}|{{.CreatedBy}}' old:1`,
    "N/A|somebody",
  );
  assertEquals((await box.inspect("old:1")).Created, "0001-01-01T00:00:00Z");
});

test("images: docker's table", async (box) => {
  await box.ok`tag busybox registry.example.com:5000/some/long/name:v1.2`;
  const [title, ...rows] = (await box.ok`images`).split("\n");
  assertMatch(title, /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$/);
  assertEquals(rows.length, 2);
  for (const row of rows) assertMatch(row, /^\S+ +\S+ +[0-9a-f]{12} +.* ago +\d+(\.\d+)?MB$/);
  assertEquals(rows.map((row) => row.split(/ +/)[0]).sort(), [
    "busybox",
    "registry.example.com:5000/some/long/name",
  ]);
  assertEquals(await box.ok`images nosuch`, "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE");
  assertEquals(
    await box.ok`images --format {{.Repository}}:{{.Tag}} busybox:latest`,
    "busybox:latest",
  );
  assertEquals(await box.ok`image ls -q`, await box.ok`images -q`);
});

test("tag: another name; the last to claim one has it", async (box) => {
  await box.ok`tag busybox other:v1`;
  const id = await box.ok`images -q --no-trunc busybox`;
  assertEquals(await box.ok`images -q --no-trunc other:v1`, id);
  const second = await box.ok`import ${await busyboxTar()} second`;
  await box.ok`tag second other:v1`;
  assertEquals(await box.ok`images -q --no-trunc other:v1`, second);
  await box.ok`tag ${id.slice(7, 17)} a/b/c`;
  assertEquals((await box.inspect("a/b/c")).Id, id);
  for (const bad of ["Foo:BAR", "foo:", "", "foo:.bad"]) {
    const { code, stderr } = await box.$`tag busybox ${bad}`;
    assertEquals(code, 1, bad);
    assertMatch(stderr, /invalid reference format/);
  }
});

test("rmi: names first, then the image and its layers", async (box) => {
  const id = await box.ok`images -q --no-trunc`;
  await box.ok`tag busybox other`;
  assertEquals(await box.ok`rmi busybox`, "Untagged: busybox:latest");
  const lines = (await box.ok`rmi other`).split("\n");
  assertEquals(lines.slice(0, 2), ["Untagged: other:latest", `Deleted: ${id}`]);
  assertMatch(lines[2], /^Deleted: sha256:[0-9a-f]{64}$/);
  assertEquals(layers(box), []);
});

test("rmi: by ID, with several names only by force", async (box) => {
  const id = await box.ok`images -q`;
  await box.ok`tag busybox other`;
  const { code, stderr } = await box.$`rmi ${id}`;
  assertEquals(code, 1);
  assertStringIncludes(
    stderr,
    `unable to delete ${id} (must be forced) - image is referenced in multiple repositories`,
  );
  await box.ok`rmi -f ${id}`;
  assertEquals(await box.ok`images -q`, "");
});

test("rmi: an image that a container uses is refused; by force its name goes, and the container lives", async (box) => {
  await using running = box.spawn`run --name user busybox sh -c 'echo on; sleep 1000'`;
  await running.expect("on");
  const id = await box.ok`images -q`;
  const { Id } = await box.inspect("user");
  const used = await box.$`rmi busybox`;
  assertEquals(used.code, 1);
  assertStringIncludes(used.stderr, `container ${Id.slice(0, 12)} is using its referenced image ${id}`);
  const forced = await box.$`rmi -f ${id}`;
  assertEquals(forced.code, 1);
  assertStringIncludes(forced.stderr, "cannot be forced");
  assertEquals(layers(box).length, 1);
  await box.ok`rm -f user`;
  await running.end();
  await box.ok`rmi ${id}`;
  assertEquals(layers(box), []);
});

test("rmi: by its ID, an image goes neither from under a container that has ended nor from under its children", async (box) => {
  await box.ok`create --name user busybox true`;
  const { Image } = await box.inspect("user");
  const stopped = await box.$`rmi ${Image}`;
  assertEquals(stopped.code, 1);
  assertMatch(stopped.stderr, /\(must be forced\) - image is being used by stopped container \w{12}\n/);
  await box.ok`commit user child`;
  await box.ok`rm user`;
  for (const flags of [[], ["-f"]]) {
    const parent = await box.$`rmi ${flags} ${Image}`;
    assertEquals(parent.code, 1, parent.stdout);
    assertMatch(parent.stderr, /\(cannot be forced\) - image has dependent child images\n/);
  }
  assertEquals((await box.ok`images --format {{.Repository}}`).split("\n").sort(), [
    "busybox",
    "child",
  ]);
  await box.ok`rmi child busybox`;
  assertEquals(layers(box), []);
});

test("tag: what a killed command was about to give a name to doesn't get one that another got since", async (box) => {
  const hex = (await box.ok`images -q --no-trunc`).slice("sha256:".length);
  await box.ok`create --name user busybox true`;
  const newer = await box.ok`commit user taken:1`;
  await box.ok`rm user`;
  Deno.mkdirSync(`${box.root}/tmp/load-killed`);
  const references = [{ name: "taken:1" }, { name: "free:1" }];
  Deno.writeTextFileSync(
    `${box.root}/tmp/load-killed/plan`,
    JSON.stringify({ layers: [], images: [{ hex, references }] }),
  );
  await box.ok`tag busybox any:1`;
  const ids = async (name: string) => await box.ok`images -q --no-trunc ${name}`;
  assertEquals([await ids("taken:1"), await ids("free:1")], [newer, `sha256:${hex}`]);
});

test("rmi -f: a stopped container keeps the layers it stands on", async (box) => {
  await box.ok`run --name stays busybox sh -c 'echo >/new'`;
  await box.ok`rmi -f busybox`;
  assertEquals(await box.ok`images -q`, "");
  assertEquals(layers(box).length, 1);
  const listing = await box.exec`sh -c '"$0" export stays | tar t' ${BIN}`;
  assertMatch(listing.stdout, /^new$/m);
  await box.ok`rm stays`;
  assertEquals(layers(box), []);
});
