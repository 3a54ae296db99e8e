// events: what is noted when something happened, what is shown of it, and that nothing is lost or torn on the
// way.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Box, test, until } from "../world/world.ts";

/** Everything up to now. */
const ALL = ["events", "--since", "0", "--until", "0s"];
const LIMIT = 8 * 1024 * 1024;
const eventsFile = (box: Box) => `${box.root}/events`;
const lines = (text: string) => text === "" ? [] : text.split("\n");

/** What `events` with these flags shows of all there was, but for what keepers note, without times. */
async function shown(box: Box, ...flags: string[]): Promise<string[]> {
  const text = await box.ok`${ALL} ${flags}`;
  return lines(text).map((line) => line.replace(/^\S+ /, ""))
    .filter((line) => !/^(container (start|die|kill)|network (dis)?connect|volume unmount) /.test(line));
}

/** "container create web" and so on; a container's name, or what has none. */
async function actions(box: Box, ...flags: string[]): Promise<string[]> {
  const format = "x {{.Type}} {{.Action}} {{or .Actor.Attributes.name .Actor.ID}}";
  return await shown(box, "--format", format, ...flags);
}

/** Puts real frames, again and again, into `events`, as many as fit into `size` bytes; returns how many. */
function fill(box: Box, size: number): number {
  const frame = Deno.readFileSync(eventsFile(box));
  const count = Math.floor(size / frame.length);
  const whole = new Uint8Array(count * frame.length);
  for (let at = 0; at < whole.length; at += frame.length) whole.set(frame, at);
  Deno.writeFileSync(eventsFile(box), whole);
  return count;
}

/** Removes what was noted so far, and has one event noted, of a volume. */
async function onlyOneVolume(box: Box, name: string): Promise<void> {
  Deno.removeSync(eventsFile(box));
  await box.ok`volume create ${name}`;
}

test("events: the life of images, volumes and containers, as docker tells it", async (box) => {
  const image = (await box.inspect("busybox")).Id;
  await box.ok`tag busybox other:2`;
  await box.ok`rmi other:2`;
  await box.ok`volume create data`;
  const run = [
    "run",
    "--name",
    "web",
    "-l",
    "lb=1",
    "-l",
    "az=x y",
    "-v",
    "data:/d:ro",
    "busybox",
    "touch",
    "/x",
  ];
  await box.ok(run);
  const id = (await box.inspect("web")).Id;
  const committed = await box.ok`commit -m why web cm:1`;
  await box.ok`export -o ${box.path("x.tar")} web`;
  await box.ok`rm web`;
  await box.ok`rmi cm:1`;
  await box.ok`volume rm data`;
  await box.ok`volume prune -f`;
  const attributes = "az=x y, image=busybox, lb=1, name=web";
  assertEquals(await shown(box), [
    `image tag ${image} (name=busybox:latest)`,
    `image import ${image} (name=${image})`,
    `image tag ${image} (name=other:2)`,
    `image untag ${image} (name=${image})`,
    "volume create data (driver=local)",
    `container create ${id} (${attributes})`,
    `container attach ${id} (${attributes})`,
    `volume mount data (container=${id}, destination=/d, driver=local, propagation=, read/write=false)`,
    `image tag ${committed} (az=x y, lb=1, name=cm:1)`,
    `container commit ${id} (az=x y, comment=why, image=busybox, imageID=${committed}, imageRef=cm:1, lb=1, name=web)`,
    `container export ${id} (${attributes})`,
    `container destroy ${id} (${attributes})`,
    `image untag ${committed} (az=x y, lb=1, name=${committed})`,
    `image delete ${committed} (name=${committed})`,
    "volume destroy data (driver=local)",
    "volume prune  (reclaimed=0)",
  ]);
});

test("events: a container of --rm and its anonymous volume end once", async (box) => {
  await box.ok`run --rm --name web -v /data busybox true`;
  const told = (await actions(box)).slice(2).map((line) => line.replace(/[0-9a-f]{64}/, "ANONYMOUS"));
  assertEquals(told, [
    "volume create ANONYMOUS",
    "container create web",
    "container attach web",
    "volume mount ANONYMOUS",
    "container destroy web",
    "volume destroy ANONYMOUS",
  ]);
});

test("events: a start and an end, in docker's order", async (box) => {
  await box.ok`run --rm --name web -v data:/d busybox true`;
  const told = lines(await box.ok`${ALL} --format '{{.Type}} {{.Action}}'`);
  assertEquals(told.slice(told.indexOf("container attach") + 1), [
    ...["network connect", "volume mount", "container start"],
    ...["container die", "network disconnect", "volume unmount", "container destroy"],
  ]);
});

test("events: what failed did not happen", async (box) => {
  await box.ok`volume create used`;
  await using running = box.spawn`run -i --name web -v used:/d busybox cat`;
  await box.pidOf("web");
  const before = await shown(box);
  for (
    const [code, ...words] of [
      [125, "run", "--name", "web", "busybox", "true"],
      [125, "run", "--pull", "never", "--name", "new", "nosuch", "true"],
      [1, "rm", "web"],
      [1, "rm", "nosuch"],
      [1, "rmi", "busybox"],
      [1, "volume", "rm", "used"],
      [1, "tag", "nosuch", "x"],
      [1, "import", "/nosuch", "x"],
      [1, "commit", "nosuch", "x"],
      [1, "export", "-o", "/nosuch/x.tar", "web"],
      [0, "volume", "create", "used"],
    ] as [number, ...string[]][]
  ) assertEquals((await box.$(words)).code, code, words.join(" "));
  assertEquals(await shown(box), before);
  await running.send("", true);
  await running.end();
});

test("events: filters", async (box) => {
  await box.ok`volume create vol1`;
  await box.ok`volume create vol2`;
  await box.ok`tag busybox bb:2`;
  for (const [name, label] of [["web1", "a=1"], ["web2", "a=2"], ["db", "b=1"]]) {
    await box.ok`run --name ${name} -l ${label} bb:2 true`;
  }
  const id = (await box.inspect("web1")).Id;
  const names = async (...filters: string[]) => {
    const told = await actions(box, ...filters.flatMap((filter) => ["--filter", filter]));
    return told.map((line) => line.replace("container ", "")).join(", ");
  };
  const all = await names();
  assertEquals(
    await names("event=create"),
    "volume create vol1, volume create vol2, create web1, create web2, create db",
  );
  assertEquals(await names("event=create", "type=container"), "create web1, create web2, create db");
  assertEquals(await names("type=volume"), "volume create vol1, volume create vol2");
  assertEquals(
    await names("type=volume", "type=image", "event=import", "event=create").then((text) =>
      text.replace(/sha256:[0-9a-f]{64}/, "ID")
    ),
    "image import ID, volume create vol1, volume create vol2",
  );
  assertEquals(await names("container=db"), "create db, attach db");
  assertEquals(await names("container=db", "container=web1", "event=attach"), "attach web1, attach db");
  // Docker's: the beginning of an ID or a name.
  assertEquals(await names("container=web", "event=create"), "create web1, create web2");
  assertEquals(await names(`container=${id.slice(0, 12)}`, "event=create"), "create web1");
  assertEquals(await names("label=a", "event=create"), "create web1, create web2");
  assertEquals(await names("label=a=2", "event=create"), "create web2");
  assertEquals(await names("label=a", "label=b"), "");
  assertEquals(await names("image=bb", "event=create"), "create web1, create web2, create db");
  assertEquals(await names("image=bb:2"), "image tag bb:2, " + await names("type=container"));
  assertEquals(await names("image=bb:3"), "");
  assertEquals(await names("volume=vol2"), "volume create vol2");
  assertEquals(await names("scope=local"), all);
  for (const nothing of ["scope=swarm", "event=crea", "event=nosuch", "type=foo", "daemon=x", "network=x"]) {
    assertEquals(await names(nothing), "", nothing);
  }
  assertEquals(await names("foo=bar"), all, "as docker: no such filter, no effect");
  const bad = await box.$`${ALL} --filter name`;
  assertEquals(bad.code, 125);
  assertStringIncludes(
    bad.stderr,
    'invalid argument "name" for "-f, --filter" flag: bad format of filter (expected name=value)',
  );
});

test("events: formats", async (box) => {
  await onlyOneVolume(box, "data");
  await box.ok`run --name web -l 'q="<&>"' busybox true`;
  const id = (await box.inspect("web")).Id;
  const created = ["--filter", "event=create"];
  const json = lines(await box.ok`${ALL} ${created} --format '{{json .}}'`);
  const time = /"time":(\d{10}),"timeNano":\1\d{9}\}$/;
  assertMatch(json[0], time);
  assertEquals(json.map((line) => line.replace(time, "TIME}")), [
    '{"Type":"volume","Action":"create","Actor":{"ID":"data","Attributes":{"driver":"local"}},"scope":"local",TIME}',
    `{"status":"create","id":"${id}","from":"busybox","Type":"container","Action":"create","Actor":{"ID":"${id}",` +
    `"Attributes":{"image":"busybox","name":"web","q":"\\"<&>\\""}},"scope":"local",TIME}`,
  ]);
  assertEquals(lines(await box.ok`${ALL} ${created} --format json`), json);
  const each = async (format: string) => lines(await box.ok`${ALL} ${created} --format ${format}`);
  assertEquals(await each("{{.Type}} {{.Actor.Attributes.name}} {{.From}}|{{.Status}}|{{.ID}}"), [
    "volume <no value> ||",
    `container web busybox|create|${id}`,
  ]);
  const [seconds, nanoseconds] = (await each("{{.Time}} {{.TimeNano}} {{json .TimeNano}}"))[0].split(" ");
  assertEquals(nanoseconds.length, 19);
  assert(nanoseconds.startsWith(seconds));
  assertEquals(await each("table {{.Type}}"), ["table volume", "table container"]);
  for (
    const [format, problem] of [
      ["{{.Nosuch}}", "can't evaluate field Nosuch in type *events.Message"],
      ["{{", "template: :1: unclosed action"],
    ]
  ) {
    // Also where there is no event, and nothing would end it.
    const { code, stderr } = await box.$`events --format ${format}`;
    assertEquals(code, 64);
    assertMatch(stderr, /^mydocker: Error parsing format: /);
    assertStringIncludes(stderr, problem);
  }
});

test("events: in the time zone of the caller", async (box) => {
  await onlyOneVolume(box, "data");
  const begin = async (TZ: string) => (await box.ok(ALL, { env: { TZ } })).split(" ")[0];
  const utc = await begin("UTC");
  assertMatch(utc, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
  const kolkata = await begin("Asia/Kolkata");
  assertMatch(kolkata, /\+05:30$/);
  assertEquals(Date.parse(kolkata), Date.parse(utc));
  assertMatch(await begin("America/Phoenix"), /-07:00$/);
});

test("events: --since and --until", async (box) => {
  for (const name of ["one", "two", "three"]) await box.ok`volume create ${name}`;
  const created = ["--filter", "event=create", "--format"];
  const times = lines(await box.ok`${ALL} ${created} {{.TimeNano}}`).map((nano) =>
    `${nano.slice(0, 10)}.${nano.slice(10)}`
  );
  const between = async (...range: string[]) =>
    lines(await box.ok`events ${range} ${created} {{.Actor.ID}}`).join(" ");
  assertEquals(await between("--since", times[1], "--until", "0s"), "two three");
  assertEquals(await between("--since", times[1], "--until", times[1]), "two");
  assertEquals(await between("--until", times[1]), "one two", "from the first on, as docker");
  assertEquals(await between("--since", "5m", "--until", "4m"), "");
  assertEquals(await between("--until", "2013-01-01T00:00:00"), "");
  const [one] = lines(await box.ok`${ALL} --filter volume=one`);
  assertEquals(await between("--since", one.split(" ")[0], "--until", "0s"), "one two three");
  for (
    const [flags, problem] of [
      [["--since", "x", "--until", "1"], 'failed to parse value as time or duration: "x"'],
      [["--until", "x"], 'failed to parse value as time or duration: "x"'],
      [
        ["--since", "99999999999", "--until", "1"],
        "`since` time (99999999999) cannot be after `until` time (1)",
      ],
    ] as [string[], string][]
  ) {
    const { code, stderr } = await box.$`events ${flags}`;
    assertEquals([code, stderr], [1, `mydocker: ${problem}\n`]);
  }
  assertStringIncludes((await box.$`events foo`).stderr, '"mydocker events" accepts no arguments.');
});

test("events: follows until it is interrupted, and is quiet about it", async (box) => {
  await using following = box.spawn`events --since 0 --format '{{.Action}} {{.Actor.ID}}'`;
  await following.expect("import sha256:");
  for (const name of ["one", "two"]) {
    await box.ok`system info`;
    await box.ok`volume create ${name}`;
    await following.expect(`create ${name}\n`);
  }
  following.kill("SIGINT");
  const { signal, code, stderr } = await following.end();
  assert(signal === "SIGINT" || code === 130, `${signal} ${code}`);
  assertEquals(stderr, "");
});

test("events: without --since only what happens from now on, and with --until until then", async (box) => {
  await box.ok`volume create before`;
  await using following = box.spawn`system events --format {{.Actor.ID}}`;
  // It says nothing when it has begun, so that something has to happen until it is seen.
  let count = 0;
  await until("an event is seen", async () => {
    await box.ok`volume create v${count++}`;
    return following.stdout !== "";
  });
  assert(!following.stdout.includes("before"));
  const end = Date.now() + 3000;
  await using ending = box.spawn`events --until ${end / 1000} --format {{.Actor.ID}}`;
  await ending.expect("before");
  await box.ok`volume create meanwhile`;
  const inTime = Date.now() < end; // or the machine is very slow
  const { code, stdout } = await ending.end();
  assert(Date.now() >= end);
  assertEquals(code, 0);
  if (inTime) assertStringIncludes(stdout, "meanwhile\n");
});

test("events: twenty at once, and no frame is torn", async (box) => {
  await onlyOneVolume(box, "first");
  const names = Array.from({ length: 20 }, (_, index) => `v${index}`);
  await using following = box.spawn`events --since 0 --format {{.Actor.ID}}`;
  await following.expect("first\n");
  await Promise.all(names.map((name) => box.ok`volume create ${name}`));
  const { stdout, stderr } = await box.$`${ALL} --format {{.Actor.ID}}`;
  const sorted = (text: string) => lines(text.trimEnd()).sort();
  assertEquals(sorted(stdout), ["first", ...names].sort());
  assertEquals(stderr, "");
  await until("the one that follows has seen all", () => lines(following.stdout.trimEnd()).length === 21);
  assertEquals(sorted(following.stdout), ["first", ...names].sort());
});

test("events: over 8 MB the file is put aside, by one of many, and nothing is lost", async (box) => {
  await onlyOneVolume(box, "filler");
  const count = fill(box, LIMIT - 100);
  const since = String(Date.now() / 1000);
  await using following = box.spawn`events --since ${since} --format {{.Actor.ID}}`;
  const names = Array.from({ length: 20 }, (_, index) => `v${index}`);
  await Promise.all(names.map((name) => box.ok`volume create ${name}`));
  assert(Deno.statSync(`${eventsFile(box)}.1`).size > LIMIT);
  assert(Deno.statSync(eventsFile(box)).size < 20 * 300, "the rest is in a new file");
  const format = ["--format", "{{.Actor.ID}}"];
  const told = lines(await box.ok`${ALL} ${format}`);
  assertEquals(told.filter((name) => name === "filler").length, count);
  assertEquals(told.slice(count).sort(), names.toSorted());
  await until("the one that follows has seen all", () => lines(following.stdout.trimEnd()).length === 20);
  // The file before that makes way: never more than two.
  fill(box, LIMIT);
  await box.ok`volume create last`;
  await box.ok`volume create next`;
  assertEquals(
    [...Deno.readDirSync(box.root)].map(({ name }) => name).filter((name) => name.startsWith("events"))
      .sort(),
    ["events", "events.1"],
  );
  assertEquals(lines(await box.ok`${ALL} ${format}`).slice(-2), ["last", "next"]);
  await following.expect("next\n");
});

test("events: a frame cut off costs only itself, at the end and in the middle", async (box) => {
  const ids = async () => {
    const { code, stdout, stderr } = await box.$`${ALL} --format {{.Actor.ID}}`;
    return [code, stdout, stderr.replace(/\d+ bytes of .*/, "DAMAGE")];
  };
  await onlyOneVolume(box, "one");
  await box.ok`volume create two`;
  const whole = Deno.readFileSync(eventsFile(box));
  const half = whole.length / 2;
  for (const length of [half + 1, half + 31, half + 32, half + 50, whole.length - 1]) {
    Deno.writeFileSync(eventsFile(box), whole.subarray(0, length));
    assertEquals(await ids(), [0, "one\n", ""], `${length} bytes`);
    await box.ok`volume create after${length}`;
    const warned = "mydocker: warning: DAMAGE\n";
    assertEquals(await ids(), [0, `one\nafter${length}\n`, warned], `${length} bytes and one more`);
  }
  // Bytes of anything: a length beyond all bounds, nothing at all, and text.
  const wild = whole.slice();
  new DataView(wild.buffer).setBigUint64(24, 1n << 40n, true);
  for (
    const damage of [
      wild.subarray(0, half),
      new Uint8Array(5000),
      new TextEncoder().encode('{"Type":"{"Type":"x'),
    ]
  ) {
    Deno.writeFileSync(eventsFile(box), new Uint8Array([...damage, ...whole.subarray(half)]));
    assertEquals(await ids(), [0, "two\n", "mydocker: warning: DAMAGE\n"]);
  }
});

test("events: a keeper's frame has the wait status beside the JSON", async (box) => {
  await onlyOneVolume(box, "any");
  const frame = (status: bigint, json: string) => {
    const bytes = new TextEncoder().encode(json);
    const header = new BigInt64Array([1_700_000_000n, 5n, status, BigInt(bytes.length)]);
    return [...new Uint8Array(header.buffer), ...bytes];
  };
  const die =
    '{"Type":"container","Action":"die","Actor":{"ID":"abc","Attributes":{"image":"i","name":"n"}}}';
  Deno.writeFileSync(eventsFile(box), new Uint8Array([...frame(3n << 8n, die), ...frame(9n, die)]));
  assertEquals(lines(await box.ok(ALL, { env: { TZ: "UTC" } })), [
    "2023-11-14T22:13:20.000000005Z container die abc (exitCode=3, image=i, name=n)",
    "2023-11-14T22:13:20.000000005Z container die abc (exitCode=137, image=i, name=n)",
  ]);
});

test("events: where none can be noted, that is said, and the command does its work", async (box) => {
  Deno.removeSync(eventsFile(box));
  const warning = (reason: string) =>
    `mydocker: warning: no event in ${eventsFile(box)} for volume create ${reason}\n`;
  Deno.symlinkSync("/dev/full", eventsFile(box));
  const full = await box.$`volume create one`;
  assertEquals([full.code, full.stdout], [0, "one\n"]);
  assertEquals(full.stderr, warning("one: write events: no space left on device"));
  Deno.removeSync(eventsFile(box));
  Deno.mkdirSync(eventsFile(box));
  const directory = await box.$`volume create two`;
  assertEquals([directory.code, directory.stderr], [0, warning("two: openat events: is a directory")]);
  assertEquals(await box.ok`volume ls -q`, "one\ntwo");
});
