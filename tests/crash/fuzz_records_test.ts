// Every JSON record of the root directory damaged at random, many at once: listings stay true and say what
// they can't read, what is damaged can be removed, and what is whole loses nothing. FUZZ_SEED and FUZZ_ROUNDS
// look further.

// @ts-types="../../lib/cli/std.d.ts"
import { basename } from "@std/path/posix/basename";
import { assert, assertEquals } from "@std/assert";
import { type Box, type Result, test } from "../world/world.ts";
import { random } from "../world/tar_tools.ts";

const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 1);
const ROUNDS = Number(Deno.env.get("FUZZ_ROUNDS") ?? 2);

type Next = () => number;

const pick = <T>(next: Next, choices: readonly T[]): T => choices[Math.floor(next() * choices.length)];

const hex = (next: Next, digits = 64) =>
  Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join("");

/** What no reader of a record expects, in place of some value or of all. */
const STRANGERS = [null, true, 0, -1, 1e300, 4.5, "", "x", "../..", "a\nb", [], [null], [[]], {}, { a: 1 }, {
  0: "x",
}];

/** All places of a JSON value, as the object or array that has it and the key. */
// deno-lint-ignore no-explicit-any
function places(value: any): [any, string][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.keys(value).flatMap((key) => [[value, key] as [unknown, string], ...places(value[key])]);
}

/** Makes another record of `text`: the same mistake each time for the same numbers of `next`. */
const DAMAGES: Record<string, (text: string, next: Next) => string | Uint8Array> = {
  flipped(text, next) {
    const bytes = new TextEncoder().encode(text);
    for (let n = 1 + Math.floor(next() * 3); n > 0; n--) {
      bytes[Math.floor(next() * bytes.length)] ^= 1 << Math.floor(next() * 8);
    }
    return bytes;
  },
  truncated: (text, next) => text.slice(0, Math.floor(next() * text.length)),
  retyped(text, next) {
    const record = JSON.parse(text);
    const [holder, key] = pick(next, places(record));
    holder[key] = pick(next, STRANGERS);
    return JSON.stringify(record);
  },
  shortened(text, next) {
    const record = JSON.parse(text);
    const [holder, key] = pick(next, places(record));
    delete holder[key];
    return JSON.stringify(record);
  },
  replaced: (_, next) => JSON.stringify(pick(next, STRANGERS)),
  "of the future": (text, next) =>
    pick(next, [
      JSON.stringify({ version: 99, format: "9.9", ...JSON.parse(text) }),
      JSON.stringify({ version: 99, record: JSON.parse(text) }),
    ]),
};

/** Something with a record, and how it was damaged. */
interface Damaged {
  /** The ID, or the name of what has none. */
  id: string;
  file: string;
  how: string;
}

const read = (path: string) => Deno.readTextFileSync(path);

/** Copies of what mydocker has made, each with a name and an ID of its own, made here as that is faster. */
class Crowd {
  readonly damaged: Record<"container" | "volume" | "network" | "image", Damaged[]> = {
    container: [],
    volume: [],
    network: [],
    image: [],
  };

  constructor(readonly root: string, readonly next: Next) {}

  #copy(from: string, to: string): void {
    const { success } = new Deno.Command("cp", { args: ["-a", from, to] }).outputSync();
    if (!success) throw new Error(`can't copy ${from} to ${to}`);
  }

  #damage(kind: keyof Crowd["damaged"], id: string, path: string): void {
    const how = pick(this.next, Object.keys(DAMAGES));
    const text = read(path);
    const damaged = DAMAGES[how](text, this.next);
    Deno.writeFileSync(path, typeof damaged === "string" ? new TextEncoder().encode(damaged) : damaged);
    this.damaged[kind].push({
      id,
      file: basename(path),
      how: `${how}: ${read(path)}`,
    });
  }

  /** One of the container with the ID `model`, and one of its records is damaged. */
  container(model: string, record: string): void {
    const id = hex(this.next);
    const home = `${this.root}/containers/${id}`;
    this.#copy(`${this.root}/containers/${model}`, home);
    const config = { ...JSON.parse(read(`${home}/config.json`)), id, name: `c-${id.slice(0, 12)}` };
    Deno.writeTextFileSync(`${home}/config.json`, JSON.stringify(config));
    Deno.symlinkSync(id, `${this.root}/names/${config.name}`);
    this.#damage("container", id, `${home}/${record}`);
  }

  volume(model: string): void {
    const name = `v-${hex(this.next, 12)}`;
    this.#copy(`${this.root}/volumes/${model}`, `${this.root}/volumes/${name}`);
    this.#damage("volume", name, `${this.root}/volumes/${name}/volume.json`);
  }

  network(model: string): void {
    const id = hex(this.next);
    const name = `n-${id.slice(0, 12)}`;
    this.#copy(`${this.root}/networks/${model}`, `${this.root}/networks/${name}`);
    const path = `${this.root}/networks/${name}/network.json`;
    const subnet = `10.77.${this.damaged.network.length}`;
    const pools = [{ subnet: `${subnet}.0/24`, gateway: `${subnet}.1`, automatic: false }];
    const network = { ...JSON.parse(read(path)), id, name, pools, interface: `md-${id.slice(0, 12)}` };
    Deno.writeTextFileSync(path, JSON.stringify(network));
    this.#damage("network", name, path);
  }

  /** With a layer of its own; either's record is damaged. */
  async image(model: string): Promise<void> {
    const config = JSON.parse(read(`${this.root}/images/${model}.json`));
    const layer = hex(this.next);
    this.#copy(`${this.root}/layers/${config.rootfs.diff_ids[0].slice(7)}`, `${this.root}/layers/${layer}`);
    config.rootfs.diff_ids = [`sha256:${layer}`];
    const bytes = new TextEncoder().encode(JSON.stringify(config));
    const id = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
    Deno.writeFileSync(`${this.root}/images/${id}.json`, bytes);
    Deno.symlinkSync(id, `${this.root}/tags/i-${id.slice(0, 12)}:latest`);
    const which = pick(this.next, [`images/${id}.json`, `layers/${layer}/layer.json`]);
    this.#damage("image", id, `${this.root}/${which}`);
  }
}

/** What is for developers, not for users. */
const INTERNAL =
  /undefined|NaN|\[object|[Cc]annot read|\w+Error\b|is not (a function|iterable)|at file:|at async/;

/** Runs commands, and remembers what was wrong with their answers. */
class Asker {
  readonly complaints: string[] = [];
  #asked = "";

  constructor(readonly box: Box) {}

  complain(what: string): void {
    this.complaints.push(`${this.#asked}: ${what}`.slice(0, 500));
  }

  async ask(...args: string[]): Promise<Result> {
    const shown = args.join(" ");
    this.#asked = shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
    const result = await this.box.$(args, { timeout: 120 });
    const { code, stdout, stderr } = result;
    if (code !== 0 && code !== 1) this.complain(`exit code ${code}: ${stderr}`);
    for (const line of stderr.split("\n").filter(Boolean)) {
      if (!line.startsWith("mydocker: ") || INTERNAL.test(line)) this.complain(`stderr says ${line}`);
    }
    for (const line of stdout.split("\n")) if (INTERNAL.test(line)) this.complain(`stdout says ${line}`);
    return result;
  }

  /** All these are in the answer, or stderr says why not. */
  async names(things: Damaged[], ...args: string[]): Promise<Result> {
    const before = this.complaints.length;
    const result = await this.ask(...args);
    if (this.complaints.length > before) return result; // One mistake hid the others.
    for (const { id, file, how } of things) {
      if (!result.stdout.includes(id) && !result.stderr.includes(id)) {
        this.complain(`nothing is said of ${id}, whose ${file} is ${how}`);
      }
    }
    return result;
  }
}

const STATES = "{{.ID}} {{.State}} {{.Names}}";

/** What stays true whatever else is damaged. */
async function whole(box: Box): Promise<Record<string, string>> {
  const rows = async (of: string, ...args: string[]) =>
    (await box.$(args)).stdout.split("\n").filter((row) => row.includes(of)).join("\n");
  return {
    container: await rows("whole", "ps", "-a", "--no-trunc", "--format", STATES),
    stopped: await rows(
      "whole-over",
      "inspect",
      "-f",
      "{{.Name}} {{.State.ExitCode}} {{.Config.Cmd}}",
      "whole-over",
    ),
    volume: await rows("whole", "volume", "inspect", "whole-v"),
    network: await rows("whole", "network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}} {{.Driver}}"),
    image: await rows("busybox", "images", "--no-trunc", "--format", "{{.ID}} {{.Repository}} {{.Size}}"),
    data: (await box.$`exec whole-up cat /v/data`).stdout,
    said: (await box.$`logs whole-up`).stdout,
  };
}

const UP = "echo kept >/v/data; echo said; exec sleep 1000";

/** What is whole and in use, and what the damaged ones are copies of; returns their IDs. */
async function models(box: Box): Promise<{ plain: string; used: string; failed: string; image: string }> {
  await box.ok`network create whole-n`;
  const flags = ["--network", "whole-n", "-v", "whole-v:/v"];
  await box.ok`run -d --name whole-up ${flags} busybox sh -c ${UP}`;
  await box.$`run --name whole-over ${flags} busybox sh -c 'exit 3'`;
  await box.$`run --name failed --network none busybox /nosuch`;
  const all = [
    "--memory",
    "50m",
    "--ulimit",
    "nofile=99:99",
    "--tmpfs",
    "/t",
    "-v",
    "model-v:/v",
    "-v",
    "/anon",
  ];
  const more = [
    "--device",
    "/dev/null",
    "--dns",
    "9.9.9.9",
    "--add-host",
    "a:1.2.3.4",
    "--label",
    "a=b",
    "-e",
    "A=b",
  ];
  const net = [
    "--network",
    "whole-n",
    "--network-alias",
    "me",
    "-p",
    "127.0.0.1::80",
    "--cap-add",
    "SYS_TIME",
  ];
  await box.ok`create --name plain ${all} ${more} ${net} busybox true`;
  await box.$`run -d --restart on-failure:1 --name used ${net} busybox false`;
  await box.ok`wait used`;
  await box.ok`network create --label a=b -o com.docker.network.driver.mtu=1400 model-n`;
  await box.ok`volume create --label a=b model-v`;
  const ids = ["plain", "used", "failed"].map(async (name) => [name, (await box.inspect(name)).Id]);
  const image = (await box.inspect("plain")).Image.slice("sha256:".length);
  return { ...Object.fromEntries(await Promise.all(ids)), image };
}

async function lists(asker: Asker, { container, volume, network, image }: Crowd["damaged"]): Promise<void> {
  const ids = (things: Damaged[]) => things.map(({ id }) => id);
  const { stdout } = await asker.names(container, "ps", "-a", "--no-trunc", "--format", STATES);
  for (const row of stdout.split("\n").filter(Boolean)) {
    const [id, state] = row.split(" ");
    const found = container.find((one) => one.id === id);
    const states = found?.file === "start.json" ? ["created", "exited"] : ["created", "exited", "restarting"];
    if (found && !states.includes(state)) {
      asker.complain(`${id} is called ${state}: ${found.file} ${found.how}`);
    }
  }
  await asker.names(container, "ps", "-aq", "--no-trunc");
  await asker.ask("ps", "-as");
  await asker.ask("ps", "-a", "--filter", "volume=whole-v", "--filter", "status=running");
  await asker.ask("ps", "-a", "--format", "json");
  await asker.names(image, "images", "-a", "--no-trunc");
  await asker.ask("images", "--digests", "--format", "json");
  await asker.names(volume, "volume", "ls");
  await asker.names(network, "network", "ls");
  await asker.ask("info");
  await asker.ask("system", "df");
  await asker.ask("system", "df", "-v");
  await asker.ask("events", "--since", "1h", "--until", "0s");
  for (
    const [noun, things] of [["container", container], ["volume", volume], ["network", network]] as const
  ) {
    const result = await asker.names(
      things,
      ...(noun === "container" ? [] : [noun]),
      "inspect",
      ...ids(things),
    );
    try {
      JSON.parse(result.stdout);
    } catch {
      asker.complain(`no JSON: ${result.stdout}`);
    }
  }
  await asker.names(image, "image", "inspect", ...ids(image));
  for (const { id } of image.slice(0, 5)) await asker.ask("history", id);
  for (const { id } of container.slice(0, 8)) await asker.ask("logs", id);
  for (const { id } of container.slice(0, 8)) await asker.ask("port", id);
}

/** What is left of these below the root directory. */
function left(root: string, { container, volume, network, image }: Crowd["damaged"]): string[] {
  const folders = { containers: container, volumes: volume, networks: network };
  const paths = Object.entries(folders).flatMap(([folder, things]) =>
    things.map((thing) => ({ ...thing, path: `${folder}/${thing.id}` }))
  );
  paths.push(...image.map((thing) => ({ ...thing, path: `images/${thing.id}.json` })));
  return paths.filter(({ path }) => {
    try {
      return Deno.lstatSync(`${root}/${path}`) !== undefined;
    } catch {
      return false;
    }
  }).map(({ path, file, how }) => `${path} is left, whose ${file} was ${how}`);
}

async function removes(asker: Asker, damaged: Crowd["damaged"]): Promise<void> {
  const ids = (things: Damaged[]) => things.map(({ id }) => id);
  await asker.ask("start", ...ids(damaged.container));
  await asker.ask("rm", "-f", ...ids(damaged.container));
  await asker.ask("volume", "rm", "-f", ...ids(damaged.volume));
  await asker.ask("network", "rm", "-f", ...ids(damaged.network));
  await asker.ask("image", "rm", "-f", ...ids(damaged.image));
}

async function prunes(asker: Asker): Promise<void> {
  await asker.ask("container", "prune", "-f");
  await asker.ask("volume", "prune", "-af");
  await asker.ask("network", "prune", "-f");
  await asker.ask("image", "prune", "-af");
}

for (let round = 0; round < ROUNDS; round++) {
  const seed = SEED + round;
  const way = seed % 2 ? "rm -f" : "prune";
  test(`damaged records: listed truly, and removed by ${way} (seed ${seed})`, async (box) => {
    const next = random(seed);
    const { plain, used, failed, image } = await models(box);
    const crowd = new Crowd(box.root, next);
    for (let n = 0; n < 24; n++) crowd.container(plain, "config.json");
    for (const record of ["endpoints.json", "ports.json", "restart.json", "config.json"]) {
      for (let n = 0; n < 6; n++) crowd.container(used, record);
    }
    for (let n = 0; n < 6; n++) crowd.container(failed, "start.json");
    for (let n = 0; n < 12; n++) crowd.volume("model-v");
    for (let n = 0; n < 12; n++) crowd.network("model-n");
    for (let n = 0; n < 12; n++) await crowd.image(image);
    // The copies were models only; what is whole is what whole-up uses.
    const before = await whole(box);
    const asker = new Asker(box);
    await lists(asker, crowd.damaged);
    const listed = await whole(box);
    await (way === "rm -f" ? removes(asker, crowd.damaged) : prunes(asker));
    asker.complaints.push(...left(box.root, crowd.damaged));
    const after = await whole(box);
    await box.$`rm -f whole-up whole-over plain used failed`;
    assert(asker.complaints.length === 0, `FUZZ_SEED=${seed}:\n${asker.complaints.join("\n")}`);
    assertEquals(listed, before, `FUZZ_SEED=${seed}`);
    assertEquals(after, way === "rm -f" ? before : { ...before, ...over(before) }, `FUZZ_SEED=${seed}`);
  }, { seconds: 240 });
}

/** Without what container prune takes rightly. */
function over({ container }: Record<string, string>): Record<string, string> {
  return {
    container: container.split("\n").filter((row) => row.includes("whole-up")).join("\n"),
    stopped: "",
  };
}
