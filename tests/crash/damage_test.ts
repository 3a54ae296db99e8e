// Every file of a container's and of the root directory's, damaged in every way there is: what is then said
// is true, and `rm -f` gets rid of the container and its processes.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Box, type Result, test, until } from "../world/world.ts";
import { busyboxTar } from "../world/images.ts";
import { processesOf } from "../world/leaks.ts";
import { exists } from "../world/exists.ts";

const noise = (length: number) => Uint8Array.from({ length }, (_, at) => (at * 151 + 89) % 255 + 1);

/** In place where it is a file: whoever has it open sees it. */
const DAMAGES: Record<string, (path: string) => void> = {
  emptied: (path) => put(path, new Uint8Array()),
  halved: (path) => put(path, content(path).subarray(0, content(path).length >> 1)),
  scrambled: (path) => put(path, noise(content(path).length)),
  overgrown: (path) => put(path, noise(content(path).length + 5000)),
  removed: (path) => remove(path),
  directory: (path) => (remove(path), Deno.mkdirSync(path), Deno.writeTextFileSync(`${path}/in`, "")),
  dangling: (path) => (remove(path), Deno.symlinkSync("/nonexistent/target", path)),
};

const isLink = (path: string) => exists(path) && Deno.lstatSync(path).isSymlink;

/** Some, where there is no such file yet. */
function content(path: string): Uint8Array {
  const text = isLink(path) ? Deno.readLinkSync(path) : '{"none":"as yet"}';
  return isLink(path) || !exists(path) ? new TextEncoder().encode(text) : Deno.readFileSync(path);
}

function put(path: string, bytes: Uint8Array): void {
  if (isLink(path)) remove(path);
  Deno.writeFileSync(path, bytes);
}

function remove(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** What is no message for users but the trace of a mistake. */
const INTERNAL = /undefined|\bnull\b|NaN|[Cc]annot read|\w+Error\b|is not (a function|iterable)|Invalid/;

/** Runs a command that may find fault with what is damaged, in words, but must not be thrown off by it. */
async function looks(box: Box, args: string[], where: string): Promise<Result> {
  const result = await box.$(args, { timeout: 20 });
  const { code, stdout, stderr } = result;
  const what = `${args.join(" ")}, ${where}: ${code}\n${stdout}${stderr}`;
  assert(code === 0 || code === 1, what);
  for (const line of stderr.split("\n").filter(Boolean)) assertMatch(line, /^mydocker: /, what);
  assert(!INTERNAL.test(stderr), what);
  return result;
}

const SCRIPTS = { up: "echo said; exec sleep 1000", over: "echo said; exit 3" };
const LOG = ["--log-opt", "max-size=1m", "--log-opt", "max-file=2"];

/** A running container and one that has ended for each name; returns their IDs by NAME-up and NAME-over. */
async function makePairs(box: Box, names: string[]): Promise<Map<string, string>> {
  const ids = new Map<string, string>();
  for (const name of names) {
    const pair = Object.entries(SCRIPTS).map(async ([state, script]) => {
      const flags = ["-d", "--name", `${name}-${state}`, "-v", "vol:/v", ...LOG];
      ids.set(`${name}-${state}`, await box.ok`run ${flags} busybox sh -c ${script}`);
    });
    await Promise.all(pair);
  }
  await until(
    "one half has ended",
    async () => (await box.ok`ps -q`).split("\n").length === names.length,
  );
  return ids;
}

/** `rm -f` of all, by ID, leaves neither a process nor a file. */
async function removesAll(box: Box, ids: string[], where: string): Promise<void> {
  const { code, stdout, stderr } = await looks(box, ["rm", "-f", ...ids], where);
  assertEquals([code, stdout], [0, ids.map((id) => `${id}\n`).join("")], stderr);
  // A keeper looks after the bridge for a moment.
  await until(`no process is left: ${where}`, () => processesOf(box.dir).length === 0, 20);
  const left = ["containers", "names", "tmp"].flatMap((folder) =>
    [...Deno.readDirSync(`${box.root}/${folder}`)].map(({ name }) => `${folder}/${name}`)
  );
  assertEquals(left.filter((path) => !path.endsWith("/.lock")), [], where);
}

const FILES = [
  ...["config.json", "lock", "log", "log.1", "start.json", "restart.json"],
  ...["stopped", "paused", "hostname", "hosts", "resolv.conf", "names/NAME"],
];

for (const file of FILES) {
  test(`damage: ${file} of a container that runs, and of one that has ended`, async (box) => {
    const ids = await makePairs(box, Object.keys(DAMAGES));
    const pathOf = (name: string, id: string) =>
      file === "names/NAME" ? `${box.root}/names/${name}` : `${box.root}/containers/${id}/${file}`;
    for (const [name, id] of ids) DAMAGES[name.split("-")[0]](pathOf(name, id));
    const unreadable = file === "config.json";

    const list = await looks(box, ["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}"], file);
    const listed = new Map(list.stdout.split("\n").map((line) => line.split(" ") as [string, string]));
    for (const [name, id] of ids) {
      const where = `${file} ${name}`;
      const runs = name.endsWith("-up");
      const logs = await looks(box, ["logs", id], where);
      const inspected = await looks(
        box,
        ["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", id],
        where,
      );
      if (unreadable) {
        for (const { stderr } of [list, logs, inspected]) {
          assertMatch(stderr, new RegExp(`config.json.*${id}`));
        }
        continue;
      }
      assertEquals(listed.get(id), runs ? "running" : "exited", where);
      const code = runs ? 0 : file === "lock" ? 137 : 3;
      assertEquals(inspected.stdout.trim(), `${runs ? "running" : "exited"} ${code}`, where);
      assertEquals([logs.stdout, logs.code], [file === "log" ? "" : "said\n", 0], where);
    }

    const all = [...ids.values()];
    const started = await looks(box, ["start", ...all], file);
    const refused = all.filter((id) => !started.stdout.includes(`${id}\n`));
    const last = started.stderr.trimEnd().split("\n").pop();
    assertEquals(last, refused.length ? `mydocker: failed to start containers: ${refused.join(", ")}` : "");
    if (unreadable) assertEquals(refused, all);
    for (const [name, id] of ids) {
      if (unreadable || refused.includes(id)) continue;
      if (name.endsWith("-over")) assertEquals(await box.ok`wait ${id}`, "3", `${file} ${name}`);
      else assertEquals((await box.inspect(id)).State.Status, "running", `${file} ${name}`);
    }
    await removesAll(box, all, file);
    await box.ok`volume rm vol`;
  }, { seconds: 60 });
}

test("damage: lock of a container that runs: what would signal it says what to do instead", async (box) => {
  for (const damage of Object.values(DAMAGES)) {
    const id = await box.ok`run -di --name main busybox cat`;
    damage(`${box.root}/containers/${id}/lock`);
    for (const args of [["stop"], ["kill"], ["attach"], ["wait"], ["restart"]]) {
      const { code, stderr } = await looks(box, [...args, "main"], damage.name);
      assertEquals(code, 1, stderr);
      assertMatch(stderr, /lock of container \w+ is damaged; end and remove it with: mydocker rm -f/);
    }
    assertEquals((await box.$`rm main`).code, 1);
    assertEquals(await box.ok`ps --format {{.Names}}`, "main");
    await removesAll(box, [id], damage.name);
  }
});

test("damage: config.json: volumes it may have are kept for as long as it is there; prune takes it", async (box) => {
  await box.ok`run --name main -v vol:/v busybox sh -c 'echo kept >/v/data'`;
  const id = await box.ok`run -d --name up -v vol:/v busybox sleep 1000`;
  for (const name of ["main", "up"]) {
    put(`${box.root}/containers/${(await box.inspect(name)).Id}/config.json`, noise(99));
  }
  const pruned = await looks(box, ["volume", "prune", "-af"], "volume prune");
  assertEquals([pruned.code, pruned.stdout], [1, "Total reclaimed space: 0B\n"]);
  assertMatch(
    pruned.stderr,
    /no volume is removed, as a damaged container may use it; .*: mydocker rm -f \w{12} \w{12}\n/,
  );
  const refused = await looks(box, ["volume", "rm", "vol"], "volume rm");
  assertEquals(refused.code, 1);
  assertMatch(refused.stderr, /remove vol: volume may be in use by the damaged container \w{64}/);
  assertEquals(Deno.readTextFileSync(`${box.root}/volumes/vol/_data/data`), "kept\n");
  // The one that runs stays.
  assertEquals((await looks(box, ["container", "prune", "-f"], "container prune")).code, 0);
  assertEquals([...Deno.readDirSync(`${box.root}/containers`)].map(({ name }) => name), [id]);
  await removesAll(box, [id], "up");
  await box.ok`volume rm vol`;
});

test("damage: config.json: layers it may have are kept for as long as it is there", async (box) => {
  await box.ok`create --name main busybox true`;
  const { Id } = await box.inspect("main");
  const config = `${box.root}/containers/${Id}/config.json`;
  const whole = content(config);
  put(config, noise(99));
  await box.ok`rmi -f busybox`;
  await box.$`tag none none`; // Which sweeps.
  put(config, whole);
  assertEquals((await box.$`start -a main`).code, 0);
  await box.ok`rm main`;
  assertEquals([...Deno.readDirSync(`${box.root}/layers`)], []);
});

test("damage: config.json: the record of another container is none", async (box) => {
  for (const name of ["one", "two"]) await box.ok`create --name ${name} busybox true`;
  const [one, two] = [(await box.inspect("one")).Id, (await box.inspect("two")).Id];
  put(`${box.root}/containers/${two}/config.json`, content(`${box.root}/containers/${one}/config.json`));
  const listed = await looks(box, ["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}}"], "ps");
  assertEquals(listed.stdout, `${one} one\n`);
  assertMatch(listed.stderr, new RegExp(`config.json of container ${two} is missing or damaged`));
  await removesAll(box, [one, two], "another's record");
});

test("damage: paused of a container that is: it can be unpaused and removed", async (box) => {
  for (const [kind, damage] of Object.entries(DAMAGES)) {
    const id = await box.ok`run -d --name main busybox sleep 1000`;
    for (const way of ["unpause", "rm"]) {
      await box.ok`pause main`;
      damage(`${box.root}/containers/${id}/paused`);
      if (kind === "removed") break; // then nothing is left that says so
      assertEquals((await box.inspect("main")).State.Status, "paused", kind);
      if (way === "unpause") await box.ok`unpause main`;
    }
    if (kind === "removed") Deno.writeTextFileSync(`${box.root}/containers/${id}/paused`, "");
    await removesAll(box, [id], kind);
  }
});

/** Of the root directory: the file, and what there is to be seen of the damage. */
const SHARED: Record<string, (box: Box, ids: Map<string, string>) => string> = {
  "events": ({ root }) => `${root}/events`,
  "images/HEX.json": ({ root }) => only(`${root}/images`, /\.json$/),
  "tags/NAME": ({ root }) => only(`${root}/tags`, /busybox/),
  "layers/HEX/layer.json": ({ root }) => `${only(`${root}/layers`, /./)}/layer.json`,
  "volumes/NAME/volume.json": ({ root }) => `${root}/volumes/vol/volume.json`,
};

function only(folder: string, pattern: RegExp): string {
  return `${folder}/${[...Deno.readDirSync(folder)].find(({ name }) => pattern.test(name))!.name}`;
}

for (const [file, find] of Object.entries(SHARED)) {
  test(`damage: ${file}, under a container that runs and one that has ended`, async (box) => {
    for (const [kind, damage] of Object.entries(DAMAGES)) {
      const where = `${file} ${kind}`;
      const ids = await makePairs(box, ["main"]);
      const path = find(box, ids);
      await box.exec`cp -a ${path} ${box.path("kept")}`;
      damage(path);
      const shown = await looks(box, ["ps", "-a", "--format", "{{.Names}} {{.State}}"], where);
      assertEquals(shown.stdout.trim().split("\n").sort(), ["main-over exited", "main-up running"]);
      for (const [name, id] of ids) {
        assertEquals((await looks(box, ["logs", name], where)).stdout, "said\n", where);
        const { stdout } = await looks(box, ["inspect", "-f", "{{.State.ExitCode}}", id], where);
        assertEquals(stdout, name === "main-up" ? "0\n" : "3\n", where);
      }
      for (
        const args of [["images"], ["volume", "ls"], ["inspect", "vol"], ["ps", "-as"], [
          "image",
          "inspect",
          "busybox",
        ]]
      ) {
        await looks(box, args, where);
      }
      assertEquals((await looks(box, ["start", "main-over"], where)).code, 0, where);
      assertEquals(await box.ok`wait main-over`, "3", where);
      await removesAll(box, [...ids.values()], where);
      await looks(box, ["volume", "rm", "vol"], where);
      remove(path);
      await box.exec`cp -a ${box.path("kept")} ${path}`;
      // Without its image, a container was the last that needed the layers.
      if (file.startsWith("images") && kind === "removed") {
        await box.ok`import ${await busyboxTar()} busybox`;
      }
      if (file.startsWith("volumes")) await box.exec`rm -r ${box.root}/volumes/vol`;
    }
  }, { seconds: 60 });
}
