import { assert, assertEquals } from "@std/assert";
import { assertUsable, assertWhole, crashEverywhere, swept } from "../world/crash.ts";
import { BIN, type Box, requires, test, words } from "../world/world.ts";
import { tar } from "../world/images.ts";

const needs = { ...await requires("strace"), seconds: 240 };

/** A small archive, different for each round, of which no layer is there yet. */
function archive(box: Box, round: number): string {
  const entries = [
    { name: "d/", type: "5", mode: 0o700, uid: 3 },
    { name: "d/file", data: `round ${round}\n`, uid: 5, mode: 0o4755 },
    { name: "d/hard", type: "1", link: "d/file" },
    { name: "d/soft", type: "2", link: "file", uid: 6 },
    { name: "d/fifo", type: "6" },
    { name: "e/f/g", data: "deep\n" },
  ];
  return box.path("crash.tar", tar(entries));
}

const images = async (box: Box) =>
  (await box.ok`images -a --format '{{.Repository}} {{.ID}}'`).split("\n").filter(Boolean);

test("import: kill -9 at each step leaves a whole image or none", async (box) => {
  const before = await images(box);
  await crashEverywhere(box, () => ["import", box.path("crash.tar"), "crash"], async (at, round) => {
    await assertUsable(box, at);
    await swept(box);
    const after = await images(box);
    assertEquals(after.filter((line) => before.includes(line)), before);
    assert(after.length <= before.length + 1, after.join(", "));
    for (const line of after.filter((line) => !before.includes(line))) {
      assertEquals(line.split(" ")[0], "crash");
      await box.$`run --name look ${line.split(" ")[1]} /none`;
      const { stdout } = await box.exec`sh -c '"$0" export look | tar xO d/file e/f/g' ${BIN}`;
      assertEquals(stdout, `round ${round}\ndeep\n`);
      await box.ok`rm look`;
      await box.ok`rmi ${line.split(" ")[1]}`;
    }
    await box.ok`import ${box.path("crash.tar")} crash`;
    await assertWhole(box, at);
    await box.ok`rmi crash`;
    await assertWhole(box, at);
  }, async (round) => {
    if (round === 0) await box.ok`rmi crash`;
    archive(box, round);
  });
}, needs);

test(
  "commit: kill -9 at each step leaves a whole image or none, and the container as it was",
  async (box) => {
    const script = "mkdir /d; echo text >/d/f; ln /d/f /d/h; ln -s f /d/l; rm -r /seed/sub; chown 5 /d/f";
    await box.ok`run --name source busybox sh -c ${script}`;
    const before = await images(box);
    await crashEverywhere(box, () => ["commit", "source", "crash"], async (at) => {
      await assertUsable(box, at);
      await swept(box);
      const after = await images(box);
      assertEquals(after.filter((line) => before.includes(line)), before);
      for (const line of after.filter((line) => !before.includes(line))) {
        assertEquals(line.split(" ")[0], "crash");
        const look = "cat /d/h /d/l; ls /seed; stat -c %u:%h /d/f";
        assertEquals(
          await box.ok`run --rm ${line.split(" ")[1]} sh -c ${look}`,
          "text\ntext\nfile\n5:2",
        );
        await box.ok`rmi ${line.split(" ")[1]}`;
      }
      await box.ok`commit source crash`;
      await assertWhole(box, at);
      await box.ok`rmi crash`;
      await assertWhole(box, at);
    }, async (round) => round === 0 && await box.ok`rmi crash`);
  },
  needs,
);

test("rmi: kill -9 at each step leaves the image or nothing of it", async (box) => {
  const before = await images(box);
  await crashEverywhere(box, () => ["rmi", "crash"], async (at) => {
    await assertUsable(box, at);
    const after = await images(box);
    assertEquals(after.filter((line) => before.includes(line)), before);
    for (const line of after.filter((line) => !before.includes(line))) {
      assertEquals((await box.$`run --rm ${line.split(" ")[1]} /none`).code, 127);
      await box.ok`rmi ${line.split(" ")[1]}`;
    }
    await box.ok(words`import - next`, { stdin: tar([{ name: "next" }]) });
    await assertWhole(box, at);
    await box.ok`rmi next`;
    assertEquals(await box.ok`run --rm busybox echo hi`, "hi");
    await assertWhole(box, at);
  }, (round) => box.ok`import ${archive(box, round)} crash`);
}, needs);
