import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, test, until, words } from "../world/world.ts";

/** A directory with one of everything, made by this machine's tools. */
async function makeTree(box: Box): Promise<string> {
  const script = `
    mkdir -p tree/sub tree/empty
    echo content >tree/file; chmod 640 tree/file; touch -d '2020-01-02 03:04:05.678901234 UTC' tree/file
    ln tree/file tree/sub/hard; ln -s ../file tree/sub/soft; ln -s /nowhere tree/dangling
    mkfifo -m 600 tree/fifo; mknod tree/device c 1 3; chmod 4755 tree/sub/hard
    truncate -s 3G tree/sparse; printf end >>tree/sparse
    echo odd >"tree/$(printf 'new\\nline \\377')"; echo w >tree/.wh.file; chmod 1777 tree/empty
    chown -R -h 12:34 tree; chmod 4755 tree/file`;
  const { code, stderr } = await box.exec`sh -ec ${script}`;
  assertEquals(code, 0, stderr);
  return box.path("tree");
}

/** Everything of everything in a directory of the host, one line each. */
async function listing(box: Box, directory: string, owner = true): Promise<string> {
  const format = `%P %y %m ${owner ? "%U:%G" : ""} %n %l %TY-%Tm-%Td %TH:%TM:%TS\\n`;
  const script =
    `cd "$0" && find . -mindepth 1 ! -type d -printf '${format}' -o -type d -printf '%P %y %m\\n' | sort`;
  const { code, stdout, stderr } = await box.exec`sh -c ${script} ${directory}`;
  assertEquals(code, 0, stderr);
  return stdout;
}

/** Where a container's own files are on the host. */
async function upper(box: Box, name: string): Promise<string> {
  return (await box.inspect(name)).GraphDriver.Data.UpperDir;
}

test("cp -a: everything survives both ways, of stopped and running containers", async (box) => {
  const tree = await makeTree(box);
  const before = await listing(box, tree);
  await box.ok`create --name one busybox sleep 1000`;
  await box.ok`cp -a ${tree} one:/stopped`;
  await box.ok`start one`;
  await box.ok`cp -a ${tree} one:/running`;
  for (const state of ["stopped", "running"]) {
    assertEquals(await listing(box, `${await upper(box, "one")}/${state}`), before);
    await box.ok`cp -a one:/${state} ${box.path(`back-${state}`)}`;
    assertEquals(await listing(box, box.path(`back-${state}`)), before);
    const { blocks, size } = Deno.lstatSync(box.path(`back-${state}/sparse`));
    assert(size > 3e9 && blocks! < 100, `${blocks} blocks`);
  }
  await box.ok`kill one`;
  await box.ok`cp -a one:/running ${box.path("after")}`;
  assertEquals(await listing(box, box.path("after")), before);
  const linked = ["file", "sub/hard"].map((name) => Deno.lstatSync(box.path(`after/${name}`)).ino);
  assertEquals(linked[0], linked[1]);
});

test("cp without -a: all is root's, and no right of the former owner's goes over", async (box) => {
  const tree = await makeTree(box);
  await box.ok`create --name one busybox sh`;
  await box.ok`cp ${tree} one:/`;
  await box.ok`cp -a one:/tree ${box.path("kept")}`;
  const { uid, gid, mode } = Deno.lstatSync(box.path("kept/file"));
  assertEquals([uid, gid, mode! & 0o7777], [0, 0, 0o755]);
  await box.ok`cp -a ${tree} one:/owned`;
  await box.ok`cp one:/owned ${box.path("taken")}`;
  const taken = Deno.lstatSync(box.path("taken/file"));
  assertEquals([taken.uid, taken.gid, taken.mode! & 0o7777], [0, 0, 0o755]);
});

/** Commands, and what docker 20.10 does with them: what it says, or the file that there is then. */
const RULES: [from: string, to: string, result: string | { file: string }][] = [
  ["file", "C:/", { file: "C:/file" }],
  ["file", "C:/named", { file: "C:/named" }],
  ["file", "C:relative", { file: "C:/relative" }],
  ["file", "C:/etc", { file: "C:/etc/file" }],
  ["file", "C:/etc/passwd", { file: "C:/etc/passwd" }],
  ["file", "C:/nodir/", "no such directory"],
  ["file", "C:/nodir/x", "Could not find the file /nodir in container C"],
  ["file", "C:/etc/passwd/", "no such directory"],
  ["file", "C:/etc/passwd/x", "extraction point is not a directory"],
  ["src", "C:/etc/passwd", "cannot copy directory"],
  ["src", "C:/new", { file: "C:/new/f" }],
  ["src", "C:/new", { file: "C:/new/src/f" }],
  ["src/", "C:/new2/", { file: "C:/new2/f" }],
  ["src/.", "C:/new3", { file: "C:/new3/f" }],
  ["src/.", "C:/etc", { file: "C:/etc/f" }],
  ["src/sub/..", "C:/new4", { file: "C:/new4/f" }],
  ["src", "C:/nodir/deep", "Could not find the file /nodir in container C"],
  ["src/.", "C:/nodir/.", "Could not find the file /nodir in container C"],
  ["nosuch", "C:/", "lstat DIR/nosuch: no such file or directory"],
  ["file/", "C:/", "not a directory"],
  ["file/.", "C:/", "not a directory"],
  ["dirlink/", "C:/through", { file: "C:/through/f" }],
  ["file", "C:", "no such directory"],
  ["file", "nosuch:/", "No such container: nosuch"],
  ["./a:b", "C:/", { file: "C:/a:b" }],
  ["C:/etc/group", ".", { file: "group" }],
  ["C:/etc/group", "named", { file: "named" }],
  ["C:etc/group", "named2", { file: "named2" }],
  ["C:/etc/group", "nodir/", "no such directory"],
  ["C:/etc/group", "nodir/x", 'invalid output path: directory "DIR/nodir" does not exist'],
  ["C:/etc/group", "file/", "stat DIR/file/: not a directory"],
  ["C:/etc", "etc", { file: "etc/group" }],
  ["C:/etc", "etc", { file: "etc/etc/group" }],
  ["C:/etc/.", "etc2", { file: "etc2/group" }],
  ["C:/etc/.", "src", { file: "src/group" }],
  ["C:/etc", "file", "cannot copy directory"],
  ["C:/nosuch", ".", "Could not find the file /nosuch in container C"],
  ["C:/etc/group/", ".", "lstat /etc/group/: not a directory"],
  ["C:", ".", "bad parameter: path cannot be empty"],
  ["C:/etc", "C:/x", "copying between containers is not supported"],
  ["file", "file2", "must specify at least one container source"],
  ["", "C:/", "source can not be empty"],
  ["file", "", "destination can not be empty"],
  ["-", "C:/etc/group", 'destination "C:/etc/group" must be a directory'],
  [
    "C:/etc/group",
    "/dev/null",
    'invalid output path: "/dev/null" must be a directory or a regular file: got a device',
  ],
];

test("cp: docker's rules for what is there and how paths end", async (box) => {
  await box.exec`sh -c 'mkdir -p src/sub; echo f | tee src/f src/sub/s file a:b; ln -s src dirlink'`;
  await box.ok`create --name CC busybox sh`;
  const own = (text: string) => text.replace(/\bC(?=:)|(?<=container )C\b/g, "CC").replace("DIR", box.dir);
  for (const [from, to, result] of RULES) {
    const { code, stderr } = await box.$`cp ${own(from)} ${own(to)}`;
    const what = `cp ${from} ${to}`;
    if (typeof result === "string") {
      assertEquals([code, stderr], [1, `mydocker: ${own(result)}\n`], what);
      continue;
    }
    assertEquals([code, stderr], [0, ""], what);
    const there = result.file.startsWith("C:")
      ? `${await upper(box, "CC")}${result.file.slice(2)}`
      : box.path(result.file);
    assert(Deno.lstatSync(there).isFile, `${what}: ${result.file}`);
  }
}, { seconds: 60 });

test("cp: directories never make way for files, nor files for directories", async (box) => {
  await box.exec`sh -c 'mkdir -p a/etc/group b; echo >b/etc; mkdir -p here/etc; echo >there'`;
  await box.ok`create --name one busybox sh`;
  const failing: [string[], string][] = [
    [["a/etc", "one:/"], 'cannot overwrite non-directory "/etc/group" with directory "/"'],
    [["b/etc", "one:/"], 'cannot overwrite directory "/etc" with non-directory "/"'],
    [["b/.", "one:/"], 'cannot overwrite directory "/etc" with non-directory "/"'],
  ];
  for (const [args, message] of failing) {
    const { code, stderr } = await box.$`cp ${args}`;
    assertEquals([code, stderr], [1, `mydocker: ${message}\n`]);
  }
  await box.ok`cp b/etc one:/plain`;
  const { code, stderr } = await box.$`cp one:/plain here/etc/../../a/etc`;
  assertEquals([code, stderr], [0, ""]);
  await box.exec`mkdir -p taken/plain`;
  const taken = await box.$`cp one:/plain taken`;
  const path = box.path("taken");
  assertEquals(
    taken.stderr,
    `mydocker: cannot overwrite directory "${path}/plain" with non-directory "${path}"\n`,
  );
});

test("cp: symlinks, with and without -L, and as destinations", async (box) => {
  await box.exec`sh -c 'echo host >real; ln -s real link; ln -s nowhere dangling'`;
  await box.ok`create --name one busybox sh`;
  await box.ok`cp link one:/link`;
  await box.ok`cp -L link one:/followed`;
  const dir = await upper(box, "one");
  assertEquals(Deno.readLinkSync(`${dir}/link`), "real");
  assertEquals(Deno.readTextFileSync(`${dir}/followed`), "host\n");
  assertEquals((await box.$`cp -L dangling one:/x`).code, 1);
  await box.ok`cp real one:/link`; // goes where the symlink leads
  assertEquals(Deno.readTextFileSync(`${dir}/real`), "host\n");
  assertEquals(Deno.readLinkSync(`${dir}/link`), "real");
  await box.ok`cp one:/bin/sh sh-link`;
  await box.ok`cp -L one:/bin/sh sh-file`;
  assertEquals(Deno.readLinkSync(box.path("sh-link")), "busybox");
  assert(Deno.lstatSync(box.path("sh-file")).size > 100_000);
});

test("cp -: tar streams in and out, plain and compressed", async (box) => {
  await box.ok`create --name one busybox sh`;
  const script = `mkdir t && echo hello >t/f && tar --owner=7 --group=8 -cf - t | "$0" cp - one:/etc
    tar -czf - t | "$0" cp - one:/tmp && "$0" cp one:/etc/t - | tar -tvf - --numeric-owner
    "$0" cp one:/tmp/. - | tar -t; "$0" cp one:/etc/group - | tar -xO`;
  const { code, stdout, stderr } = await box.exec`sh -ec ${script} ${BIN}`;
  assertEquals([code, stderr], [0, ""]);
  const lines = stdout.trim().split("\n").map((line) => line.replace(/ +\d+ \d{4}-\S+ \S+/, ""));
  assertEquals(lines.slice(0, 6), [
    "drwxr-xr-x 7/8 t/",
    "-rw-r--r-- 7/8 t/f",
    "./",
    "./t/",
    "./t/f",
    "root:x:0:",
  ]);
  const bad = await box.$(words`cp - one:/etc`, { stdin: "x".repeat(1024) });
  assertEquals([bad.code, bad.stderr], [1, "mydocker: not a tar archive\n"]);
  const escape = await box.exec`sh -c 'echo x >out; tar -cPf - ../"\${PWD##*/}"/out | "$0" cp - one:/etc'
    ${BIN}`;
  assertEquals(escape.code, 1);
  assertMatch(escape.stderr, /leads out of the root directory/);
});

test("cp: volumes, binds and read-only places, running or not; tmpfs while it runs", async (box) => {
  await box.exec`sh -c 'echo x >f; mkdir bound locked'`;
  const mounts = ["-v", "vol:/vol", "-v", `${box.dir}/bound:/bound`, "-v", `${box.dir}/locked:/locked:ro`];
  const options = ["--read-only", "--tmpfs", "/scratch", ...mounts];
  await box.ok`create --name one ${options} busybox sleep 1000`;
  const check = async (name: string) => {
    await box.ok`cp f one:/vol/${name}`;
    await box.ok`cp f one:/bound/${name}`;
    assertEquals(Deno.readTextFileSync(`${box.root}/volumes/vol/_data/${name}`), "x\n");
    assertEquals(Deno.readTextFileSync(box.path(`bound/${name}`)), "x\n");
    await box.ok`cp one:/vol/${name} ${name}-back`;
    assertEquals(Deno.readTextFileSync(box.path(`${name}-back`)), "x\n");
    const locked = await box.$`cp f one:/locked`;
    assertEquals([locked.code, locked.stderr], [1, "mydocker: mounted volume is marked read-only\n"]);
    const root = await box.$`cp f one:/etc`;
    assertEquals([root.code, root.stderr], [1, "mydocker: container rootfs is marked read-only\n"]);
  };
  await check("stopped");
  await box.ok`start one`;
  await check("running");
  await box.ok`cp f one:/scratch`;
  assertEquals(await box.ok`exec one cat /scratch/f`, "x");
  const { code, stderr } = await box.$`cp f one:/etc/hosts`;
  assertEquals(code, 1, stderr);
  await box.ok`rm -f one`;
});

test("cp: mount points stay mounted, paused containers are reached, devices are not written to", async (box) => {
  await box.exec`sh -c 'echo x >f'`;
  await box.ok`run -d --name one busybox sleep 1000`;
  const hosts = await box.$`cp f one:/etc/hosts`;
  assertEquals(hosts.code, 1);
  assertMatch(hosts.stderr, /"\/etc\/hosts", where something is mounted: device or resource busy/);
  assertMatch(await box.ok`exec one cat /etc/hosts`, /localhost/);
  const device = await box.$`cp f one:/dev/null`;
  assertMatch(
    device.stderr,
    /destination "one:\/dev\/null" must be a directory or a regular file: got a device/,
  );
  await box.ok`pause one`;
  await box.ok`cp f one:/paused`;
  await box.ok`cp one:/paused back`;
  await box.ok`unpause one`;
  assertEquals(await box.ok`exec one cat /paused`, "x");
  await box.ok`rm -f one`;
});

test("cp: a stopped container can't be started meanwhile, and one whose keeper was killed is as it was", async (box) => {
  await box.ok`run -d --name one busybox sleep 1000`;
  const pid = await box.pidOf("one");
  const keeper = Number(/PPid:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
  Deno.kill(keeper, "SIGKILL");
  await box.exec`sh -c 'echo x >f'`;
  const { ino } = Deno.statSync(`${(await upper(box, "one")).replace(/upper$/, "")}lock`);
  await until("the keeper is gone", () => !Deno.readTextFileSync("/proc/locks").includes(`:${ino} `));
  await using feeding = box.spawn`cp - one:/tmp`;
  await until("cp has the container", () => Deno.readTextFileSync("/proc/locks").includes(`:${ino} `));
  assertEquals((await box.inspect("one")).State.Status, "exited");
  const refused = await box.$`start one`;
  assertEquals(refused.code, 1, refused.stderr);
  await feeding.send("\0".repeat(1024), true);
  assertEquals((await feeding.end()).code, 0);
  await box.ok`cp f one:/tmp`;
  const { State } = await box.inspect("one");
  assertEquals([State.Status, State.ExitCode], ["exited", 137]);
  await box.ok`start one`;
  assertEquals(await box.ok`exec one cat /tmp/f`, "x");
  await box.ok`rm -f one`;
});
