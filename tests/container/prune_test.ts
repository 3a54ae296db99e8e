// container prune: what does not run goes, if that is what the user wants.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Box, test, words } from "../world/world.ts";

const names = async (box: Box) => (await box.ok`ps -a --format {{.Names}}`).split("\n");
const NOTHING = "Total reclaimed space: 0B";

test("container prune: what has ended or never began; what runs stays", async (box) => {
  await box.ok`run --name ended -v /anonymous busybox sh -c 'echo 12345 >/file'`;
  await box.$`run --name never busybox nosuch`;
  await using running = box.spawn`run --name runs busybox sleep 1000`;
  await box.pidOf("runs");
  const [ended, never] = [(await box.inspect("ended")).Id, (await box.inspect("never")).Id];
  assertEquals(
    await box.ok`container prune -f`,
    `Deleted Containers:\n${never}\n${ended}\n\nTotal reclaimed space: 6B`,
  );
  assertEquals(await names(box), ["runs"]);
  assertEquals((await box.ok`volume ls -q`).length, 64);
  assertEquals(await box.ok`container prune -f`, NOTHING);
  await box.ok`rm -f runs`;
  await running.end();
});

test("container prune: asks first, and takes nothing for a no", async (box) => {
  await box.ok`run --name ended busybox true`;
  const question =
    "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ";
  for (const stdin of ["n\n", "N\n", "", "yes\n"]) {
    assertEquals(await box.ok(words`container prune`, { stdin }), question + NOTHING);
  }
  assertEquals(await names(box), ["ended"]);
  const id = (await box.inspect("ended")).Id;
  assertEquals(
    await box.ok(words`container prune`, { stdin: "y\n" }),
    `${question}Deleted Containers:\n${id}\n\n${NOTHING}`,
  );
});

test("container prune: filters", async (box) => {
  for (const [name, ...labels] of [["plain"], ["kv", "k=v"], ["kw", "k=w"]]) {
    await box.ok`run --name ${name} ${labels.flatMap((label) => ["-l", label])} busybox true`;
  }
  const prune = (...filters: string[]) =>
    box.$`container prune -f ${filters.flatMap((filter) => ["--filter", filter])}`;
  for (const filters of [["until=10h"], ["label=other"], ["label=k", "label!=k=v", "until=1h"]]) {
    assertEquals((await prune(...filters)).stdout, `${NOTHING}\n`);
  }
  assertEquals((await prune("label=k=w", "until=0s")).code, 0);
  assertEquals(await names(box), ["kv", "plain"]);
  assertEquals((await prune("label!=k")).code, 0);
  assertEquals(await names(box), ["kv"]);
  const refusals: [string[], number, string][] = [
    [["until=foo"], 1, 'failed to parse value as time or duration: "foo"'],
    [["until=1h", "until=2h"], 1, "more than one until filter specified"],
    [["name=kv"], 1, "Invalid filter 'name'"],
    [["x"], 125, 'invalid argument "x" for "--filter" flag: bad format of filter (expected name=value)'],
  ];
  for (const [filters, code, wanted] of refusals) {
    const result = await prune(...filters);
    assertEquals([result.code, result.stdout], [code, ""]);
    assertStringIncludes(result.stderr, wanted);
  }
  assertEquals(await names(box), ["kv"]);
});
