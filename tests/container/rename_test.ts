// rename: one name is exchanged for another, whoever else is at it and whenever it is killed.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertUsable, assertWhole, crashEverywhere } from "../world/crash.ts";
import { type Box, requires, test, until } from "../world/world.ts";

const names = (box: Box) => box.ok`ps -a --format {{.Names}}`;
const idOf = (box: Box, name: string) => box.ok`inspect -f {{.Id}} ${name}`;

test("rename: a running container, by name and by ID; the old name is free at once", async (box) => {
  await using running = box.spawn`run --name old busybox sleep 1000`;
  await box.pidOf("old");
  const id = await idOf(box, "old");
  assertEquals(await box.ok`rename old new`, "");
  assertEquals([await idOf(box, "new"), await idOf(box, "/new")], [id, id]);
  assertEquals(await box.ok`inspect -f '{{.Name}} {{.State.Status}}' ${id}`, "/new running");
  assertEquals((await box.$`logs old`).code, 1);
  const format = "{{.Actor.Attributes.oldName}} {{.Actor.Attributes.name}}";
  const events = ["events", "--since", "1h", "--until", "0s", "--filter", "event=rename", "--format", format];
  assertEquals(await box.ok(events), "/old new");
  await box.ok`run --name old busybox true`;
  await box.ok`container rename ${id.slice(0, 12)} /third`;
  assertEquals(await names(box), "old\nthird");
  await box.ok`rm -f third`;
  await running.end();
});

test("rename: a container whose --rm comes after", async (box) => {
  await using running = box.spawn`run -i --rm --name brief busybox cat`;
  await box.pidOf("brief");
  await box.ok`rename brief short`;
  await running.send("", true);
  assertEquals((await running.end()).code, 0);
  assertEquals(await names(box), "");
});

test("rename: each event has the name the container had then, also those its keeper and exec's helper know from before", async (box) => {
  // A label of that name is no match for it, and comes first.
  const script = "trap '' TERM; echo up; while :; do sleep 0.05; done";
  await box.ok`run -d --name first -l name=label busybox sh -c ${script}`;
  const id = await idOf(box, "first");
  await using command = box.spawn`exec -i first sh -c 'echo in; read line'`;
  await command.expect("in");
  await box.ok`rename first the-second-name`;
  await command.send("\n", true);
  assertEquals((await command.end()).code, 0);
  await using stop = box.spawn`stop -t 60 the-second-name`;
  const seen = async () => (await eventsOf(box, id)).includes("kill the-second-name");
  await until("stop has sent its signal", seen);
  await box.ok`rename ${id} 3rd`;
  await box.ok`kill 3rd`;
  await stop.end();
  await box.ok`start ${id}`;
  await box.ok`kill ${id}`;
  await box.ok`rename ${id} 4th`;
  await box.ok`start ${id}`;
  await box.ok`rename ${id} 5th`;
  await box.ok`rm -f ${id}`;
  const events = await eventsOf(box, id);
  assertEquals(events.filter((event) => /^exec_die|^exec_start/.test(event)), [
    "exec_start: sh -c echo in; read line first",
    "exec_die the-second-name",
  ]);
  const life = events.filter((event) => /^(start|rename|kill|die|stop|destroy)/.test(event));
  assertEquals(life.filter((event) => !event.startsWith("stop")), [
    "start first",
    "rename the-second-name",
    "kill the-second-name",
    "rename 3rd",
    "kill 3rd",
    "die 3rd",
    ...["start 3rd", "kill 3rd", "die 3rd", "rename 4th", "start 4th", "rename 5th", "kill 5th", "die 5th"],
    "destroy 5th",
  ]);
  // Its stop ends when the other's kill has ended the container.
  assertEquals(life.filter((event) => event.startsWith("stop")), ["stop 3rd"]);
});

/** Actions and names, as they were written: a line that can't be parsed would be reported on stderr. */
async function eventsOf(box: Box, id: string): Promise<string[]> {
  const format = "{{.Action}} {{.Actor.Attributes.name}}";
  const args = ["events", "--since", "1h", "--until", "0s", "--filter", `container=${id}`];
  const { stdout, stderr } = await box.$`${args} --format ${format}`;
  assertEquals(stderr, "");
  return stdout.split("\n").slice(0, -1);
}

test("rename: docker's refusals, after which all is as before", async (box) => {
  for (const name of ["one", "two"]) await box.ok`run --name ${name} busybox true`;
  const refusals: [string[], RegExp][] = [
    [
      ["one", "two"],
      /^mydocker: Error when allocating new name: Conflict\. The container name "\/two" is al/,
    ],
    [["one", "one"], /^mydocker: Renaming a container with the same name as its current name\n/],
    [["missing", "three"], /^mydocker: No such container: missing\n/],
    [["one", "bad name"], /^mydocker: Error when allocating new name: Invalid container name \(\/bad name\)/],
    [["one", "x"], /^mydocker: Error when allocating new name: Invalid container name \(\/x\)/],
    [["one", "a/b"], /^mydocker: Error when allocating new name: Invalid container name \(\/a\/b\)/],
    [["one", "n".repeat(300)], /^mydocker: Error when allocating new name: container name is too long/],
  ];
  for (const [args, wanted] of refusals) {
    const { code, stdout, stderr } = await box.$`rename ${args}`;
    assertEquals([code, stdout], [1, ""], args.join(" "));
    assertMatch(stderr, wanted);
    assert(stderr.endsWith(`mydocker: failed to rename container named ${args[0]}\n`), stderr);
  }
  for (const args of [["one", ""], ["", "one"]]) {
    const { code, stderr } = await box.$`rename ${args}`;
    assertEquals([code, stderr], [1, "mydocker: Neither old nor new names may be empty\n"]);
  }
  assertEquals(await names(box), "two\none");
});

test("rename: of eight at once each ends as it says, and one name is left", async (box) => {
  await box.ok`run --name start busybox true`;
  const id = await idOf(box, "start");
  const ended = await Promise.all(
    Array.from({ length: 8 }, (_, i) => box.$`rename ${id} name${i}`),
  );
  assertEquals(ended.map(({ code }) => code), Array(8).fill(0), ended.map(({ stderr }) => stderr).join(""));
  const name = await names(box);
  assertMatch(name, /^name\d$/);
  assertEquals([...Deno.readDirSync(`${box.root}/names`)].map((entry) => entry.name).sort(), [".lock", name]);
  assertEquals(await idOf(box, name), id);
});

test("rename: against rm of the same container, none of its names stays", async (box) => {
  for (let round = 0; round < 8; round++) {
    await box.ok`run --name start busybox true`;
    const id = await idOf(box, "start");
    await Promise.all([
      box.$`rename ${id} other`,
      box.$`rm ${id}`,
      box.$`rename ${id} third`,
    ]);
    assertEquals([...Deno.readDirSync(`${box.root}/names`)].map((entry) => entry.name), [".lock"]);
  }
});

test("rename: killed between its steps, a name leads to the container that has it, and soon no other", async (box) => {
  await box.ok`run --name mine busybox true`;
  const id = await idOf(box, "mine");
  // Where a rename is killed that has claimed the new name, or not yet given the old one up.
  Deno.symlinkSync(id, `${box.root}/names/left`);
  Deno.mkdirSync(`${box.root}/tmp/rename-killed`);
  assertEquals(await idOf(box, "mine"), id);
  assertMatch((await box.$`inspect left`).stderr, /No such object: left/);
  await box.ok`run --name left busybox true`;
  assert(await idOf(box, "left") !== id);
  assertEquals(await names(box), "left\nmine");
});

test("rename: a name that a killed rename left to the same container can be taken", async (box) => {
  await box.ok`run --name mine busybox true`;
  Deno.symlinkSync(await idOf(box, "mine"), `${box.root}/names/left`);
  await box.ok`rename mine left`;
  assertEquals(await names(box), "left");
});

test("rename: kill -9 at each step leaves it the one name or the other", async (box) => {
  await crashEverywhere(
    box,
    () => ["rename", "before", "after"],
    async (at) => {
      await assertUsable(box, at);
      const name = await names(box);
      assertMatch(name, /^(before|after)$/);
      assertEquals(await box.ok`inspect -f {{.Name}} ${name}`, `/${name}`);
      const other = name === "before" ? "after" : "before";
      assertEquals((await box.$`inspect ${other}`).code, 1);
      assertEquals(await box.ok`run --rm --name ${other} busybox echo free`, "free");
      await assertWhole(box, at);
    },
    async () => {
      await box.ok`rm -f before after`;
      await box.ok`run --name before busybox true`;
    },
  );
}, { ...await requires("strace"), seconds: 120 });
