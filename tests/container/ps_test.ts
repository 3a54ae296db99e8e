// ps, rm, logs and inspect: what is said of containers.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BIN, test, words } from "../world/world.ts";

test("ps: the title line alone when there is nothing", async (box) => {
  const title = "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES";
  assertEquals(await box.ok`ps`, title);
  assertEquals(await box.ok`ps -a`, title);
  assertEquals(await box.ok`ps -q`, "");
});

test("ps: running ones, newest first; -a the others, too", async (box) => {
  await box.$`run --name first busybox sh -c 'exit 3'`;
  await box.$`run --name second busybox nosuch`;
  await using running = box.spawn`run --name third busybox sleep 1000`;
  await box.pidOf("third");
  const names = ["--format", "{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}"];
  assertEquals(await box.ok`ps ${names}`, 'third|busybox|"sleep 1000"|running');
  assertEquals((await box.ok`ps -a ${names}`).split("\n"), [
    'third|busybox|"sleep 1000"|running',
    'second|busybox|"nosuch"|created',
    `first|busybox|"sh -c 'exit 3'"|exited`,
  ]);
  const status = (await box.ok`ps -a --format {{.Status}}`).split("\n");
  assertMatch(status[0], /^Up (Less than a second|\d+ seconds?)$/);
  assertEquals(status[1], "Created");
  assertMatch(status[2], /^Exited \(3\) (Less than a second|\d+ seconds?) ago$/);
  const ids = (await box.ok`ps -aq --no-trunc`).split("\n");
  assertEquals(await box.ok`ps -aq`, ids.map((id) => id.slice(0, 12)).join("\n"));
  assert(ids.every((id) => /^[0-9a-f]{64}$/.test(id)));
  await box.ok`rm -f third`;
  await running.end();
});

test("ps: long commands are cut, and --no-trunc shows them whole", async (box) => {
  await box.ok`run busybox echo 'one two' three 'a very long argument'`;
  assertEquals(await box.ok`ps -a --format {{.Command}}`, `"echo 'one two' thre…"`);
  const whole = `"echo 'one two' three 'a very long argument'"`;
  assertEquals(await box.ok`ps -a --no-trunc --format {{.Command}}`, whole);
});

test("ps: the columns stand below each other", async (box) => {
  await box.ok`run --name a-rather-long-name-for-it busybox true`;
  await box.ok`run --name short busybox true`;
  const [title, ...rows] = (await box.ok`ps -a`).split("\n");
  for (const column of ["IMAGE", "COMMAND", "CREATED", "STATUS", "NAMES"]) {
    const at = title.indexOf(column);
    for (const row of rows) assert(row[at] !== " " && row[at - 1] === " ", `${column}: ${row}`);
  }
});

test("ps: the image's ID where its name now means another", async (box) => {
  await box.ok`run --name old busybox true`;
  const id = await box.ok`images -q`;
  await box.ok(words`import - busybox`, { stdin: new Uint8Array(1024) });
  assertEquals(await box.ok`ps -a --format {{.Image}}`, id);
});

test("rm: several, by name, ID and prefix; each is echoed as typed", async (box) => {
  for (const name of ["one", "two", "three"]) await box.ok`run --name ${name} busybox true`;
  const id = (await box.inspect("two")).Id;
  const prefix = (await box.inspect("three")).Id.slice(0, 20);
  assertEquals(await box.ok`rm one ${id} ${prefix}`, `one\n${id}\n${prefix}`);
  assertEquals(await box.ok`ps -aq`, "");
});

test("rm: what is unknown is said, and the rest goes on", async (box) => {
  await box.ok`run --name one busybox true`;
  const { code, stdout, stderr } = await box.$`rm nosuch one`;
  assertEquals([code, stdout], [1, "one\n"]);
  assertMatch(stderr, /No such container: nosuch/);
  const forced = await box.$`rm -f nosuch`;
  assertEquals([forced.code, forced.stdout], [0, ""]);
});

test("rm: a prefix that several have is refused", async (box) => {
  const ids: string[] = [];
  const shared = () => ids.map((id) => id[0]).find((first, i) => ids.findIndex((id) => id[0] === first) < i);
  while (!shared()) {
    await box.ok`run busybox true`;
    ids.splice(0, ids.length, ...(await box.ok`ps -aq --no-trunc`).split("\n"));
  }
  const { code, stderr } = await box.$`rm ${shared()!}`;
  assertEquals(code, 1);
  assertMatch(stderr, /Multiple IDs found with provided prefix/);
});

test("rm: the disk space comes back, whatever the container made", async (box) => {
  const script =
    "mkdir -m 0 /closed && mkdir -p /a/b/c && mknod /dev0 c 1 3; ln -s / /l; chmod 000 /a/b; dd if=/dev/zero of=/big bs=1M count=4 2>/dev/null";
  await box.ok`run --name messy busybox sh -c ${script}`;
  await box.ok`rm messy`;
  for (const folder of ["containers", "names"]) {
    const left = [...Deno.readDirSync(`${box.root}/${folder}`)].map(({ name }) => name);
    assertEquals(left.filter((name) => name !== ".lock"), []);
  }
});

test("logs: both streams, each to its own, bytes unchanged", async (box) => {
  const script = "echo out; echo err >&2; head -c 100000 /dev/zero; printf '\\377\\0'";
  const ran = await box.$`run --name said busybox sh -c ${script}`;
  const { out, stderr, code } = await box.$`logs said`;
  assertEquals([code, stderr], [0, "err\n"]);
  assertEquals(out, ran.out);
});

test("logs: while the container runs", async (box) => {
  await using running = box.spawn`run --name talks busybox sh -c 'echo so far; sleep 1000'`;
  await running.expect("so far");
  assertEquals(await box.ok`logs talks`, "so far");
  await box.ok`rm -f talks`;
  await running.end();
});

test("logs: nothing of a container that never ran", async (box) => {
  await box.$`run --name never busybox nosuch`;
  assertEquals(await box.ok`logs never`, "");
});

test("logs: of a command whose reader had gone", async (box) => {
  const script = `"$0" run --name cut busybox sh -c 'echo first; echo second; echo third' | true`;
  await box.exec`bash -c ${script} ${BIN}`;
  assertMatch(await box.ok`logs cut`, /^first/);
});

test("inspect: docker's names, of a container that ran", async (box) => {
  await box.$`run --name seen -e A=1 -w /seed -u app busybox sh -c 'exit 4'`;
  const seen = await box.inspect("seen");
  const image = await box.ok`images -q --no-trunc`;
  assertEquals([seen.Name, seen.Path, seen.Args, seen.Image], ["/seen", "sh", ["-c", "exit 4"], image]);
  assertEquals([seen.Config.Cmd, seen.Config.Image, seen.Config.WorkingDir, seen.Config.User], [
    ...[["sh", "-c", "exit 4"], "busybox", "/seed", "app"],
  ]);
  assertEquals(seen.Config.Env, ["A=1"]);
  assertEquals([seen.State.Status, seen.State.ExitCode, seen.State.Pid], ["exited", 4, 0]);
  for (const time of [seen.Created, seen.State.StartedAt, seen.State.FinishedAt]) {
    assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    assert(Math.abs(Date.parse(time) - Date.now()) < 60_000, time);
  }
});

test("inspect: docker's fields in docker's order", async (box) => {
  await box.ok`run --init --name box -v vol:/data -v ${box.dir}:/host:ro busybox true`;
  const all = await box.inspect("box");
  assertEquals(Object.keys(all), [
    ...[
      "Id",
      "Created",
      "Path",
      "Args",
      "State",
      "Image",
      "ResolvConfPath",
      "HostnamePath",
      "HostsPath",
      "LogPath",
    ],
    ...[
      "Name",
      "RestartCount",
      "Driver",
      "Platform",
      "MountLabel",
      "ProcessLabel",
      "AppArmorProfile",
      "ExecIDs",
    ],
    ...["HostConfig", "GraphDriver", "Mounts", "Config", "NetworkSettings"],
  ]);
  const { HostConfig, NetworkSettings, Mounts } = all;
  for (
    const field of ["Memory", "NanoCpus", "CpusetCpus", "PidsLimit", "Ulimits", "CapAdd", "Dns", "Devices"]
  ) {
    assert(field in HostConfig, field);
  }
  assertEquals(HostConfig.Binds, ["vol:/data", `${box.dir}:/host:ro`]);
  assertEquals([HostConfig.Init, HostConfig.RestartPolicy.Name, HostConfig.CgroupnsMode], [
    true,
    "no",
    "private",
  ]);
  assertEquals(Mounts.map(({ Type, Destination, RW }: Record<string, unknown>) => [Type, Destination, RW]), [
    ["volume", "/data", true],
    ["bind", "/host", false],
  ]);
  assertEquals(Object.keys(NetworkSettings.Networks), ["bridge"]);
  assertEquals(NetworkSettings.Networks.bridge.IPAddress, "");
  for (const path of [all.LogPath, all.HostsPath, all.GraphDriver.Data.UpperDir]) Deno.lstatSync(path);
});

test("inspect: of one that could not start, and of one that runs", async (box) => {
  await box.$`run --name never busybox nosuch`;
  const never = await box.inspect("never");
  assertEquals([never.State.Status, never.State.ExitCode, never.State.Running], ["created", 127, false]);
  assertStringIncludes(never.State.Error, "nosuch");
  await using running = box.spawn`run --name runs busybox sleep 1000`;
  const pid = await box.pidOf("runs");
  const { State } = await box.inspect("runs");
  assertEquals([State.Status, State.Running, State.Pid], ["running", true, pid]);
  await box.ok`rm -f runs`;
  await running.end();
});

test("inspect -f json: one array in one line, of whatever kind, however many", async (box) => {
  for (const name of ["one", "two"]) await box.ok`create --name ${name} busybox true`;
  await box.ok`network create net`;
  await box.ok`volume create vol`;
  for (
    const [command, ...names] of [
      ["inspect", "one", "two"],
      ["inspect", "one"],
      ["inspect", "one", "busybox", "net", "vol"],
      ["container inspect", "one", "two"],
      ["image inspect", "busybox"],
      ["network inspect", "net", "none"],
      ["volume inspect", "vol"],
    ]
  ) {
    const words = command.split(" ");
    const shown = JSON.parse(await box.ok`${words} ${names}`);
    assertEquals(shown.length, names.length);
    assertEquals(await box.ok`${words} -f json ${names}`, JSON.stringify(shown), command);
    const missing = await box.$`${words} --format json nosuch`;
    assertEquals([missing.code, missing.stdout], [1, "[]\n"], command);
    const lines = (await box.ok`${words} -f '{{json .}}' ${names}`).split("\n");
    assertEquals(lines.map((line) => JSON.parse(line)), shown);
  }
  await box.ok`network rm net`;
});

test("inspect: templates, types, several, and what is missing", async (box) => {
  await box.ok`run --name busybox busybox true`;
  assertEquals(
    await box.ok`inspect -f '{{.Name}} {{json .Config.Cmd}}' busybox`,
    '/busybox ["true"]',
  );
  assertMatch(
    await box.ok`inspect --type image -f {{.Id}} busybox`,
    /^sha256:[0-9a-f]{64}$/,
  );
  const { code, stdout, stderr } = await box.$`inspect nosuch busybox`;
  assertEquals([code, JSON.parse(stdout).length], [1, 1]);
  assertMatch(stderr, /No such object: nosuch/);
  const typed = await box.$`inspect --type container nosuch`;
  assertEquals([typed.code, typed.stdout], [1, "[]\n"]);
  assertMatch(typed.stderr, /No such container: nosuch/);
  assertEquals((await box.$`inspect -f {{.Name busybox`).code, 64);
});

test("inspect: templates find what docker's JSON leaves out", async (box) => {
  const tmp = `${box.dir}:/host`;
  await box.ok`create --name main -v ${tmp} -v vol:/data --tmpfs /t busybox true`;
  const show = (template: string, name = "main") => box.ok`inspect -f ${template} ${name}`;
  assertEquals(
    await show("[{{.Config.StopSignal}}{{.Config.MacAddress}}] {{json .Config.StopTimeout}}"),
    "[] null",
  );
  assertEquals(await show("{{.Config.ExposedPorts}} {{json .Config.ExposedPorts}}"), "map[] null");
  assertEquals(
    await show("{{range .Mounts}}[{{.Type}} {{.Name}} {{.Driver}}]{{end}}"),
    "[volume vol local][bind  ][tmpfs  ]",
  );
  assertEquals(await show("{{range .Config.ExposedPorts}}x{{end}}{{if .State.Health}}x{{end}}"), "");
  assertEquals(await show("{{.Config.ExposedPorts}}[{{.Config.StopSignal}}]", "busybox"), "map[][]");
  assertEquals((await box.$`inspect -f {{.Config.Nosuch}} main`).code, 1);
});

test("inspect: what can't even be an image's name is no such object", async (box) => {
  for (const name of ["NoSuch", "/nosuch", "", "a b"]) {
    const { code, stdout, stderr } = await box.$`inspect ${name}`;
    assertEquals([code, stdout, stderr], [1, "[]\n", `mydocker: No such object: ${name}\n`]);
  }
});

test("inspect: an ID's prefix, image and volume", async (box) => {
  const id = await box.ok`images -q --no-trunc`;
  assertEquals((await box.inspect(id.slice(7, 15))).Id, id);
  assertEquals((await box.inspect("busybox")).RepoTags, ["busybox:latest"]);
  await box.ok`volume create vol`;
  assertEquals((await box.inspect("vol")).Name, "vol");
});

test("version and info: what there is, without a word of nonsense", async (box) => {
  assertMatch(await box.ok`version`, /Version: +\d+\.\d+\.\d+/);
  assertMatch(await box.ok`--version`, /^mydocker version \d+\.\d+\.\d+/);
  await box.ok`run busybox true`;
  const info = await box.ok`info`;
  for (const word of ["Containers: 1", "Images: 1", box.root, "Kernel Version", "Cgroup Version"]) {
    assertStringIncludes(info, word);
  }
  assert(!/undefined|NaN|\[object/.test(info), info);
  assertEquals(await box.ok`info -f {{.ContainersStopped}}`, "1");
});

test("ps: a reader that goes away is no error", async (box) => {
  for (let i = 0; i < 3; i++) await box.ok`run busybox true`;
  const { stderr } = await box.exec`bash -c '"$0" ps -a | true; "$0" inspect busybox | true' ${BIN}`;
  assertEquals(stderr, "");
});

test("inspect, ps: labels, options and ports are in order, as Go writes maps", async (box) => {
  const labels = ["--label", "b=1", "--label", "a=2"];
  await box.ok`create --name maps ${labels} --expose 90 --expose 80 busybox true`;
  await box.ok`volume create ${labels} -o type=tmpfs -o device=tmpfs vol`;
  await box.ok`network create ${labels} maps`;
  const ordered = '{"a":"2","b":"1"}';
  const show = (format: string, ...args: string[]) => box.ok`${args} inspect -f ${format} maps`;
  assertEquals(await show("{{json .Config.Labels}}"), ordered);
  assertEquals(await show("{{json .Config.ExposedPorts}}"), '{"80/tcp":{},"90/tcp":{}}');
  assertEquals(await show("{{json .Labels}}", "network"), ordered);
  const options = await box.ok`volume inspect -f '{{json .Labels}} {{json .Options}}' vol`;
  assertEquals(options, `${ordered} {"device":"tmpfs","type":"tmpfs"}`);
  assertEquals(await box.ok`ps -a --format {{.Labels}}`, "a=2,b=1");
  await box.ok`network rm maps`;
});
