// wait: exit codes of containers, when they have ended.

import { assertEquals } from "@std/assert";
import { test, until } from "../world/world.ts";

const detached = ["run", "-d", "--name"];

/** Until the file `gate` is in its volume. */
const gated = (name: string, code: number, dir: string, ...flags: string[]) => [
  ...[...detached, name, "-v", `${dir}:/gate`, ...flags, "busybox", "sh", "-c"],
  `until [ -e /gate/open ]; do sleep 0.02; done; exit ${code}`,
];

test("wait ends with the containers, and prints their codes in the order of its arguments", async (box) => {
  Deno.mkdirSync(box.path("gate"));
  await box.ok(gated("c1", 3, box.path("gate")));
  await box.ok`${detached} c2 busybox sh -c 'exit 4'`;
  await using waiting = box.spawn`wait c1 nix c2`;
  await until("the other has ended", async () => (await box.inspect("c2")).State.Status === "exited");
  assertEquals(waiting.stdout, "");
  box.path("gate/open", "");
  const { code, stdout, stderr } = await waiting.end();
  assertEquals({ code, stdout, stderr }, {
    code: 1,
    stdout: "3\n4\n",
    stderr: "mydocker: No such container: nix\n",
  });
  assertEquals(await box.ok`wait c1`, "3");
  assertEquals(await box.ok`rm c1 c2`, "c1\nc2");
});

test("wait of a container that never ran, and of one that could not, does not wait", async (box) => {
  await box.ok`create --name c1 busybox sleep 3210`;
  assertEquals(await box.ok`wait c1`, "0");
  await box.$`${detached} c2 busybox nosuch`;
  assertEquals(await box.ok`wait c2`, "127");
});

test("wait has the right code of containers that go away: --rm, rm -f, stop", async (box) => {
  Deno.mkdirSync(box.path("gate"));
  await box.ok(gated("c1", 8, box.path("gate"), "--rm"));
  await box.ok(gated("c2", 9, box.path("gate"), "--rm"));
  await box.ok`${detached} c3 busybox sleep 3210`;
  await using first = box.spawn`wait c1 c2`;
  await using second = box.spawn`wait c3`;
  // They are waiting when each has a file `lock` open.
  for (const { pid } of [first, second]) await until(`${pid} waits`, () => opens(pid, "/lock"));
  await box.ok`rm -f c3`;
  assertEquals(await second.end(), { code: 0, signal: null, stdout: "137\n", stderr: "" });
  box.path("gate/open", "");
  assertEquals(await first.end(), { code: 0, signal: null, stdout: "8\n9\n", stderr: "" });
});

test("wait && rm, wait && start: nobody has the container any more", async (box) => {
  await box.ok`${detached} c1 busybox true`;
  for (let round = 0; round < 10; round++) {
    assertEquals(await box.ok`wait c1`, "0");
    await box.ok`start c1`;
  }
  await box.ok`wait c1`;
  await box.ok`rm c1`;
});

test("wait of a container with a restart policy ends with its next end, or when it is stopped", async (box) => {
  Deno.mkdirSync(box.path("gate"));
  await box.ok(gated("c1", 5, box.path("gate"), "--restart", "always"));
  await using running = box.spawn`wait c1`;
  await until("it waits", () => opens(running.pid, "/lock"));
  box.path("gate/open", "");
  assertEquals((await running.end()).stdout, "5\n");
  await until(
    "it is started again, later and later",
    async () => (await box.inspect("c1")).RestartCount >= 3,
  );
  assertEquals(await box.ok`wait c1`, "5");
  await using stopped = box.spawn`wait c1`;
  await box.ok`stop c1`;
  assertEquals((await stopped.end()).stdout, "5\n");
  assertEquals((await box.inspect("c1")).State.Status, "exited");
});

test("wait of a container whose keeper is killed", async (box) => {
  await box.ok`${detached} c1 busybox sleep 3210`;
  const pid = await box.pidOf("c1");
  await using waiting = box.spawn`wait c1`;
  await until("it waits", () => opens(waiting.pid, "/lock"));
  const keeper = Number(/^PPid:\s*(\d+)$/m.exec(await Deno.readTextFile(`/proc/${pid}/status`))![1]);
  Deno.kill(keeper, "SIGKILL");
  assertEquals((await waiting.end()).stdout, "137\n");
  await box.ok`ps`; // takes the bridge down
});

function opens(pid: number, ending: string): boolean {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)].some(({ name }) => {
      try {
        return Deno.readLinkSync(`/proc/${pid}/fd/${name}`).endsWith(ending);
      } catch {
        return false; // closed meanwhile
      }
    });
  } catch (error) {
    throw new Error(`process ${pid} has ended: ${error}`);
  }
}
