// Many commands at once on one root directory.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Result, test } from "../world/world.ts";
import { busyboxTar } from "../world/images.ts";

/** What the failing ones said. */
const said = (results: Result[]) => results.map(({ code, stderr }) => `${code}: ${stderr}`).join("\n");

const times = <T>(count: number, make: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, i) => make(i)));

test("run: twenty at once, each with its own name, output and exit code", async (box) => {
  const results = await times(
    20,
    (i) => box.$`run --name many${i} -v shared:/s busybox sh -c 'echo ${i} | tee /s/${i}; exit ${i}'`,
  );
  assertEquals(results.map(({ code }) => code), results.map((_, i) => i), said(results));
  assertEquals(results.map(({ stdout }) => stdout), results.map((_, i) => `${i}\n`), said(results));
  assertEquals(new Set((await box.ok`ps -aq`).split("\n")).size, 20);
  assertEquals(
    (await box.ok`run --rm -v shared:/s busybox ls /s`).split("\n").length,
    20,
  );
  await box.ok`rm ${results.map((_, i) => `many${i}`)}`;
});

test("run: of eight that want the same name exactly one gets it", async (box) => {
  const results = await times(8, () => box.$`run --name wanted busybox true`);
  assertEquals(results.map(({ code }) => code).sort(), [0, ...Array(7).fill(125)], said(results));
  for (const { code, stderr } of results) {
    if (code !== 0) assertMatch(stderr, /The container name "\/wanted" is already in use/);
  }
  assertEquals(await box.ok`ps -a --format {{.Names}}`, "wanted");
});

test("run --rm: the same name again and again, with others looking on", async (box) => {
  const done = times(6, async (i) => {
    for (let round = 0; round < 4; round++) {
      await box.ok`run --rm --name again${i} busybox true`;
    }
  });
  const looking = (async () => {
    for (let round = 0; round < 8; round++) {
      for (const args of [["ps", "-a"], ["images"], ["volume", "ls"], ["info"]]) {
        const { code, stderr } = await box.$(args);
        assertEquals([code, stderr], [0, ""], args.join(" "));
      }
    }
  })();
  await Promise.all([done, looking]);
  assertEquals(await box.ok`ps -aq`, "");
});

test("import: the same archive eight times at once", async (box) => {
  const archive = await busyboxTar();
  const ids = await times(8, (i) => box.ok`import ${archive} ${i % 2 ? "same" : `own${i}`}`);
  // Two that were made in the same moment are one.
  for (const id of ids) assertEquals(await box.ok`image inspect -f {{.Id}} ${id}`, id);
  for (const name of ["same", "own0", "own6"]) {
    assertEquals(await box.ok`run --rm ${name} echo hi`, "hi");
  }
  assertEquals(
    [...Deno.readDirSync(`${box.root}/layers`)].filter(({ name }) => !name.startsWith(".")).length,
    1,
  );
});

test("rmi and import of the same content at once: every image that is there works", async (box) => {
  const archive = await busyboxTar();
  await times(6, async (i) => {
    for (let round = 0; round < 3; round++) {
      await box.ok`import ${archive} image${i}`;
      assertEquals(await box.ok`run --rm image${i} echo hi`, "hi");
      await box.ok`rmi image${i}`;
    }
  });
  assertEquals(await box.ok`run --rm busybox echo hi`, "hi");
});

test("rm -f: several at once on the same container are content", async (box) => {
  await using running = box.spawn`run --name hunted busybox sleep 1000`;
  await box.pidOf("hunted");
  const results = await times(5, () => box.$`rm -f hunted`);
  assertEquals(
    results.map(({ code }) => code),
    [0, 0, 0, 0, 0],
    said(results),
  );
  assertEquals((await running.end()).code, 137);
});

test("run --rm and rm -f: both remove it, and neither complains", async (box) => {
  await times(5, async (i) => {
    await using running = box.spawn`run --rm --name both${i} busybox sleep 1000`;
    await box.pidOf(`both${i}`);
    await box.ok`rm -f both${i}`;
    const { code, stderr } = await running.end();
    assertEquals([code, stderr], [137, ""]);
  });
});

test("run -v NAME: a new volume filled by six at once is whole for each", async (box) => {
  const results = await times(
    6,
    () => box.$`run --rm -v fresh:/bin busybox sh -c 'ls /bin | wc -l'`,
  );
  const count = await box.ok`run --rm busybox sh -c 'ls /bin | wc -l'`;
  for (const { code, stdout, stderr } of results) assertEquals([code, stdout.trim(), stderr], [0, count, ""]);
});

test("commit: of one container, five times at once", async (box) => {
  await box.ok`run --name source busybox sh -c 'seq 1 1000 >/f'`;
  await times(5, (i) => box.ok`commit source copy${i}`);
  for (let i = 0; i < 5; i++) {
    assertEquals(await box.ok`run --rm copy${i} tail -n 1 /f`, "1000");
  }
  assert([...Deno.readDirSync(`${box.root}/layers`)].filter(({ name }) => !name.startsWith(".")).length <= 6);
});
