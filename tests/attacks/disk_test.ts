// What a container leaves on disk, for the commands that come after it.

import { assertEquals } from "@std/assert";
import { makeAttack } from "./attacker.ts";
import { BIN, type Box, test } from "../world/world.ts";
import { AT_FDCWD } from "../../ffi/file.ts";

/** An executable that makes a directory in a directory, and so on, `depth` of them. */
function makeDigger(path: string, depth: number): void {
  makeAttack(path, (p, call) => {
    const [left, again, end] = [p.cell(depth), p.label(), p.label()];
    const name = p.string("deep");
    p.place(again);
    call("mkdirat", [AT_FDCWD, name, 0o755]);
    call("chdir", [name]);
    p.subtract(left, 1, { store: left, zero: end });
    p.goto(again);
    p.place(end);
  });
}

/** mydocker with few descriptors, as there are for anybody whose directories are deep enough. */
async function withFew(box: Box, ...args: string[]): Promise<[code: number, stderr: string]> {
  const { code, stderr } = await box.exec`sh -c 'ulimit -n 640; exec "$0" "$@"' ${BIN} ${args}`;
  return [code, stderr];
}

test(
  "directories of any depth are removed with their container and volume, and stop no other",
  async (box) => {
    makeDigger(box.path("digger"), 1_000);
    const mounts = ["-v", `${box.dir}/digger:/digger:ro`, "-v", "deeper:/v"];
    await box.ok`run --name digging ${mounts} busybox sh -c '/digger && cd /v && /digger'`;
    assertEquals(await withFew(box, "ps", "-as"), [0, ""]);
    assertEquals(await withFew(box, "system", "df"), [0, ""]);
    assertEquals(await withFew(box, "rm", "digging"), [0, ""]);
    assertEquals(await withFew(box, "volume", "rm", "deeper"), [0, ""]);
    assertEquals(await withFew(box, "run", "--rm", ...mounts, "busybox", "/digger"), [0, ""]);
    assertEquals([...Deno.readDirSync(`${box.root}/tmp`)].filter(({ name }) => name !== ".lock"), []);
  },
  { seconds: 90 },
);
