// How wide text is that is not ASCII: as docker counts in a pipe, as it is seen on a terminal.

import { assertEquals } from "@std/assert";
import { terminal } from "../world/pty.ts";
import { type Box, test } from "../world/world.ts";

async function create(box: Box, name: string, ...argv: string[]): Promise<void> {
  await box.ok`create --name ${name} busybox ${argv}`;
}

test("ps: wide characters are cut and lined up as docker does it", async (box) => {
  await create(box, "a1", "sh", "-c", "日本語日本語日本語日本語日本語");
  await create(box, "a2", "echo", "👍".repeat(14));
  await create(box, "a3", "echo", "é".repeat(26));
  await create(box, "a4", "echo", "ｆｕｌｌｗｉｄｔｈ");
  await create(box, "a5", "echo", "한국어 a");
  await create(box, "a6", "sh", "-c", "aaaaaaaaaaaaa日本語");
  // What docker 20.10 with the client of 28 printed.
  const docker = `COMMAND                  x
"sh -c aaaaaaaaaaaaa…"   x
"echo '한국어 a'"        x
"echo ｆｕｌｌｗｉｄ…"   x
"echo éééééééééééééé…"   x
"echo 👍👍👍👍👍👍👍…"   x
"sh -c 日本語日本語…"    x`;
  assertEquals(await box.ok`ps -a --format 'table {{.Command}}\tx'`, docker);
});

test("ps: the column after wide, combining and joined characters is straight on a terminal", async (box) => {
  // Each with the cells it takes on a terminal.
  const texts: [string, number][] = [
    ["日本語", 6],
    ["한국", 4],
    ["ｆｕ", 4],
    ["e\u0301e\u0301", 2],
    ["👍👍", 4],
    ["👨\u200d👩\u200d👧", 2],
    ["plain", 5],
  ];
  for (const [text] of texts) await box.ok`create --label x=${text} busybox true`;
  await using tty = terminal(box, ["ps", "-a", "--format", "table {{.Labels}}\\t|"]);
  assertEquals((await tty.end()).code, 0);
  const rows = tty.screen.split("\r\n").slice(1, -1).reverse();
  assertEquals(rows, texts.map(([text, cells]) => `x=${text}${" ".repeat(6 - cells)}   |`));
});

test("history and volume ls: columns are straight, whatever stands in them", async (box) => {
  await box.ok`volume create --label x=日本 v1`;
  await box.ok`volume create --label x=abcdefghijklmnop v2`;
  // docker's bytes.
  assertEquals(
    await box.ok`volume ls --format 'table {{.Labels}}\t{{.Name}}'`,
    "LABELS               VOLUME NAME\nx=日本               v1\nx=abcdefghijklmnop   v2",
  );
  await box.ok`create --name made busybox true`;
  await box.ok`commit -m 日本 made made`;
  assertEquals(
    await box.ok`history --format 'table {{.Comment}}\t|' made`,
    `COMMENT           |\n日本${" ".repeat(14)}|\nImported from -   |`,
  );
});
