// A reader of mydocker's output that goes away.

import { assert, assertEquals } from "@std/assert";
import { BIN, type Box, test } from "../world/world.ts";

/** The first line of what a container writes, with nobody reading the rest; and mydocker's exit code. */
async function firstLine(box: Box, script: string): Promise<{ line: string; code: number }> {
  const command =
    `"$0" run --rm busybox sh -c "$1" 2>"$2" | { head -n 1; exec <&-; }; echo "code \${PIPESTATUS[0]}"`;
  const errors = `${box.root}.errors`;
  try {
    const child = new Deno.Command("bash", {
      args: ["-c", command, BIN, script, errors],
      env: { MYDOCKER_ROOT: box.root },
      stdin: "null",
    });
    const [line, code] = new TextDecoder().decode((await child.output()).stdout).trim().split("\ncode ");
    return { line, code: Number(code) };
  } finally {
    await Deno.remove(errors);
  }
}

test("run: a first process that would write for ever ends as under sh when its reader goes away", async (box) => {
  assertEquals(await firstLine(box, "while :; do echo line; done"), { line: "line", code: 141 });
});

test("run: a child that would write for ever ends as under sh, and its shell goes on", async (box) => {
  assertEquals(await firstLine(box, "yes line; touch /after; sleep 0.1"), { line: "line", code: 141 });
});

test("run: a first process that catches SIGPIPE is told of it and not killed", async (box) => {
  const script = "trap 'exit 7' PIPE; while :; do echo line; done 2>/dev/null";
  await box.ok`volume create notes`;
  await firstLine(box, script);
  assertEquals(await box.ok`ps -aq`, "");
});

test("run: the program that starts containers can't be run in one", async (box) => {
  const { code } = await box.$`run --rm busybox /proc/self/exe --version`;
  assertEquals(code, 126);
});

test("run: output goes on, whole, when the log is full and begins anew", async (box) => {
  // The log's two files hold 64 MB each: this fills the first, and part of the second.
  const { code, out } = await box.$`run --name c1 busybox head -c 70000000 /dev/zero`;
  assertEquals([code, out.length, out.every((byte) => byte === 0)], [0, 70000000, true]);
  assertEquals((await box.$`logs c1`).out.length, 70000000);
});

test("pipes: what is more than fits into one gets through, even where stdout does not block", async (box) => {
  await box.ok`run --name main busybox sh -c 'head -c 1000000 /dev/zero'`;
  // GNU's dd sets the flag on the pipe itself, for all who have it.
  const slowly = '{ dd oflag=nonblock count=0 status=none </dev/null; "$0" "$@"; } | { sleep 0.5; wc -c; }';
  const count = async (...args: string[]) => {
    const { stdout, stderr } = await box.exec`sh -c ${slowly} ${BIN} ${args}`;
    assertEquals(stderr, "");
    return Number(stdout);
  };
  for (const command of ["logs", "start -a"]) {
    assertEquals(await count(...command.split(" "), "main"), 1_000_000, command);
  }
  assert(await count("export", "main") > 1_000_000);
});
