// ps: which containers are shown, and which columns.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, test, until, words } from "../world/world.ts";

/** Names of what `ps -a` shows with these filters, newest first. */
async function shown(box: Box, ...filters: string[]): Promise<string[]> {
  const flags = filters.flatMap((filter) => ["--filter", filter]);
  const names = await box.ok`ps -a --format {{.Names}} ${flags}`;
  return names.split("\n").filter((name) => name !== "");
}

test("ps --filter: each kind", async (box) => {
  const run = (...args: string[]) => box.$`run ${args}`;
  await run("--name", "ex0", "-l", "k=v", "-l", "k2=v2", "-v", "vol:/data", "busybox", "true");
  await run("--name", "ex7", "-l", "k=w", "-v", `${box.dir}:/host`, "busybox", "sh", "-c", "exit 7");
  await run("--name", "never", "--network", "host", "busybox", "nosuch");
  await using running = box.spawn`run --name up busybox sleep 1000`;
  await box.pidOf("up");
  const id = (await box.inspect("ex7")).Id;
  const all = ["up", "never", "ex7", "ex0"];
  const expected: [string[], string[]][] = [
    [["name=ex"], ["ex7", "ex0"]],
    [["name=^/ex7$"], ["ex7"]],
    [["name=^up"], ["up"]],
    [["name=["], []],
    [["name="], all],
    [["NAME = ex0"], ["ex0"]],
    [[""], all],
    [[`id=${id}`], ["ex7"]],
    [[`id=${id.slice(0, 14)}`], ["ex7"]],
    [[`id=${id.slice(20, 40)}`], []],
    [["status=running"], ["up"]],
    [["status=created"], ["never"]],
    [["status=exited"], ["ex7", "ex0"]],
    [["status=paused"], []],
    [["status=running", "status=created"], ["up", "never"]],
    [["exited=7"], ["ex7"]],
    [["exited=0"], ["ex0"]],
    [["exited=127"], []],
    [["label=k"], ["ex7", "ex0"]],
    [["label=k=v"], ["ex0"]],
    [["label=k", "label=k2"], ["ex0"]],
    [["volume=vol"], ["ex0"]],
    [["volume=/data", "volume=/host"], ["ex7", "ex0"]],
    [[`volume=${box.dir}`], ["ex7"]],
    [["before=ex7"], ["ex0"]],
    [["since=ex7"], ["up", "never"]],
    [["since=ex0", "before=up"], ["never", "ex7"]],
    [["network=bridge"], ["up", "ex7", "ex0"]],
    [["network=host"], ["never"]],
    [["publish=80"], []],
    [["expose=80-90/tcp"], []],
    [["health=none"], all],
    [["health=healthy"], []],
    [["is-task=true"], []],
    [["is-task=false"], all],
    [["name=ex", "exited=7"], ["ex7"]],
    [["name=ex0", "name=up", "status=running"], ["up"]],
  ];
  for (const [filters, names] of expected) {
    assertEquals(await shown(box, ...filters), names, filters.join(" "));
  }
  assertEquals(await box.ok`ps --filter status=exited --format {{.Names}}`, "ex7\nex0");
  assertEquals(await box.ok`ps --filter name=ex -q`, "");
  assertEquals(await box.ok`ps -n 1 --filter name=ex --format {{.Names}}`, "ex7");
  await box.ok`rm -f up`;
  await running.end();
});

test("ps --filter ancestor: the image, what was made from it, and nothing else", async (box) => {
  await box.ok`run --name base busybox touch /new`;
  await box.ok`commit base child`;
  await box.ok`run --name below child touch /newer`;
  await box.ok`commit below grandchild`;
  await box.ok`run --name lowest grandchild true`;
  await box.ok(words`import - empty`, { stdin: new Uint8Array(1024) });
  const id = await box.ok`images -q child`;
  assertEquals(await shown(box, "ancestor=busybox"), ["lowest", "below", "base"]);
  assertEquals(await shown(box, "ancestor=child:latest"), ["lowest", "below"]);
  assertEquals(await shown(box, `ancestor=${id}`), ["lowest", "below"]);
  assertEquals(await shown(box, "ancestor=grandchild"), ["lowest"]);
  assertEquals(await shown(box, "ancestor=grandchild", "ancestor=empty"), ["lowest"]);
  for (const other of ["empty", "nosuch", "BAD"]) assertEquals(await shown(box, `ancestor=${other}`), []);
});

test("ps --filter: docker's refusals", async (box) => {
  const refusals: [string, number, string][] = [
    ["status=bogus", 1, "Invalid filter 'status=bogus'"],
    ["status=Running", 1, "Invalid filter 'status=Running'"],
    ["exited=x", 1, 'strconv.Atoi: parsing "x": invalid syntax'],
    ["before=nosuch", 1, "no such container nosuch"],
    ["publish=x", 1, 'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax'],
    ["expose=70000", 1, "error while looking up for expose 70000"],
    ["health=bogus", 1, "Unrecognised filter value for health: bogus"],
    ["is-task=x", 1, "Invalid filter 'is-task=[x]'"],
    ["foo=bar", 1, "Invalid filter 'foo'"],
    ["=x", 1, "Invalid filter ''"],
    [
      "name",
      125,
      'invalid argument "name" for "-f, --filter" flag: bad format of filter (expected name=value)',
    ],
  ];
  for (const [filter, code, wanted] of refusals) {
    const result = await box.$`ps --filter ${filter}`;
    assertEquals([result.code, result.stdout], [code, ""], filter);
    assert(result.stderr.startsWith(`mydocker: ${wanted}`), result.stderr);
  }
});

test("ps: sizes, of what was written and with the image's", async (box) => {
  const { Size } = JSON.parse(await box.ok`image inspect -f '{{json .}}' busybox`);
  await box.ok`run --name wrote busybox sh -c 'head -c 5000 /dev/zero >/a; ln /a /b'`;
  await box.ok`run --name idle busybox true`;
  const [title, idle, wrote] = (await box.ok`ps -as`).split("\n");
  assertMatch(title, / NAMES +SIZE$/);
  assertMatch(idle, / idle +0B \(virtual [\d.]+MB\)$/);
  assertMatch(wrote, / wrote +5kB \(virtual [\d.]+MB\)$/);
  assertMatch(await box.ok`ps -l --format {{.Size}}`, /^0B \(virtual/);
  assertEquals(await box.ok`ps -l --format json`.then((row) => JSON.parse(row).Size), "0B");
  assertMatch(await box.ok`ps -l -s --format json`, /"Size":"0B \(virtual /);
  const sizes = await box.ok`inspect -s -f '{{.SizeRw}} {{.SizeRootFs}}' wrote`;
  assertEquals(sizes, `5000 ${Size + 5000}`);
  assertEquals(await box.ok`inspect -f {{.SizeRw}} wrote`, "<nil>");
});

test("ps --format: every field of docker's, Label with its key", async (box) => {
  await box.ok`run --name one -l com.x.a-b=2 -v vol:/d busybox true`;
  const row = JSON.parse(await box.ok`ps -a --format '{{json .}}'`);
  assertEquals(Object.keys(row), [
    ...["Command", "CreatedAt", "ID", "Image", "Labels", "LocalVolumes", "Mounts", "Names", "Networks"],
    ...["Ports", "RunningFor", "Size", "State", "Status"],
  ]);
  const format =
    'table {{.Label "com.x.a-b"}}\t{{.Names}}\t{{.Labels}}\t{{.Mounts}}\t{{.LocalVolumes}}{{.Label "z"}}';
  assertEquals(
    (await box.ok`ps -a --format ${format}`).split("\n").map((line) => line.split(/ {2,}/)),
    [
      ["a b", "NAMES", "LABELS", "MOUNTS", "LOCAL VOLUMESz"],
      ["2", "one", "com.x.a-b=2", "vol", "1"],
    ],
  );
  assertEquals(await box.ok`ps -a --format '{{if eq (.Label "com.x.a-b") "2"}}two{{end}}'`, "two");
  for (const [wrong, problem] of [["{{.Label}}", "want 1 got 0"], ['{{.Names "k"}}', "is not a method"]]) {
    const { code, stderr } = await box.$`ps -a --format ${wrong}`;
    assertEquals(code, 1);
    assert(stderr.includes(problem), stderr);
  }
  const quiet = await box.$`ps -aq --format {{.Names}}`;
  assertEquals(quiet.stdout, `${row.ID}\n`);
  assertEquals(
    quiet.stderr,
    "WARNING: Ignoring custom format, because both --format and --quiet are set.\n",
  );
});

test("ps and inspect: one that is paused, and one that waits to be started again", async (box) => {
  const state = async (name: string) => {
    const { State } = await box.inspect(name);
    return [State.Status, State.Running, State.Paused, State.Restarting, State.Pid > 0];
  };
  await box.ok`run -d --name box busybox sleep 1000`;
  await box.ok`pause box`;
  assertMatch(await box.ok`ps --format {{.Status}}`, /^Up .+ \(Paused\)$/);
  assertEquals(await shown(box, "status=paused"), ["box"]);
  assertEquals(await state("box"), ["paused", true, true, false, true]);
  assertMatch(
    (await box.$`rm box`).stderr,
    /You cannot remove a paused container .+ Unpause and then stop/,
  );
  await box.ok`rm -f box`;
  await box.ok`run -d --name again --restart always busybox sh -c 'exit 1'`;
  // From the fifth on it waits for longer than a second.
  await until("it waits for long", async () => (await box.inspect("again")).RestartCount >= 5);
  await until("it waits", async () => (await box.inspect("again")).State.Restarting);
  assertMatch(await box.ok`ps --format {{.Status}}`, /^Restarting \(1\) .+ ago$/);
  assertEquals(await state("again"), ["restarting", true, false, true, false]);
  await box.ok`rm -f again`;
});

test("ps: hundreds of containers, more than there may be descriptors", async (box) => {
  await box.ok`run --name model busybox true`;
  const model = (await box.inspect("model")).Id;
  const files = ["config.json", "lock"];
  for (let i = 0; i < 300; i++) {
    const id = `${model.slice(0, 56)}${String(i).padStart(8, "0")}`;
    const dir = `${box.root}/containers/${id}`;
    Deno.mkdirSync(`${dir}/upper`, { recursive: true });
    for (const file of files) Deno.copyFileSync(`${box.root}/containers/${model}/${file}`, `${dir}/${file}`);
    const config = JSON.parse(Deno.readTextFileSync(`${dir}/config.json`));
    Deno.writeTextFileSync(`${dir}/config.json`, JSON.stringify({ ...config, id, name: `copy${i}` }));
    Deno.symlinkSync(id, `${box.root}/names/copy${i}`);
  }
  const { stdout, stderr } = await box.exec`bash -c 'ulimit -n 100; "$0" ps -aq' ${BIN}`;
  assertEquals([stdout.trim().split("\n").length, stderr], [301, ""]);
  const ambiguous = await box.$`inspect ${model.slice(0, 20)}`;
  assertMatch(
    ambiguous.stderr,
    /Multiple IDs found with provided prefix: \w{20} \((\w{24}, ){4}\w{24} and 296 more\)/,
  );
});

test("an ambiguous ID is refused by every command, which lists what it could be", async (box) => {
  await box.ok`run --name model busybox true`;
  const model = (await box.inspect("model")).Id;
  const twin = `${model.slice(0, 63)}${model[63] === "0" ? "1" : "0"}`;
  const dir = (id: string) => `${box.root}/containers/${id}`;
  Deno.mkdirSync(dir(twin));
  const config = JSON.parse(Deno.readTextFileSync(`${dir(model)}/config.json`));
  Deno.writeTextFileSync(`${dir(twin)}/config.json`, JSON.stringify({ ...config, id: twin, name: "twin" }));
  Deno.symlinkSync(twin, `${box.root}/names/twin`);
  const prefix = model.slice(0, 10);
  const list = [model, twin].sort().map((id) => id.slice(0, 14)).join(", ");
  const commands = [
    ...[["inspect", prefix], ["container", "inspect", prefix], ["rm", prefix], ["rm", "-f", prefix]],
    ...[["logs", prefix], ["rename", prefix, "other"], ["top", prefix], ["port", prefix], ["commit", prefix]],
    ...[["export", prefix], ["ps", "--filter", `before=${prefix}`]],
  ];
  for (const command of commands) {
    const { code, stdout, stderr } = await box.$(command);
    assertEquals([code, stdout], [1, command.includes("inspect") ? "[]\n" : ""], command.join(" "));
    assert(
      stderr.startsWith(`mydocker: Multiple IDs found with provided prefix: ${prefix} (${list})\n`),
      stderr,
    );
  }
  assertEquals(await shown(box, `id=${prefix}`).then((names) => names.sort()), ["model", "twin"]);
  await box.ok`rename twin ${prefix}`;
  assertEquals((await box.inspect(prefix)).Id, twin); // a name goes before what an ID begins with
});

test("rm: several of which one is missing, links, and no name at all", async (box) => {
  for (const name of ["one", "two", "three"]) await box.ok`run --name ${name} busybox true`;
  const forced = await box.$`rm -f one missing`;
  assertEquals([forced.code, forced.stdout, forced.stderr], [
    0,
    "one\n",
    "mydocker: No such container: missing\n",
  ]);
  const { code, stdout, stderr } = await box.$`rm two missing three`;
  assertEquals([code, stdout, stderr], [1, "two\nthree\n", "mydocker: No such container: missing\n"]);
  assertMatch((await box.$`rm --link one`).stderr, /there are no links between containers/);
  const empty = await box.$`rm ''`;
  assertEquals([empty.code, empty.stderr], [1, "mydocker: Container name cannot be empty\n"]);
});
