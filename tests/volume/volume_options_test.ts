// Volumes that are mounts of their own, what volumes begin with, and mount points that are odd.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Box, test, words } from "../world/world.ts";
import { busyboxTar, tar } from "../world/images.ts";

const inside = (box: Box, flags: string[], script: string, image = "busybox") =>
  box.ok`run --rm ${flags} ${image} sh -c ${script}`;

const mountpoint = async (box: Box, name: string): Promise<string> =>
  JSON.parse(await box.ok`volume inspect ${name}`)[0].Mountpoint;

const names = (path: string) => [...Deno.readDirSync(path)].map(({ name }) => name).sort();

/** The test's busybox with what a script does to it. */
async function derived(box: Box, image: string, script: string): Promise<void> {
  await box.ok`run --name derived busybox sh -c ${script}`;
  await box.ok`commit derived ${image}`;
  await box.ok`rm derived`;
}

test("a volume is filled when its container is created, and not again", async (box) => {
  const flags = ["-v", "named:/seed", "-v", "/seed/sub", "-v", "bare:/seed/sub/deeper"];
  await box.ok`create --name user ${flags} --mount source=not,target=/etc,volume-nocopy busybox ls /seed`;
  const data = await mountpoint(box, "named");
  assertEquals(names(data), ["file", "sub"]);
  const anonymous = (await box.inspect("user")).Mounts.find((mount: { Destination: string }) =>
    mount.Destination === "/seed/sub"
  );
  assertEquals(names(anonymous.Source), ["deep"]);
  assertEquals(names(await mountpoint(box, "bare")), []);
  assertEquals(names(await mountpoint(box, "not")), []);
  Deno.removeSync(`${data}/file`);
  Deno.removeSync(`${data}/sub`, { recursive: true });
  assertEquals(await box.ok`start -a user`, "sub");
});

test("a host path may be relative to the current directory", async (box) => {
  const cwd = box.path("here");
  Deno.mkdirSync(`${cwd}/sub`, { recursive: true });
  Deno.writeTextFileSync(`${cwd}/sub/f`, "found");
  const mounts = [
    "-v",
    "./sub:/a",
    "-v",
    ".:/b:ro",
    "-v",
    "../here/sub:/c",
    "--mount",
    "type=bind,source=./sub,target=/d",
  ];
  const script = "cat /a/f /b/sub/f /c/f /d/f; touch /b/x 2>/dev/null || echo , read-only";
  const { code, stdout, stderr } = await box.$(words`run --rm ${mounts} busybox sh -c ${script}`, {
    cwd,
  });
  assertEquals([code, stdout, stderr], [0, "foundfoundfoundfound, read-only\n", ""]);
  await box.ok(words`run --rm -v ./made:/a busybox touch /a/x`, { cwd });
  assertEquals(names(`${cwd}/made`), ["x"]);
  const { stderr: refusal } = await box.$(words`run --rm -v sub/x:/a busybox true`, { cwd });
  assertStringIncludes(refusal, "If you intended to pass a host directory, use absolute path");
});

test("a mount point that is a link to nothing is made where it leads", async (box) => {
  await derived(
    box,
    "links",
    "ln -s /missing/dir /abs; ln -s ../gone /seed/rel; ln -s nofile /file; ln -s /abs /twice; " +
      "ln -s loop /loop",
  );
  const given = box.path("given", "content");
  const cases: [target: string, place: string][] = [
    ["/abs", "/missing/dir"],
    ["/abs/more", "/missing/dir/more"],
    ["/seed/rel", "/gone"],
    ["/twice", "/missing/dir"],
  ];
  for (const [target, place] of cases) {
    for (const flags of [["-v", `vol:${target}`], ["--tmpfs", target], ["-v", `${box.dir}:${target}`]]) {
      const seen = await inside(
        box,
        flags,
        `grep -c ' ${place} ' /proc/mounts; test -d ${target} && echo there`,
        "links",
      );
      assertEquals(seen, "1\nthere", flags.join(" "));
    }
  }
  assertEquals(await inside(box, ["-v", `${given}:/file`], "cat /nofile", "links"), "content");
  // As Ubuntu has it.
  const script =
    'cp "$0" all.tar; mkdir etc; ln -s ../run/made/resolv.conf etc; tar -rf all.tar etc/resolv.conf';
  await box.exec`sh -c ${script} ${await busyboxTar()}`;
  await box.ok`import ${box.path("all.tar")} resolves`;
  const flags = ["--dns", "192.0.2.1"];
  assertStringIncludes(
    await inside(box, flags, "cat /run/made/resolv.conf", "resolves"),
    "nameserver 192.0.2.1",
  );
  // A link in what is mounted, too.
  await inside(box, ["-v", "outer:/outer"], "ln -s /outer/new /outer/link");
  const nested = ["-v", "outer:/outer", "-v", "inner:/outer/link"];
  assertEquals(await inside(box, nested, "touch /outer/new/x; ls /outer/link"), "x");
  // For a look at a container that does not run.
  await box.ok`create --name stopped -v vol:/abs links true`;
  await box.ok`cp ${given} stopped:/missing/dir/f`;
  assertEquals(Deno.readTextFileSync(`${await mountpoint(box, "vol")}/f`), "content");
  const { code } = await box.$`run --rm -v vol:/loop links true`;
  assertEquals(code, 125);
}, { seconds: 90 });

test("a tmpfs has the same mode at every start", async (box) => {
  for (const flags of [["--tmpfs", "/new"], ["--mount", "type=tmpfs,target=/new"]]) {
    await box.ok`create --name again ${flags} busybox stat -c %a /new`;
    for (let start = 0; start < 3; start++) assertEquals(await box.ok`start -a again`, "1777");
    await box.ok`rm again`;
  }
  await box.ok`create --name again --tmpfs /new:mode=700 busybox stat -c %a /new`;
  for (let start = 0; start < 2; start++) assertEquals(await box.ok`start -a again`, "700");
});

test("volume create --opt: a tmpfs", async (box) => {
  const options = ["-o", "type=tmpfs", "--opt", "device=tmpfs", "-o", "o=size=64k,uid=7,noexec"];
  await box.ok`volume create ${options} mem`;
  const [volume] = JSON.parse(await box.ok`volume inspect mem`);
  assertEquals(volume.Options, { device: "tmpfs", o: "size=64k,uid=7,noexec", type: "tmpfs" });
  const seen = await inside(
    box,
    ["-v", "mem:/seed"],
    "grep ' /seed ' /proc/mounts; ls -A /seed; stat -c %u /seed; echo x >/seed/f",
  );
  assertMatch(seen, /^tmpfs \/seed tmpfs rw,noexec,relatime,size=64k,uid=7[^\n]*\n7$/);
  assertEquals(
    await inside(box, ["-v", "mem:/m:ro"], "ls -A /m; touch /m/f 2>/dev/null || echo read-only"),
    "read-only",
  );
  assertEquals(names(volume.Mountpoint), []);
  const mount =
    "type=volume,source=made,target=/m,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-opt=o=size=1m";
  assertMatch(
    await inside(box, ["--mount", mount], "grep ' /m ' /proc/mounts"),
    /^tmpfs \/m tmpfs .*size=1024k/,
  );
});

test("volume create --opt: a directory of the host's, which is filled if it is empty", async (box) => {
  const device = box.path("device");
  Deno.mkdirSync(device);
  await box.ok`volume create -o type=none -o o=bind -o device=${device} bound`;
  assertEquals(await inside(box, ["-v", "bound:/seed"], "echo back >/seed/f; ls /seed"), "f\nfile\nsub");
  assertEquals(names(device), ["f", "file", "sub"]);
  await box.ok`volume create -o type=none -o o=bind,ro -o device=${device} shown`;
  const script = "cat /x/f; touch /x/new 2>/dev/null || echo read-only; grep ' /x ' /proc/self/mountinfo";
  assertMatch(await inside(box, ["-v", "shown:/x"], script), /^back\nread-only\n(?!.*(shared|master):)/);
  await box.ok`volume rm bound shown`;
  assertEquals(names(device), ["f", "file", "sub"]);
});

test("volume create --opt: what is wrong is said in docker's words", async (box) => {
  const refused = async (options: string[], problem: string) => {
    const { code, stderr } = await box.$`volume create ${options.flatMap((one) => ["-o", one])} wrong`;
    assertEquals([code, stderr], [1, `mydocker: create wrong: ${problem}\n`]);
  };
  await refused(["foo=bar"], 'invalid option: "foo"');
  await refused(["type=tmpfs"], 'missing required option: "device"');
  await refused(["device=x"], 'missing required option: "type"');
  assertEquals(await box.ok`volume ls -q`, "");
  const cases: [options: string[], problem: string][] = [
    [
      ["type=none", "o=bind", "device=/nosuch/dir"],
      "mount /nosuch/dir:DATA, flags: 0x1000: no such file or directory",
    ],
    [["type=nosuchfs", "o=bar=1", "device=x"], "mount x:DATA, data: bar=1: "],
    [["type=tmpfs", "o=bar=1", "device=tmpfs"], "mount tmpfs:DATA, data: bar=1: invalid argument"],
  ];
  for (const [options, problem] of cases) {
    await box.ok`volume create ${options.flatMap((one) => ["-o", one])} wrong`;
    const data = await mountpoint(box, "wrong");
    const { code, stderr } = await box.$`run --rm -v wrong:/x busybox true`;
    assertEquals(code, 125);
    const start = `mydocker: error while mounting volume 'DATA': failed to mount local volume: ${problem}`;
    assertStringIncludes(stderr.replaceAll(data, "DATA"), start);
    await box.ok`volume rm wrong`;
  }
});

test("a whiteout of what no lower layer has is not seen", async (box) => {
  const busybox = Deno.readFileSync(Deno.realPathSync("/bin/busybox"));
  const entries = [
    { name: "bin/", type: "5", mode: 0o755 },
    { name: "bin/busybox", data: busybox, mode: 0o755 },
    { name: "bin/sh", type: "2", link: "busybox" },
    { name: "data/", type: "5", mode: 0o755 },
    { name: "data/.wh.ghost", data: "" },
    { name: "data/real", data: "real\n" },
    { name: "data/sub/", type: "5", mode: 0o755 },
    { name: "data/sub/.wh.ghost", data: "" },
  ];
  await box.ok(words`import - haunted`, { stdin: tar(entries) });
  const list = "cd /data && /bin/busybox find . | /bin/busybox sort";
  const whole = ".\n./real\n./sub";
  assertEquals(await inside(box, [], list, "haunted"), whole);
  assertEquals(await inside(box, ["-v", "filled:/data"], list, "haunted"), whole);
  await box.ok`create --name seen haunted sh`;
  await box.ok`cp seen:/data ${box.path("copy")}`;
  assertEquals([names(box.path("copy")), names(`${box.path("copy")}/sub`)], [["real", "sub"], []]);
  assert(!(await box.ok`diff seen`).includes("/data"));
  const exported = await box.exec`sh -c '"$0" export seen | tar -t' ${
    (await import("../world/world.ts")).BIN
  }`;
  assert(!exported.stdout.includes("ghost") && exported.stdout.includes("data/real"), exported.stdout);
});
