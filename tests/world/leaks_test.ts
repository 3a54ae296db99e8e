// The check at the end of every test, checked: it must see what is left.

import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { bare, Box, furnished, sandbox, until } from "./world.ts";
import { cgroups, processesOf, storeProblems } from "./leaks.ts";

/** For a sandbox that something is left in: it is not worth waiting for. */
const HASTY = { patience: 0.1 };

bare("sandbox: a process that is left is named, killed and a failure", async () => {
  const box = new Box(HASTY);
  const child = box.start`sleep 1000`;
  const error = await assertRejects(
    async () => await box[Symbol.asyncDispose](),
    Error,
    `process ${child.pid} (environ)`,
  );
  assertMatch(error.message, /sleep 1000/);
  assertEquals((await child.end()).signal, "SIGKILL");
  assertEquals(processesOf(box.dir), []);
});

bare("sandbox: a container that is left is a failure, and its keeper, too", async () => {
  const box = await furnished(new Box(HASTY), "busybox");
  const running = box.spawn`run --name left busybox sleep 1000`;
  await box.pidOf("left");
  running.kill("SIGKILL");
  await running.end();
  const error = await assertRejects(async () => await box[Symbol.asyncDispose](), Error, "left behind");
  assertMatch(error.message, /mydocker: keeper of left[\s\S]*sleep 1000/);
});

bare("sandbox: what does not add up in the store is a failure", async () => {
  await using box = await sandbox("busybox");
  assertEquals(await storeProblems(box.root), []);
  const found = async (path: string) => {
    Deno.mkdirSync(`${box.root}/${path}`, { recursive: true });
    const problems = await storeProblems(box.root);
    Deno.removeSync(`${box.root}/${path}`);
    return problems.length;
  };
  assertEquals(await found("tmp/half"), 1);
  assertEquals(await found(`layers/${"0".repeat(64)}`), 1);
  assertEquals(await found(`containers/${"0".repeat(64)}`), 1);
  Deno.symlinkSync("0".repeat(64), `${box.root}/names/nobody`);
  Deno.symlinkSync("0".repeat(64), `${box.root}/tags/nothing:latest`);
  assertEquals((await storeProblems(box.root)).length, 2);
  for (const path of ["names/nobody", "tags/nothing:latest"]) Deno.removeSync(`${box.root}/${path}`);
});

bare("sandbox: a cgroup is a failure, and what is frozen in it is no obstacle", async () => {
  const box = await furnished(new Box(HASTY), "busybox");
  const running = box.spawn`run --name left busybox sleep 1000`;
  await box.pidOf("left");
  await box.ok`pause left`;
  const [group] = cgroups(box.root);
  assertMatch(group, /\/mydocker-[0-9a-f]{64}$/);
  const error = await assertRejects(async () => await box[Symbol.asyncDispose](), Error, `cgroup: ${group}`);
  assertMatch(error.message, /process \d+ .*sleep 1000/);
  assertThrows(() => Deno.statSync(group), Deno.errors.NotFound);
  await running.end();
});

bare("sandbox: a mount is a failure", async () => {
  const box = new Box(HASTY);
  // In a namespace of its own, which the process that holds it shows; the host's table stays as it is.
  const script = `mkdir "$0/m" && mount -t tmpfs tmpfs "$0/m" && cd / && exec env -i sleep 1000`;
  const child = box.start`unshare -m sh -c ${script} ${box.dir}`;
  await until(
    "it is mounted",
    () => processesOf(box.dir).some(({ command }) => /^\S*sleep 1000$/.test(command)),
  );
  const error = await assertRejects(async () => await box[Symbol.asyncDispose](), Error, "left behind");
  assertMatch(error.message, /\(mountinfo\): .*sleep 1000/);
  await child.end();
});

bare("a failing test says what went wrong first, before what it left", async () => {
  const script = `import { bare, Box, sandbox } from "${new URL("world.ts", import.meta.url)}";
    bare("fails", async () => {
      await using outer = await sandbox();
      await using box = new Box({ patience: 0.1 });
      Deno.mkdirSync(box.root + "/tmp/half", { recursive: true });
      throw new Error("the reason");
    });`;
  await using box = await sandbox();
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const file = box.path("planted_test.ts", script);
  const { code, stdout } = await box.exec`${Deno.execPath()} test -A --no-check --config ${config} ${file}`;
  assertEquals(code, 1);
  assertMatch(stdout, /Error: the reason\nand left behind:\n {2}tmp\/half was left\n/);
});
