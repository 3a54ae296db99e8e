import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { assertUsable, assertWhole, childKilledAt, crashEverywhere } from "../world/crash.ts";
import { type Box, requires, test, until } from "../world/world.ts";

const needs = { ...await requires("strace"), seconds: 240 };

/** Something that was reported done before, and must be there after every crash. */
async function settle(box: Box): Promise<() => Promise<void>> {
  await box.$`run --name settled -v settled:/v busybox sh -c 'echo said; echo kept >/v/f; exit 3'`;
  return async () => {
    assertEquals((await box.inspect("settled")).State.ExitCode, 3);
    assertEquals(await box.ok`logs settled`, "said");
    assertEquals(Deno.readTextFileSync(`${box.root}/volumes/settled/_data/f`), "kept\n");
  };
}

test("run: kill -9 at each step loses nothing, and the name can be had again", async (box) => {
  const settled = await settle(box);
  const args = ["run", "--name", "crash", "busybox", "echo", "done"];
  await crashEverywhere(box, () => args, async (at) => {
    await assertUsable(box, at);
    await settled();
    assertEquals((await box.$`rm -f crash`).code, 0);
    assertEquals(await box.ok`run --rm --name crash busybox echo again`, "again");
    await assertWhole(box, at);
  }, async (round) => round === 0 && await box.ok`rm crash`);
}, needs);

test("run: kill -9 while a volume is made and filled leaves it whole or absent", async (box) => {
  const script = "stat -c '%a %u:%g' /seed /seed/file; cat /seed/file /seed/sub/deep; ls /seed";
  const whole = await box.ok`run --rm busybox sh -c ${script}`;
  const name = (round: number) => `vol${round + 1}`;
  const args = (
    round: number,
  ) => ["run", "--rm", "-v", `${name(round)}:/seed`, "busybox", "sh", "-c", script];
  await crashEverywhere(box, args, async (at, round) => {
    await assertUsable(box, at);
    assertEquals(await box.ok(args(round)), whole);
    for (const id of (await box.ok`ps -aq`).split("\n").filter(Boolean)) {
      await box.ok`rm -f ${id}`;
    }
    await box.ok`volume rm ${name(round)}`;
    await assertWhole(box, at);
  });
}, needs);

test("rm: kill -9 at each step leaves the container or nothing", async (box) => {
  const settled = await settle(box);
  await crashEverywhere(
    box,
    () => ["rm", "victim"],
    async (at) => {
      await assertUsable(box, at);
      await settled();
      const { code, stdout } = await box.$`inspect -f {{.State.ExitCode}} victim`;
      if (code === 0) {
        assertEquals(stdout, "5\n");
        assertStringIncludes(await box.ok`logs victim`, "last words");
      }
      assertEquals((await box.$`rm -f victim`).code, 0);
      assertEquals(await box.ok`run --rm --name victim busybox echo again`, "again");
      await assertWhole(box, at);
    },
    () => box.$`run --name victim busybox sh -c 'mkdir -p /d/e; echo >/d/f; echo last words; exit 5'`,
  );
}, needs);

test("run: kill -9 of the keeper or of the first process at each step of the start", async (box) => {
  const settled = await settle(box);
  const steps = [
    ...[
      "pidfd_open",
      "clone",
      "pivot_root",
      "umount2",
      "sethostname",
      "socket",
      "keyctl",
      "setsid",
      "setgroups",
      "setuid",
    ],
    ...["capset", "umask", "symlinkat", "writev"],
  ].map((call) => ({ call, n: 1, shown: call }));
  for (const n of [1, 4, 9, 14]) steps.push({ call: "mount", n, shown: `mount ${n}` });
  let killed = 0;
  for (const step of steps) {
    const code = await childKilledAt(box, step, [
      "run",
      "--name",
      "crash",
      "busybox",
      "sh",
      "-c",
      "echo done; exit 6",
    ]);
    if (code !== 6) killed++;
    assert(code !== 0, step.shown);
    await assertUsable(box, step.shown);
    await settled();
    assertEquals((await box.$`rm -f crash`).code, 0, step.shown);
    assertEquals(await box.ok`run --rm --name crash busybox echo again`, "again");
    await assertWhole(box, step.shown);
  }
  assert(killed >= steps.length - 2, `only ${killed} of ${steps.length}`);
}, needs);

test("run --rm: when mydocker was killed, the container is removed at its end or by the next command", async (box) => {
  await using running = box.spawn`run --rm --name swept busybox
    sh -c 'while [ ! -e /tmp/go ]; do sleep 0.02; done'`;
  const pid = await box.pidOf("swept");
  running.kill("SIGKILL");
  await running.end();
  assertEquals(await box.ok`ps --format {{.Names}}`, "swept");
  Deno.writeTextFileSync(`/proc/${pid}/root/tmp/go`, "");
  await until("it is gone", async () => await box.ok`ps -aq` === "", 8);
});
