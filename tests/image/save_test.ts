import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { withDocker } from "../world/docker.ts";
import { dockerArchive, json, sha256 } from "../world/archives.ts";
import { BIN, type Box, requires, test } from "../world/world.ts";
import { busyboxTar, tar } from "../world/images.ts";
import { terminal } from "../world/pty.ts";

/** What the archive at `path` has under a name. */
async function member(box: Box, path: string, name: string) {
  const { code, out, stderr } = await box.exec`tar -xOf ${path} ${name}`;
  assertEquals(code, 0, stderr);
  return out;
}

// deno-lint-ignore no-explicit-any
async function value(box: Box, path: string, name: string): Promise<any> {
  return JSON.parse(new TextDecoder().decode(await member(box, path, name)));
}

/** Runs a command that has to succeed; returns its stdout. */
async function ok(box: Box, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await box.exec(argv, { timeout: 60 });
  assertEquals(code, 0, `${argv.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/**
 * An image with a layer above busybox's that deletes a file, replaces a directory and hides another's
 * content.
 */
async function withWhiteouts(box: Box): Promise<void> {
  const script = "rm /seed/file /etc/group; rm -r /seed/sub; mkdir /seed/sub; echo new >/seed/sub/new; " +
    "rm -r /home; echo file >/home; ln /home /home2; chown 7:8 /noexec; ln -s gone /link";
  await box.ok`run --name changer busybox sh -c ${script}`;
  await box.ok`commit -c 'LABEL a=b' changer changed:1`;
  await box.ok`rm changer`;
}

/** The tree of withWhiteouts, as the listing of an archive of it says. */
function assertChanged(listing: string): void {
  const lines = listing.split("\n").map((line) => line.replace(/^\.\//, "").replace(/\/$/, ""));
  for (
    const name of ["seed/sub/new", "seed/sub", "home", "home2", "link", "noexec", "etc/passwd", "bin/sh"]
  ) {
    assert(lines.includes(name), `${name} is missing: ${listing}`);
  }
  for (const name of ["seed/file", "etc/group", "seed/sub/deep", "home/app"]) {
    assert(!lines.includes(name), `${name} is back`);
  }
  assert(!listing.includes(".wh."), "a whiteout can be seen");
}

test("save: one archive that is docker's and OCI's, each blob once, the layer bit for bit", async (box) => {
  await box.ok`tag busybox example.com:5000/b/c:2`;
  await box.ok`run --name toucher busybox touch /x`;
  await box.ok`commit toucher more:1`;
  await box.ok`rm toucher`;
  const path = box.path("a.tar");
  const names = ["busybox", "more:1", "example.com:5000/b/c:2", "busybox:latest"];
  assertEquals(await box.ok`save -o ${path} ${names}`, "");
  assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
  const [first, second] = await value(box, path, "manifest.json");
  assertEquals(first.RepoTags, ["busybox:latest", "example.com:5000/b/c:2"]);
  assertEquals(second.RepoTags, ["more:1"]);
  assertEquals(first.Config, `blobs/${(await box.inspect("busybox")).Id.replace(":", "/")}`);
  assertEquals([first.Layers.length, second.Layers.length, second.Layers[0]], [1, 2, first.Layers[0]]);
  const original = Deno.readFileSync(await busyboxTar());
  const layer = await member(box, path, first.Layers[0]);
  assertEquals([layer.length, await sha256(layer)], [original.length, await sha256(original)]);
  const files = (await ok(box, "tar", "-tf", path)).trim().split("\n");
  assertEquals(new Set(files).size, files.length);
  const blobs = files.filter((name) => /^blobs\/sha256\/./.test(name));
  assertEquals(blobs.length, 6);
  for (const name of blobs) assertEquals(`blobs/sha256/${await sha256(await member(box, path, name))}`, name);
  const { manifests } = await value(box, path, "index.json");
  assertEquals(
    // deno-lint-ignore no-explicit-any
    manifests.map(({ annotations }: any) => Object.values(annotations).join(" ")),
    ["docker.io/library/busybox:latest latest", "example.com:5000/b/c:2 2", "docker.io/library/more:1 1"],
  );
  // Again, to stdout: the same bytes.
  const again = await box.$`image save ${names}`;
  assertEquals(await sha256(again.out), await sha256(Deno.readFileSync(path)));
});

test("save: by name all its tags, by ID none", async (box) => {
  await box.ok`tag busybox busybox:1`;
  const tags = async (...names: string[]) => {
    await box.ok`save -o a.tar ${names}`;
    return (await value(box, box.path("a.tar"), "manifest.json"))[0].RepoTags;
  };
  assertEquals(await tags("busybox"), ["busybox:1", "busybox:latest"]);
  assertEquals(await tags("docker.io/library/busybox:1"), ["busybox:1"]);
  const { Id } = await box.inspect("busybox");
  for (const id of [Id, Id.slice(7), Id.slice(7, 19), Id.slice(0, 20)]) assertEquals(await tags(id), null);
  await box.ok`rmi busybox:1 busybox:latest`;
  assertEquals(await box.ok`load -i a.tar`, `Loaded image ID: ${Id}`);
  await box.ok`tag ${Id} busybox`;
});

test("save: mistakes, in docker's words; a file that is there stays as it is", async (box) => {
  const cases: [string[], number, RegExp][] = [
    [["nosuch"], 1, /^mydocker: No such image: nosuch\n$/],
    [["busybox", "nosuch:1"], 1, /^mydocker: reference does not exist\n$/],
    [["Foo"], 1, /invalid reference format: repository name must be lowercase/],
    [
      ["-o", "/nosuch/x", "busybox"],
      1,
      /^mydocker: failed to save image: invalid output path: directory "\/nosuch" does not exist\n$/,
    ],
    [[], 1, /"mydocker save" requires at least 1 argument/],
  ];
  for (const [args, status, message] of cases) {
    const { code, stdout, stderr } = await box.$`save ${args}`;
    assertEquals([code, stdout], [status, ""], stderr);
    assertMatch(stderr, message);
  }
  await using tty = terminal(box, ["save", "busybox"]);
  assertEquals((await tty.end()).code, 1);
  assertStringIncludes(tty.screen, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
  const path = box.path("kept.tar", "kept");
  assertEquals((await box.$`save -o ${path} nosuch`).code, 1);
  assertEquals(Deno.readTextFileSync(path), "kept");
});

test("save: a layer that was changed behind mydocker's back is named, and no file appears", async (box) => {
  await box.ok(["load"], {
    stdin: tar(await dockerArchive([tar([{ name: "f", data: "before" }])], ["a:1"])),
  });
  const [hex] = (await box.inspect("a:1")).RootFS.Layers.map((id: string) => id.slice(7));
  const file = `${box.root}/layers/${hex}/diff/f`;
  const failed = async (message: RegExp) => {
    const { code, stderr } = await box.$`save -o a.tar a:1`;
    assertEquals(code, 1);
    assertMatch(stderr, message);
    assertEquals([...Deno.readDirSync(box.dir)].map(({ name }) => name), ["root"]);
  };
  Deno.writeTextFileSync(file, "behind");
  await failed(new RegExp(`layer sha256:${hex} can't be put together again`));
  Deno.writeTextFileSync(file, "x");
  await failed(new RegExp(`layer sha256:${hex}: "diff/f" is shorter than it was`));
  Deno.removeSync(file);
  await failed(new RegExp(`layer sha256:${hex}: "diff/f" is missing`));
  await box.ok`rmi a:1`;
});

test("save: layers without a skeleton are packed again: committed ones the same, others refused", async (box) => {
  await withWhiteouts(box);
  const [base, change] = (await box.inspect("changed:1")).RootFS.Layers.map((id: string) => id.slice(7));
  const forget = (hex: string) => {
    Deno.removeSync(`${box.root}/layers/${hex}/skeleton`);
    Deno.writeTextFileSync(`${box.root}/layers/${hex}/layer.json`, '{"size":1}');
  };
  forget(change);
  await box.ok`save -o a.tar changed:1`;
  assertEquals(await sha256(await member(box, box.path("a.tar"), `blobs/sha256/${change}`)), change);
  forget(base);
  const { code, stderr } = await box.$`save -o b.tar changed:1`;
  assertEquals(code, 1);
  assertMatch(
    stderr,
    new RegExp(`layer sha256:${base} can't be put together again: it is from a mydocker that`),
  );
});

test("save: the reader goes away", async (box) => {
  const { stdout } = await box.exec`bash -c '"$0" save busybox | head -c 100 | wc -c; echo \${PIPESTATUS[0]}'
    ${BIN}`;
  assertEquals(stdout, "100\n141\n");
});

test("save and load: deletions and hidden directories, to another root and back", async (box) => {
  await withWhiteouts(box);
  const { Id } = await box.inspect("changed:1");
  await box.ok`save -o a.tar changed:1`;
  await box.ok`rmi changed:1 busybox`;
  assertEquals(await box.ok`load -i a.tar`, "Loaded image: changed:1");
  assertEquals((await box.inspect("changed:1")).Id, Id);
  assertEquals((await box.inspect("changed:1")).Config.Labels, { a: "b" });
  assertChanged(await box.ok`run --rm changed:1 find .`);
  const before = await sha256(Deno.readFileSync(box.path("a.tar")));
  assertEquals(await sha256((await box.$`save changed:1`).out), before);
});

test("save: skopeo reads it as both, and load what skopeo makes of it", async (box) => {
  await withWhiteouts(box);
  const { Id, RootFS } = await box.inspect("changed:1");
  await box.ok`save -o a.tar changed:1 busybox`;
  for (const what of ["docker-archive:a.tar:changed:1", "oci-archive:a.tar:1"]) {
    const { Layers, Labels } = JSON.parse(await ok(box, "skopeo", "inspect", what));
    assertEquals([Layers, Labels], [RootFS.Layers, { a: "b" }], what);
  }
  const policy = ["skopeo", "copy", "-q", "--insecure-policy"];
  await ok(box, ...policy, "docker-archive:a.tar:changed:1", "oci:layout:example.com/back:1");
  await ok(box, ...policy, "oci-archive:a.tar:1", "oci-archive:zipped.tar:example.com/back:2");
  await ok(box, ...policy, "docker-archive:a.tar:changed:1", "docker-archive:again.tar:example.com/back:3");
  await box.ok`rmi changed:1 busybox`;
  for (const [i, from] of ["layout", "zipped.tar", "again.tar"].entries()) {
    const tag = `example.com/back:${i + 1}`;
    assertEquals(await box.ok`load -i ${from}`, `Loaded image: ${tag}`);
    // From docker's kind to OCI's skopeo writes the configuration anew.
    if (from !== "layout") assertEquals((await box.inspect(tag)).Id, Id, from);
    assertChanged(await box.ok`run --rm ${tag} find .`);
    await box.ok`rmi ${tag}`;
  }
}, await requires("skopeo"));

test("save: umoci unpacks it", async (box) => {
  await withWhiteouts(box);
  await box.ok`save -o a.tar changed:1`;
  await ok(
    box,
    "sh",
    "-c",
    "mkdir layout && tar -C layout -xf a.tar && umoci unpack --image layout:1 bundle",
  );
  assertChanged(await ok(box, "sh", "-c", "cd bundle/rootfs && find ."));
  assertEquals(await ok(box, "stat", "-c", "%u:%g", "bundle/rootfs/noexec"), "7:8\n");
  // A layer that umoci makes: gzip, with whiteouts of its own.
  await ok(box, "sh", "-c", "rm bundle/rootfs/seed/sub/new; umoci repack --image layout:2 bundle");
  await ok(box, "rm", "-rf", "bundle");
  const index = JSON.parse(Deno.readTextFileSync(`${box.dir}/layout/index.json`));
  index.manifests = index.manifests.filter((one: { annotations: Record<string, string> }) =>
    one.annotations["org.opencontainers.image.ref.name"] === "2"
  );
  Deno.writeFileSync(`${box.dir}/layout/index.json`, json(index));
  Deno.removeSync(`${box.dir}/layout/manifest.json`);
  // It keeps the annotation with the name.
  assertMatch(
    await box.ok`load -i layout`,
    /^The image changed:1 already .*\nLoaded image: changed:1$/,
  );
  assertEquals(await box.ok`run --rm changed:1 ls /seed/sub /home`, "/home\n\n/seed/sub:");
}, await requires("umoci"));

test("save: podman loads it, and load what podman saves", async (box) => {
  await withWhiteouts(box);
  const { Id } = await box.inspect("changed:1");
  await box.ok`save -o a.tar changed:1`;
  const podman = [
    "podman",
    "--root",
    `${box.dir}/podman`,
    "--runroot",
    `${box.dir}/run`,
    "--storage-driver",
    "vfs",
  ];
  try {
    const name = (await ok(box, ...podman, "load", "-i", "a.tar")).replace(/^Loaded image: (.*)\n$/, "$1");
    assertMatch(name, /\/changed:1$/);
    assertEquals(await ok(box, ...podman, "images", "-q", "--no-trunc"), `${Id}\n`);
    for (const format of ["docker-archive", "oci-archive"]) {
      await ok(box, ...podman, "save", "--format", format, "-o", `${format}.tar`, name);
      assertEquals(
        await box.ok`load -i ${format}.tar`,
        `Loaded image: ${name.replace("docker.io/library/", "")}`,
      );
      assertEquals((await box.inspect(name)).Id, Id);
    }
    assertChanged(await box.ok`run --rm ${name} find .`);
  } finally {
    await ok(box, ...podman, "rmi", "-a", "-f");
  }
}, { ...await requires("podman"), seconds: 90 });

test("save: docker loads it under the same ID, and load what docker saves", async (box) => {
  await withWhiteouts(box);
  const { Id } = await box.inspect("changed:1");
  await box.ok`save -o a.tar changed:1 busybox`;
  await withDocker(box, async (docker) => {
    assertEquals(
      await ok(box, ...docker, "load", "-i", "a.tar"),
      "Loaded image: changed:1\nLoaded image: busybox:latest\n",
    );
    assertEquals(await ok(box, ...docker, "images", "-q", "--no-trunc", "changed:1"), `${Id}\n`);
    await ok(box, ...docker, "create", "--name", "other", "changed:1");
    assertChanged(await ok(box, "sh", "-c", '"$@" export other | tar -t', "sh", ...docker));
    // docker's own whiteouts: a commit of what it deleted.
    const script = "rm -r /seed /etc/passwd; mkdir /seed; echo docker >/seed/d";
    await ok(box, ...docker, "run", "--name", "deleter", "--network=none", "changed:1", "sh", "-c", script);
    await ok(box, ...docker, "commit", "deleter", "docker:1");
    await ok(box, ...docker, "save", "-o", "b.tar", "docker:1", "changed:1");
    const id = await ok(box, ...docker, "images", "-q", "--no-trunc", "docker:1");
    await ok(box, ...docker, "rm", "other", "deleter");
    await box.ok`rmi changed:1 busybox`;
    // In the order of its manifest, which docker's save leaves to chance.
    const loaded = (await box.ok`load -i b.tar`).split("\n").sort();
    assertEquals(loaded, ["Loaded image: changed:1", "Loaded image: docker:1"]);
    assertEquals(`${(await box.inspect("docker:1")).Id}\n`, id);
  });
  const look = "cat /seed/*; test -e /etc/passwd || echo gone";
  assertEquals(await box.ok`run --rm docker:1 sh -c ${look}`, "docker\ngone");
}, { ...await requires("dockerd"), seconds: 120 });
