import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Box, test, words } from "../world/world.ts";
import { tar } from "../world/images.ts";

/** Runs a script in busybox with these flags. */
const inside = (box: Box, flags: string[], script: string) =>
  box.ok`run --rm ${flags} busybox sh -c ${script}`;

function folder(box: Box, name: string): string {
  const path = box.path(name);
  Deno.mkdirSync(path);
  return path;
}

test("run -v: a host directory, both ways", async (box) => {
  const dir = folder(box, "host");
  Deno.writeTextFileSync(`${dir}/in`, "from the host\n");
  assertEquals(await inside(box, ["-v", `${dir}:/mnt`], "cat /mnt/in; echo back >/mnt/out"), "from the host");
  assertEquals(Deno.readTextFileSync(`${dir}/out`), "back\n");
});

test("run -v :ro: reading works, writing does not", async (box) => {
  const dir = folder(box, "host");
  const { stdout, stderr } = await box.$`${[
    "run",
    "--rm",
    "-v",
    `${dir}:/mnt:ro`,
    "busybox",
    "sh",
    "-c",
    "ls /mnt; echo >/mnt/f; echo $?",
  ]}`;
  assertEquals(stdout, "1\n");
  assertMatch(stderr, /Read-only file system/);
  assertEquals([...Deno.readDirSync(dir)], []);
});

test("run -v: a single file", async (box) => {
  const file = box.path("conf", "content\n");
  assertEquals(await inside(box, ["-v", `${file}:/etc/new/conf:ro`], "cat /etc/new/conf"), "content");
  assertEquals(
    await inside(box, ["-v", `${file}:/etc/passwd`], "cat /etc/passwd; echo more >>/etc/passwd"),
    "content",
  );
  assertEquals(Deno.readTextFileSync(file), "content\nmore\n");
});

test("run -v: a missing host directory is made, whatever the umask", async (box) => {
  const path = `${box.dir}/made/deep`;
  const { BIN } = await import("../world/world.ts");
  const script = 'umask 077; "$0" run --rm -v "$1:/mnt" busybox touch /mnt/f';
  assertEquals((await box.exec`sh -c ${script} ${BIN} ${path}`).code, 0);
  const { mode, uid } = Deno.statSync(path);
  assertEquals([mode! & 0o7777, uid], [0o755, 0]);
  assertEquals(Deno.statSync(`${box.dir}/made`).mode! & 0o7777, 0o755);
  assert(Deno.statSync(`${path}/f`).isFile);
});

test("run -v: a missing mount point is made in the container only", async (box) => {
  const dir = folder(box, "host");
  await box.ok`run --name one -v ${dir}:/a/b/c busybox stat /a/b/c`;
  assertEquals(await inside(box, [], "ls -d /a 2>/dev/null; true"), "");
});

test("run -v: what is mounted on the host's directory comes along", async (box) => {
  const script = `mkdir -p "$1/sub" && mount -t tmpfs tmpfs "$1/sub" && echo deep >"$1/sub/f" && ` +
    `"$0" run --rm -v "$1:/mnt" busybox cat /mnt/sub/f`;
  const { BIN } = await import("../world/world.ts");
  const { stdout, stderr } = await box.exec`unshare -m sh -c ${script} ${BIN} ${box.dir}/host`;
  assertEquals(stdout, "deep\n", stderr);
});

test("run -v: a mount in the container does not show on the host, nor the other way round", async (box) => {
  const dir = folder(box, "host");
  const text = await inside(box, ["-v", `${dir}:/mnt`], "grep ' /mnt ' /proc/self/mountinfo");
  assert(!/shared:|master:/.test(text), text);
});

test("run -v: mounts in mounts, in whatever order they are given", async (box) => {
  const [outer, inner] = [folder(box, "outer"), folder(box, "inner")];
  Deno.writeTextFileSync(`${inner}/f`, "inner\n");
  const flags = ["-v", `${inner}:/mnt/in`, "-v", `${outer}:/mnt`];
  assertEquals(await inside(box, flags, "cat /mnt/in/f"), "inner");
});

test("run -v: a mount point that is a symlink to the host stays in the container", async (box) => {
  const secret = folder(box, "secret");
  const busybox = Deno.realPathSync("/bin/busybox");
  const dir = folder(box, "host");
  Deno.writeTextFileSync(`${dir}/f`, "mounted\n");
  const entries = [
    { name: "abs", type: "2", link: secret },
    { name: "rel", type: "2", link: `../../../../..${secret}` },
    { name: "up", type: "2", link: "/" },
    { name: "dev", type: "2", link: secret },
    { name: "etc", type: "2", link: secret },
    { name: "proc", type: "2", link: secret },
  ];
  await box.ok(words`import - sly`, { stdin: tar(entries) });
  const before = Deno.readTextFileSync("/proc/thread-self/mountinfo");
  for (const target of ["/abs", "/rel", "/abs/new", "/up/x"]) {
    const flags = ["-v", `${dir}:${target}`, "-v", `${busybox}:/busybox`, "-v", `vol:${target}/deeper`];
    const { code } = await box.$`run --rm ${flags} sly /busybox cat ${target}/f`;
    assert([0, 125, 126, 127].includes(code), `${target}: ${code}`);
    assertEquals([...Deno.readDirSync(secret)], [], target);
  }
  assertEquals(Deno.readTextFileSync("/proc/thread-self/mountinfo"), before);
});

test("run -v NAME: made at first use, kept, and shared", async (box) => {
  await inside(box, ["-v", "data:/mnt"], "echo kept >/mnt/f");
  assertEquals(await box.ok`volume ls -q`, "data");
  assertEquals(await inside(box, ["-v", "data:/other:ro"], "cat /other/f"), "kept");
});

test("run -v NAME: an empty volume is filled from the image, with owners and modes", async (box) => {
  const script = "cd $0 && stat -c '%n %a %u:%g' . file sub sub/deep && cat file sub/deep";
  const image = await box.ok`run --rm busybox sh -c ${script} /seed`;
  for (
    const flags of [["-v", "one:/seed"], ["-v", "two:/seed:ro"], [
      "--mount",
      "type=volume,source=three,target=/seed",
    ]]
  ) {
    assertEquals(await box.ok`run --rm ${flags} busybox sh -c ${script} /seed`, image);
  }
  await box.ok`volume create before`;
  assertEquals(
    await box.ok`run --rm -v before:/seed busybox sh -c ${script} /seed`,
    image,
  );
  assertEquals(await inside(box, ["-v", "one:/elsewhere"], "ls /elsewhere"), "file\nsub");
});

test("run -v NAME: a volume that has something is left as it is", async (box) => {
  await inside(box, ["-v", "mine:/mnt"], "echo mine >/mnt/own");
  assertEquals(await inside(box, ["-v", "mine:/seed"], "ls /seed"), "own");
});

test("run -v NAME:nocopy: stays empty", async (box) => {
  assertEquals(await inside(box, ["-v", "bare:/seed:nocopy"], "ls /seed"), "");
  const mount = "type=volume,source=bare2,target=/seed,volume-nocopy=true";
  assertEquals(await inside(box, ["--mount", mount], "ls /seed"), "");
});

test("run -v: hard links, symlinks, devices and times survive the copy into a volume", async (box) => {
  const entries = [
    { name: "d/", type: "5", mode: 0o1770, uid: 3, gid: 4 },
    { name: "d/a", data: "x", mode: 0o4755, uid: 5, mtime: 1_234_567_890 },
    { name: "d/b", type: "1", link: "d/a" },
    { name: "d/l", type: "2", link: "nowhere" },
    { name: "d/p", type: "6", mode: 0o640 },
  ];
  await box.ok(words`import - odd`, { stdin: tar(entries) });
  const busybox = `${Deno.realPathSync("/bin/busybox")}:/busybox`;
  const script =
    "cd /d; for f in . a b l p; do /busybox stat -c '%n %F %a %u:%g %h %Y' $f; done; /busybox readlink l";
  const shown = (flags: string[]) => box.ok`run --rm -v ${busybox} ${flags} odd /busybox sh -c ${script}`;
  const strip = (text: string) => text.split("\n").filter((line) => !/^[.l] /.test(line)).join("\n");
  const copied = await shown(["-v", "vol:/d"]);
  assertEquals(strip(copied), strip(await shown([])));
  assertMatch(copied, /^\. directory 1770 3:4/);
  assertMatch(copied, /a regular file 4755 5:0 2 1234567890/);
});

test("run -v /path: an anonymous volume, gone with --rm, kept without", async (box) => {
  assertEquals(await inside(box, ["-v", "/seed"], "cat /seed/file"), "from the image");
  assertEquals(await box.ok`volume ls -q`, "");
  await box.ok`run --name keeps -v /anon -v named:/named busybox true`;
  const names = (await box.ok`volume ls -q`).split("\n");
  assertEquals(names.length, 2);
  await box.ok`rm keeps`;
  assertEquals((await box.ok`volume ls -q`).split("\n"), names);
  await box.ok`run --name again -v /anon -v named:/named busybox true`;
  await box.ok`rm -v again`;
  assertEquals((await box.ok`volume ls -q`).split("\n").sort(), names.sort());
});

test("run --mount: bind, volume and tmpfs", async (box) => {
  const dir = folder(box, "host");
  Deno.writeTextFileSync(`${dir}/f`, "bound\n");
  const mounts = [
    `type=bind,source=${dir},target=/bind,readonly`,
    "type=volume,src=vol,dst=/vol",
    "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=0700",
  ].flatMap((mount) => ["--mount", mount]);
  const script =
    "cat /bind/f; echo >/bind/x; echo rc=$?; echo >/vol/f && stat -c %a /t; df -k /t | tail -1 | tr -s ' ' | cut -d' ' -f2";
  const { stdout } = await box.$`run --rm ${mounts} busybox sh -c ${script}`;
  assertEquals(stdout, "bound\nrc=1\n700\n1024\n");
});

test("run --tmpfs: docker's options, the covered directory's mode, its own otherwise", async (box) => {
  const script = "grep ' /new ' /proc/self/mountinfo; stat -c %a /new /seed; ls -A /seed";
  const text = await inside(box, ["--tmpfs", "/new", "--tmpfs", "/seed"], script);
  const [line, ...rest] = text.split("\n");
  assertMatch(line, /rw,nosuid,nodev,noexec,relatime .* tmpfs/);
  assertEquals(rest, ["1777", "751"]);
  const sized = await inside(
    box,
    ["--tmpfs", "/new:size=64k,mode=700,exec,ro"],
    "grep ' /new ' /proc/self/mountinfo",
  );
  assertMatch(sized, /ro,nosuid,nodev,relatime .*size=64k,mode=700/);
  const bad = await box.$`run --rm --tmpfs /new:nonsense busybox true`;
  assertEquals(bad.code, 125);
  assertMatch(bad.stderr, /nonsense/);
});

test("volume create, ls, inspect, rm", async (box) => {
  assertEquals(await box.ok`volume create --label a=b one`, "one");
  assertEquals(await box.ok`volume create one`, "one");
  assertMatch(await box.ok`volume create`, /^[0-9a-f]{64}$/);
  assertEquals((await box.ok`volume ls`).split("\n")[0], "DRIVER    VOLUME NAME");
  const [volume] = JSON.parse(await box.ok`volume inspect one`);
  assertEquals([volume.Name, volume.Driver, volume.Labels, volume.Scope], [
    "one",
    "local",
    { a: "b" },
    "local",
  ]);
  Deno.writeTextFileSync(`${volume.Mountpoint}/f`, "put there\n");
  assertEquals(await inside(box, ["-v", "one:/v"], "cat /v/f"), "put there");
  assertEquals(await box.ok`volume rm one`, "one");
  const again = await box.$`volume rm one`;
  assertEquals(again.code, 1);
  assertMatch(again.stderr, /No such volume: one/);
  assertEquals((await box.$`volume rm -f one`).code, 0);
  assertEquals((await box.$`volume inspect one`).code, 1);
  for (const name of ["a", "-x", "a/b", "..", ".hidden"]) {
    assertEquals((await box.$`volume create -- ${name}`).code, 1, name);
  }
});

test("volume rm: one that a container uses is refused, also when that has ended", async (box) => {
  await box.ok`run --name user -v used:/v busybox true`;
  const { Id } = await box.inspect("user");
  const { code, stderr } = await box.$`volume rm used`;
  assertEquals(code, 1);
  assertStringIncludes(stderr, `remove used: volume is in use - [${Id}]`);
  await box.ok`rm user`;
  await box.ok`volume rm used`;
});

test("volume prune: asks, and removes what no container uses", async (box) => {
  await box.ok`run --name user -v used:/v busybox true`;
  await box.ok`volume create idle`;
  const no = await box.$(words`volume prune`, { stdin: "n\n" });
  assertEquals(no.code, 0);
  assertEquals((await box.ok`volume ls -q`).split("\n"), ["idle", "used"]);
  // Without -a only those that nobody named.
  const unnamed = await box.ok`volume create`;
  assertEquals(
    await box.ok`volume prune -f`,
    `Deleted Volumes:\n${unnamed}\n\nTotal reclaimed space: 0B`,
  );
  assertEquals((await box.ok`volume ls -q`).split("\n"), ["idle", "used"]);
  assertMatch(await box.ok`volume prune -f -a`, /idle[\s\S]*Total reclaimed space/);
  assertEquals(await box.ok`volume ls -q`, "used");
});

test("run -v: ps and inspect show the mounts", async (box) => {
  const dir = folder(box, "host");
  await box.ok`run --name shows -v ${dir}:/b:ro -v vol:/v busybox true`;
  const { Mounts, HostConfig } = await box.inspect("shows");
  const [bind, volume] = [...Mounts].sort((a, b) => a.Type < b.Type ? -1 : 1);
  assertEquals([bind.Type, bind.Source, bind.Destination, bind.RW], ["bind", dir, "/b", false]);
  assertEquals([volume.Type, volume.Name, volume.Destination, volume.RW], ["volume", "vol", "/v", true]);
  assertEquals(HostConfig.Binds.sort(), [`${dir}:/b:ro`, "vol:/v"].sort());
});

test("volume create: the name may be a flag's, as in old scripts, but not both", async (box) => {
  assertEquals(await box.ok`volume create --name old`, "old");
  assertEquals(await box.ok`volume ls -q`, "old");
  const both = await box.$`volume create --name old new`;
  assertEquals(both.code, 1);
  assertMatch(both.stderr, /cannot specify a volume-name through both --name and as a positional arg/);
});
