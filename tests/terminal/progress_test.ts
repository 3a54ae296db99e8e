// What pull and load show on a terminal while they work, and what is left when they are interrupted.

// @ts-types="../../lib/cli/std.d.ts"
import { basename } from "@std/path/posix/basename";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { dockerArchive } from "../world/archives.ts";
import { storeOf } from "../world/crash.ts";
import { type Box, test, until } from "../world/world.ts";
import { tar } from "../world/images.ts";
import { type Terminal, terminal } from "../world/pty.ts";
import { makeImage, noise } from "../world/registry.ts";
import { serve } from "../world/registry_server.ts";

const ESCAPE = "\x1b\\[";

/** What a terminal of this width shows in the end, if it knows what the program uses: no more than these. */
function shown(output: string, columns: number): string[] {
  const lines: string[] = [""];
  let [row, column] = [0, 0];
  for (const [all, count, command] of output.matchAll(new RegExp(`${ESCAPE}(\\d*)([A-Z])|[^]`, "g"))) {
    if (command === "A") row = Math.max(0, row - Number(count));
    else if (command === "B") row = Math.min(lines.length - 1, row + Number(count));
    else if (command === "K") lines[row] = "";
    else if (all === "\r") column = 0;
    else if (all === "\n") row++;
    else if (command === undefined) {
      if (column === columns) [row, column] = [row + 1, 0];
      lines[row] = (lines[row] ?? "").padEnd(column).slice(0, column) + all +
        (lines[row] ?? "").slice(column + 1);
      column++;
    } else throw new Error(`unknown: ${JSON.stringify(all)}`);
    lines[row] ??= "";
  }
  return lines.filter((line) => line !== "");
}

/** A registry whose layers come in two halves, the second once `release` was called. */
async function halfway(count: number) {
  const layers = Array.from({ length: count }, (_, n) => {
    const bytes = tar([{ name: `f${n}`, data: noise(100_000, n + 1) }]);
    return { tar: bytes, sent: bytes };
  });
  const image = await makeImage(layers);
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  const server = serve({ "app:latest": image }, (_, path) => {
    const bytes = image.blobs.get(basename(path))?.bytes;
    if (!bytes || bytes.length < 100_000) return;
    let parts = 0;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          if (parts === 1) await released;
          if (parts < 2) controller.enqueue(parts === 0 ? bytes.slice(0, 50_000) : bytes.slice(50_000));
          else controller.close();
          parts++;
        },
      }),
    );
  });
  const ids = [...image.blobs.keys()].slice(0, count).map((digest) => digest.slice(7, 19));
  return { server, release, ids };
}

/** Until three layers are on their way. */
async function untilThreeBars(tty: Terminal, ids: string[]): Promise<void> {
  const begun = (id: string) => new RegExp(`${id}: (\\d+% )?Extracting`).test(tty.screen);
  await until("three bars are there", () => ids.slice(0, 3).every(begun));
}

for (const columns of [120, 80, 40]) {
  test(`pull: a line for each layer, on a terminal of ${columns} columns`, async (box) => {
    const { server, release, ids } = await halfway(4);
    await using _ = server;
    await using tty = terminal(box, ["pull", `${server.host}/app`], { columns });
    await untilThreeBars(tty, ids);
    if (columns > 110) assertMatch(tty.screen, /Extracting \[=*> +\] +\S+kB\/101\.9kB/);
    else if (columns < 48) assertMatch(tty.screen, /: \d\d?% Extracting\r/);
    const before = shown(tty.screen, columns);
    assertEquals(before.slice(2).map((line) => line.slice(0, 12)), ids);
    assertMatch(before[5], /Pulling fs layer$/);
    for (const line of before) assert(line.length < columns, line);
    release();
    assertEquals((await tty.end()).code, 0);
    const after = shown(tty.screen, columns);
    assertEquals(after.slice(2, 6), ids.map((id) => `${id}: Pull complete`));
    assertEquals(after.at(-1), `${server.host}/app:latest`);
  });
}

test("pull: a terminal that becomes narrower gets all lines anew", async (box) => {
  const { server, release, ids } = await halfway(3);
  await using _ = server;
  await using tty = terminal(box, ["pull", `${server.host}/app`], { columns: 120 });
  await untilThreeBars(tty, ids);
  const seen = tty.screen.length;
  tty.resize(24, 50);
  release();
  assertEquals((await tty.end()).code, 0);
  const anew = shown(tty.screen.slice(seen), 50);
  assertEquals(anew.slice(0, 3), ids.map((id) => `${id}: Pull complete`));
});

test("pull: more layers than the terminal has lines", async (box) => {
  const { server, release } = await halfway(12);
  await using _ = server;
  await using tty = terminal(box, ["pull", `${server.host}/app`], { rows: 6, columns: 80 });
  release();
  assertEquals((await tty.end()).code, 0);
  for (const [, up] of tty.screen.matchAll(new RegExp(`${ESCAPE}(\\d+)A`, "g"))) assert(Number(up) < 6, up);
});

/** Interrupted halfway, pull ends as the signal ends a program, and leaves nothing. */
async function interrupted(box: Box, args: (host: string) => string[], stop: "SIGTERM" | "\x03") {
  const { server } = await halfway(4);
  await using _ = server;
  const before = storeOf(box.root);
  await using tty = terminal(box, args(server.host));
  const settings = tty.settings();
  await tty.expect(/Extracting +\d/);
  if (stop === "\x03") tty.send(stop);
  else Deno.kill(tty.pid, stop);
  const { signal } = await tty.end();
  assertEquals(signal, stop === "\x03" ? "SIGINT" : stop);
  assertEquals(storeOf(box.root), before);
  assertEquals(tty.settings(), settings);
  // The cursor is in a line of its own, below all others, and is to be seen.
  assertMatch(tty.screen, new RegExp(`(${ESCAPE}\\d+B|\n)(\\^C)?$`));
  assert(!tty.screen.includes("\x1b[?25l"));
  assert(!/mydocker|ended/.test(tty.screen.split("\n").slice(2).join()), tty.screen);
}

test("pull: Ctrl-C and SIGTERM end it at once, and nothing is left", async (box) => {
  await interrupted(box, (host) => ["pull", `${host}/app`], "\x03");
  await interrupted(box, (host) => ["pull", `${host}/app`], "SIGTERM");
});

test("run: Ctrl-C while the image is pulled", async (box) => {
  await interrupted(box, (host) => ["run", "--rm", `${host}/app`, "true"], "\x03");
  assertEquals(await box.ok`ps -aq`, "");
});

test("load: a line for each layer, on wide and narrow terminals", async (box) => {
  const layers = [1, 2, 3].map((n) => tar([{ name: `f${n}`, data: noise(100_000, n) }]));
  const archive = box.path("a.tar", tar(await dockerArchive(layers, ["a:1"])));
  for (const columns of [120, 60, 30]) {
    await using tty = terminal(box, ["load", "-i", archive], { columns });
    assertEquals((await tty.end()).code, 0);
    const lines = shown(tty.screen, columns);
    assertEquals(lines.length, 4, lines.join("\n"));
    const bar = columns > 110 ? `[${"=".repeat(50)}>] ` : "";
    const wanted = columns < 48 ? ": 100% Loading la" : `: Loading layer ${bar} 101.9kB/101.9kB`;
    for (const line of lines.slice(0, 3)) assertEquals(line.slice(12), wanted);
    assertEquals(lines[3], "Loaded image: a:1");
    await box.ok`rmi a:1`;
  }
  assertEquals(await box.ok`load -i ${archive}`, "Loaded image: a:1");
});

test("save: a line for each layer on a terminal, and none in a pipe", async (box) => {
  const layers = [1, 2].map((n) => tar([{ name: `f${n}`, data: noise(100_000, n) }]));
  await box.ok`load -i ${box.path("a.tar", tar(await dockerArchive(layers, ["a:1"])))}`;
  await using tty = terminal(box, ["save", "-o", box.path("b.tar"), "a:1"], { columns: 80 });
  assertEquals((await tty.end()).code, 0);
  const lines = shown(tty.screen, 80);
  assertEquals(lines.map((line) => line.slice(12)), Array(2).fill(": Saving layer  101.9kB/101.9kB"));
  const { stderr } = await box.$`save -o ${box.path("c.tar")} a:1`;
  assertEquals(stderr, "");
  assertEquals(Deno.readFileSync(box.path("c.tar")), Deno.readFileSync(box.path("b.tar")));
});
