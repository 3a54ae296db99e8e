// What is still written when a command has ended, by processes it left behind.

import { assert, assertEquals } from "@std/assert";
import { type Box, test, until } from "../world/world.ts";
import { processesOf } from "../world/leaks.ts";

/** Docker's, in milliseconds. */
const PATIENCE = 2000;

/** For a shell: until the one whose pid $$ is has ended, and its parent knows. */
const AFTER_END = "while kill -0 $$ 2>/dev/null; do :; done";

const start = (box: Box, ...flags: string[]) =>
  box.ok`run -d --name main --network none ${flags} busybox sleep 1000`;

const helpers = (box: Box) => processesOf(box.dir).filter(({ command }) => command.includes("exec in main"));

const content = async (box: Box, path: string) => {
  const { code, stdout } = await box.$`exec main cat ${path}`;
  return code === 0 && stdout.endsWith("\n") ? stdout : undefined;
};

test("late output: exec passes on what a child writes after the command's end", async (box) => {
  await start(box);
  for (const flags of [[], ["-i"]]) {
    const script = `(${AFTER_END}; echo late; echo late-error >&2) & echo early; exit 3`;
    const { code, stdout, stderr } = await box.$`exec ${flags} main sh -c ${script}`;
    assertEquals([code, stdout, stderr], [3, "early\nlate\n", "late-error\n"]);
  }
  assertEquals(helpers(box), []);
  await box.ok`rm -f main`;
});

test("late output: a pipeline that the command feeds is read to its end", async (box) => {
  await start(box);
  // As bash's `exec > >(cat)`: the command's own output goes through a child that outlives it.
  const script = "mkfifo /tmp/p$$; cat </tmp/p$$ & exec >/tmp/p$$; for i in 1 2 3; do echo $i; done";
  for (let round = 0; round < 20; round++) {
    assertEquals(await box.ok`exec main sh -c ${script}`, "1\n2\n3", `round ${round}`);
  }
  await box.ok`rm -f main`;
});

test("late output: exec waits two seconds for it, and who writes later goes on", async (box) => {
  await start(box);
  const later = (name: string) =>
    `(until [ -e /go ]; do sleep 0.05; done; echo late; echo $? >/${name}; sleep 1000) &`;
  const before = performance.now();
  assertEquals(await box.ok`exec main sh -c '${later("waited")} echo early'`, "early");
  assert(performance.now() - before >= PATIENCE);
  await box.ok`exec -d main sh -c ${later("detached")}`;
  await box.ok`exec main touch /go`;
  for (const name of ["/waited", "/detached"]) {
    assertEquals(await until(`${name} is written`, () => content(box, name)), "0\n", name);
  }
  // Those who have the output are there, and so are the helpers; with the container both end.
  assertEquals(helpers(box).length, 2);
  await box.ok`rm -f main`;
});

test("late output: the helper goes with the last who has the output", async (box) => {
  await start(box);
  await box.ok`exec main sh -c '(until [ -e /go ]; do sleep 0.05; done) & echo early'`;
  assertEquals(helpers(box).length, 1);
  await box.ok`exec main touch /go`;
  await until("the helper has ended", () => helpers(box).length === 0);
  await box.ok`rm -f main`;
});

test("late output: endless output of a child does not keep exec", async (box) => {
  await start(box);
  const { code, stdout } = await box.$`exec main sh -c 'yes & echo early; exit 4'`;
  assertEquals([code, stdout.includes("y\n")], [4, true]);
  await until("the helper drops it", () => helpers(box).length === 1);
  await box.ok`rm -f main`;
});

test("late output: nothing of what the command wrote is lost on a slow reader, whoever else has its output", async (box) => {
  await start(box);
  const script = `"$1" exec main sh -c 'sleep 1000 & seq 1 30000' | { sleep ${
    PATIENCE / 1000 + 1
  }; tail -n 1; }`;
  const { BIN } = await import("../world/world.ts");
  assertEquals((await box.exec`sh -c ${script} sh ${BIN}`).stdout, "30000\n");
  await box.ok`rm -f main`;
});

test("late output: a terminal's output ends with the command, and who has it open goes on", async (box) => {
  await start(box);
  const script =
    "trap '' HUP; (until [ -e /go ]; do sleep 0.05; done; echo late; echo $? >/code) & echo early";
  assertEquals(await box.ok`exec -t main sh -c ${script}`, "early\r");
  await box.ok`exec main touch /go`;
  assertEquals(await until("it is written", () => content(box, "/code")), "0\n");
  await until("the helper has ended", () => helpers(box).length === 0);
  await box.ok`rm -f main`;
});

test("late output: a container's end ends its processes, and what they wrote is shown", async (box) => {
  const script =
    "(yes | head -n 20000; echo last >/ready; sleep 1000) & until [ -e /ready ]; do sleep 0.05; done";
  for (const flags of [[], ["--pid", "host"], ["--init"], ["-t"]]) {
    const args = ["run", "--rm", "--network", "none", ...flags, "busybox", "sh", "-c", script];
    const { code, stdout } = await box.$(args);
    assertEquals([code, stdout.replaceAll("\r", "").length], [0, 40000], flags.join(" "));
  }
  await box.ok`create --name again --network none busybox sh -c ${script}`;
  assertEquals((await box.ok`start -a again`).length, 39999);
});
