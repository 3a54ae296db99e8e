import { assertEquals, assertMatch } from "@std/assert";
import { type Box, test, until } from "../world/world.ts";

const LONG = "head -c 2000 /dev/zero >/b; echo a very long command line that is cut";

/** busybox, one:1 made from it, and one:2 from that; their IDs. */
async function makeImages(box: Box): Promise<string[]> {
  await box.ok`run --name first busybox sh -c 'echo a >/a'`;
  const one = await box.ok`commit -m 'the first' -c 'CMD ["sh"]' first one:1`;
  await box.ok`run --name second one:1 sh -c ${LONG}`;
  const two = await box.ok`commit second one:2`;
  await box.ok`rm first second`;
  const base = (await box.inspect("busybox")).Id;
  return [two, one, base];
}

test("history: the last step first, with what each layer takes", async (box) => {
  const ids = await makeImages(box);
  const short = ids.map((id) => id.slice(7, 19));
  const lines = (await box.ok`history one:2`).split("\n");
  assertMatch(lines[0], /^IMAGE {10}CREATED {3,}CREATED BY {38}SIZE {6}COMMENT$/);
  assertEquals(lines.length, 4);
  assertMatch(
    lines[1],
    new RegExp(`^${short[0]}   .* ago +sh -c head -c 2000 /dev/zero >/b; echo a ver…   2kB +$`),
  );
  assertMatch(lines[2], new RegExp(`^${short[1]}   .* ago +sh -c echo a >/a +2B +the first$`));
  assertMatch(lines[3], new RegExp(`^${short[2]}   .* MB +Imported from `.replace(" MB", "MB")));
  assertEquals(await box.ok`history -q one:2`, short.join("\n"));
  assertEquals(await box.ok`image history -q --no-trunc one:2`, ids.join("\n"));
  const whole = await box.ok`history --no-trunc --format '{{.ID}} {{.CreatedBy}}' one:2`;
  assertEquals(whole.split("\n")[0], `${ids[0]} sh -c ${LONG}`);
  const plain = await box.ok`history -H=false --format '{{.Size}} {{.Comment}}' one:2`;
  assertEquals(plain.split("\n").slice(0, 2), ["2000 ", "2 the first"]);
  assertMatch(
    await box.ok`history --human=false one:2`,
    /^IMAGE +CREATED AT +.*\n\w+ +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/,
  );
  const json = JSON.parse((await box.ok`history --format json one:2`).split("\n")[1]);
  assertEquals(Object.keys(json), ["Comment", "CreatedAt", "CreatedBy", "CreatedSince", "ID", "Size"]);
});

test("history: steps whose images are gone are <missing>, those without a layer take nothing", async (box) => {
  const [two] = await makeImages(box);
  await box.ok`run --name third one:2 true`;
  await box.ok`commit -c 'LABEL a=b' third three`;
  await box.ok`rm third`;
  const rows = await box.ok`history --format '{{.ID}} {{.Size}}' three`;
  assertMatch(rows, new RegExp(`^\\w{12} 0B\n${two.slice(7, 19)} 2kB\n`));
  const missing = await box.$`history nosuch`;
  assertEquals([missing.code, missing.stderr], [1, "mydocker: No such image: nosuch:latest\n"]);
});

/** Tags an image that is `name` with `change` made to its configuration, as if it came from elsewhere. */
async function tagChanged(box: Box, name: string, change: Record<string, unknown>): Promise<void> {
  const hex = (await box.inspect(name)).Id.slice(7);
  const image = JSON.parse(Deno.readTextFileSync(`${box.root}/images/${hex}.json`));
  const bytes = new TextEncoder().encode(JSON.stringify({ ...image, config: change }));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  Deno.writeFileSync(`${box.root}/images/${digest}.json`, bytes);
  Deno.symlinkSync(digest, `${box.root}/tags/changed:latest`);
}

test("run honours and keeps all of an image's configuration", async (box) => {
  const change = {
    User: "5:6",
    ExposedPorts: { "53/udp": {}, "80/tcp": {} },
    Env: ["PATH=/bin", "A=b"],
    Entrypoint: ["sh", "-c"],
    Cmd: ["pwd; id -u; id -g; echo $A; trap 'echo got it; exit 7' USR1; sleep 1000 & wait"],
    Healthcheck: { Test: ["CMD", "true"], Interval: 5000000000, Retries: 3 },
    Volumes: { "/data": {} },
    WorkingDir: "/work/here",
    Labels: { x: "y" },
    StopSignal: "SIGUSR1",
    OnBuild: ["RUN true"],
    Shell: ["/bin/sh", "-ec"],
  };
  await tagChanged(box, "busybox", change);
  await box.ok`run -d --name one changed`;
  const { Config, Mounts } = await box.inspect("one");
  for (const [key, value] of Object.entries(change)) assertEquals(Config[key], value, key);
  assertEquals(Mounts.map(({ Type, Destination }: Record<string, string>) => [Type, Destination]), [[
    "volume",
    "/data",
  ]]);
  await until("it has said who it is", async () => (await box.ok`logs one`).endsWith("b"));
  await box.ok`stop one`;
  assertEquals(await box.ok`logs one`, "/work/here\n5\n6\nb\ngot it");
  assertEquals((await box.inspect("one")).State.ExitCode, 7);
  await box.ok`commit one again`;
  const { Config: again } = JSON.parse(await box.ok`image inspect again`)[0];
  for (const [key, value] of Object.entries(change)) assertEquals(again[key], value, key);
  await box.ok`rm -v one`;
});

test("commit of a running container pauses it meanwhile, unless told not to", async (box) => {
  await box.ok`run -d --name one busybox sh -c 'echo a >/a; exec sleep 1000'`;
  await until("it has written", async () => (await box.ok`diff one`).includes("/a"));
  await box.ok`commit one paused`;
  await box.ok`commit -p=false one unpaused`;
  assertEquals((await box.inspect("one")).State.Status, "running");
  for (const image of ["paused", "unpaused"]) {
    assertEquals(await box.ok`run --rm ${image} cat /a`, "a");
  }
  const actions = await box.ok`events --since 1h --until 0s --filter container=one`;
  const seen = [...actions.matchAll(/container (pause|unpause|commit)\b/g)].map(([, action]) => action);
  assertEquals(seen, ["pause", "unpause", "commit", "commit"]);
  await box.ok`pause one`;
  await box.ok`commit one still`;
  assertEquals((await box.inspect("one")).State.Status, "paused");
  await box.ok`rm -f one`;
});
