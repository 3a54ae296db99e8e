// A record that is replaced is the old one or the new one, also after a power cut: what is written has
// reached the disk before it gets its name.

import { assertEquals } from "@std/assert";
import { BIN, type Box, requires, test } from "../world/world.ts";

const strace = await requires("strace");

/** What a command does to JSON files of the root directory, in order: "sync FILE", "rename FILE". */
async function stepsOf(box: Box, ...args: string[]): Promise<string[]> {
  const log = box.path("strace");
  const calls = "trace=fsync,fdatasync,rename,renameat,renameat2";
  const { code, stderr } = await box.exec`strace -f -y -o ${log} -e ${calls} ${BIN} ${args}`;
  assertEquals([code, stderr], [0, ""]);
  return Deno.readTextFileSync(log).split("\n").flatMap((line) => {
    const synced = /\b(?:fsync|fdatasync)\(\d+<.*\/([^/>]+\.json[^/>]*)>\)/.exec(line)?.[1];
    const renamed = /\brename\w*\(.*?"(?:[^"]*\/)?([^"/]+\.json[^"/]*)"/.exec(line)?.[1];
    return synced ? [`sync ${synced}`] : renamed ? [`rename ${renamed}`] : [];
  });
}

test("what is replaced or made for good is on the disk before it has its name", async (box) => {
  await box.ok`create --name one busybox true`;
  await box.ok`network ls`;
  const commands: [file: string, ...args: string[]][] = [
    ["config.json", "rename", "one", "two"],
    ["config.json", "update", "--restart", "always", "two"],
    ["volume.json", "volume", "create", "kept"],
    ["network.json", "network", "create", "net"],
  ];
  for (const [file, ...args] of commands) {
    assertEquals(await stepsOf(box, ...args), [`sync ${file}.new`, `rename ${file}.new`], args.join(" "));
  }
  const digest = /^sync [0-9a-f]{64}\.json(\.new)?$/;
  const committed = await stepsOf(box, "commit", "two", "image");
  assertEquals(digest.test(committed[0]), true, committed.join(", "));
  await box.ok`network rm net`;
}, strace);
