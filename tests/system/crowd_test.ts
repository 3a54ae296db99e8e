// Many containers at once, and much output.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, test, until, words } from "../world/world.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

/** The lines a command wrote. */
const lines = (text: string) => text.split("\n").filter((line) => line !== "");

/** Runs a script that has mydocker in $1; answers with its stdout. */
async function shell(box: Box, script: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await box.exec(words`sh -c ${script} sh ${BIN} ${args}`, { timeout: 90 });
  assertEquals([code, stderr], [0, ""]);
  return stdout;
}

test("200 × run -d from a shell loop: all are there, under names of their own, and all go", async (box) => {
  const script = 'for i in $(seq 200); do "$1" run -d busybox sleep 1000 & done; wait';
  const ids = lines(await shell(box, script)).sort();
  assertEquals([ids.length, new Set(ids).size], [200, 200]);
  for (const id of ids) assertMatch(id, /^[0-9a-f]{64}$/);
  const shown = lines(await box.ok`ps --no-trunc --format '{{.ID}} {{.Names}} {{.State}}'`);
  const [shownIds, names, states] = [0, 1, 2].map((column) => shown.map((row) => row.split(" ")[column]));
  assertEquals(shownIds.sort(), ids);
  assertEquals(new Set(names).size, 200);
  assertEquals(new Set(states), new Set(["running"]));
  assertEquals(lines(await box.ok`rm -f ${ids}`), ids);
  assertEquals(await box.ok`ps -aq`, "");
}, { seconds: 90 });

test("30 restarts at once: of as many containers, each with a process of its own again", async (box) => {
  const names = numbers(30).map((i) => `c${i}`);
  const start = 'for i in $(seq 0 29); do "$1" run -d --name "c$i" busybox sleep 1000 >"c$i" & done; wait';
  await shell(box, start);
  const pids = async () => {
    const shown = JSON.parse(await box.ok`inspect ${names}`);
    return shown.map(({ State }: { State: { Pid: number } }) => State.Pid);
  };
  const before = await pids();
  const restart = 'for i in $(seq 0 29); do "$1" restart -t 0 "c$i" & done; wait';
  assertEquals(lines(await shell(box, restart)).sort(), names.toSorted());
  const after: number[] = await pids();
  assertEquals(new Set([...before, ...after]).size, 60);
  for (const pid of after) assertEquals(Deno.readTextFileSync(`/proc/${pid}/cmdline`), "sleep\x001000\0");
  await box.ok`rm -f ${names}`;
}, { seconds: 60 });

test("30 restarts at once: of one container, which runs afterwards, once", async (box) => {
  const id = await box.ok`run -d --name main busybox sleep 1000`;
  const restart = 'for i in $(seq 30); do "$1" restart -t 0 main & done; wait';
  assertEquals(lines(await shell(box, restart)), numbers(30).map(() => "main"));
  const shown = await box.ok`ps --no-trunc --format '{{.ID}} {{.State}}'`;
  assertEquals(shown, `${id} running`);
  assertEquals((await box.ok`top main`).split("\n").length, 2);
  await box.ok`rm -f main`;
}, { seconds: 60 });

/** What a chatty container writes: 100 MB in which every byte's place matters. */
const LAST = 12_500_000;
const CHATTER = ["seq", "1", String(LAST)];

/** sha256sum of that, as the host makes it. */
async function expected(box: Box): Promise<string> {
  return (await box.exec`sh -c 'seq 1 ${LAST} | sha256sum'`).stdout;
}

test("100 MB of output: none of it is lost on its way to a pipe", async (box) => {
  const script = '"$1" run --rm busybox seq 1 "$2" | sha256sum';
  assertEquals(await shell(box, script, String(LAST)), await expected(box));
}, { seconds: 90 });

test("100 MB of output: none of it is lost for those who follow, nor in the log", async (box) => {
  await box.ok`run -d --name main --log-opt max-size=200m busybox ${CHATTER}`;
  const sum = await expected(box);
  assertEquals(await shell(box, '"$1" logs -f main | sha256sum'), sum);
  assertEquals(await shell(box, '"$1" logs main | sha256sum'), sum);
}, { seconds: 90 });

test("100 MB of output: the log stays within its bounds, and the keeper's memory as it was", async (box) => {
  const script = `until [ -e /go ]; do sleep 0.05; done; ${CHATTER.join(" ")}; touch /done; sleep 1000`;
  const limits = ["--log-opt", "max-size=1m", "--log-opt", "max-file=3"];
  const id = await box.ok`run -d --name main ${limits} busybox sh -c ${script}`;
  const keeper = await keeperOf(box, "main");
  await box.ok`exec main touch /go`;
  const isDone = async () => (await box.$`exec main test -e /done`).code === 0;
  await until("all is written", isDone, 60);
  // The buffer, of 64 kB, and nothing else came; and it goes when there is nothing to read for a while.
  const { VmHWM } = memoryOf(keeper);
  assert(VmHWM <= 132, `${VmHWM} kB`);
  await until("the keeper is as small as ever", () => memoryOf(keeper).VmRSS <= 64);
  const files = [...Deno.readDirSync(`${box.root}/containers/${id}`)].map(({ name }) => name);
  const logs = files.filter((name) => /^log(\.|$)/.test(name)).sort();
  assertEquals(logs, ["log", "log.1", "log.2"]);
  // A header for each read of a pipe's page, at least; and the read that fills a file goes there as a whole.
  const bound = (1 << 20) * (1 + 32 / 4096) + (64 << 10);
  for (const name of logs) {
    const { size } = Deno.statSync(`${box.root}/containers/${id}/${name}`);
    assert(size <= bound, `${name}: ${size} bytes`);
  }
  assertEquals(await box.ok`logs --tail 1 main`, String(LAST));
  await box.ok`rm -f main`;
}, { seconds: 90 });

/** The parent of its first process. */
async function keeperOf(box: Box, name: string): Promise<number> {
  const stat = Deno.readTextFileSync(`/proc/${await box.pidOf(name)}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

/** Resident now and at most ever, in kB. */
function memoryOf(pid: number): Record<string, number> {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const value = (name: string) => Number(new RegExp(`${name}:\\s*(\\d+) kB`).exec(status)![1]);
  return { VmRSS: value("VmRSS"), VmHWM: value("VmHWM") };
}
