// kill -9 of whatever a container consists of, at any time: what is said afterwards is true, and nothing is
// left.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, test, until } from "../world/world.ts";
import { processesOf } from "../world/leaks.ts";
import { terminal } from "../world/pty.ts";

function statusField(pid: number, name: string): string {
  return new RegExp(`^${name}:\\s*(.*)$`, "m").exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1];
}

/** Of the keeper and the first process of a container that runs. */
async function pidsOf(box: Box, name: string): Promise<{ keeper: number; init: number }> {
  const init = await box.pidOf(name);
  const keeper = Number(statusField(init, "PPid"));
  assertEquals(statusField(keeper, "Name"), "mydocker-keeper");
  return { keeper, init };
}

const state = async (box: Box, name: string) => {
  const { State } = await box.inspect(name);
  return `${State.Status} ${State.ExitCode}`;
};

/** In an order that leaves the keeper no time for a word. */
async function kill(who: string, { keeper, init }: { keeper: number; init: number }): Promise<void> {
  if (who === "init") return Deno.kill(init, "SIGKILL");
  if (who === "keeper") return Deno.kill(keeper, "SIGKILL");
  Deno.kill(keeper, "SIGSTOP");
  await until("the keeper is stopped", () => statusField(keeper, "State").startsWith("T"));
  Deno.kill(init, "SIGKILL");
  Deno.kill(keeper, "SIGKILL");
}

for (const who of ["keeper", "init", "both"]) {
  test(`kill -9 of ${who}: a detached container, with --rm, with --restart always`, async (box) => {
    const flags = { plain: [], rm: ["--rm", "-v", "/anonymous"], always: ["--restart", "always"] };
    for (const [name, more] of Object.entries(flags)) {
      await box.ok`run -d --name ${name} ${more} busybox sh -c 'echo said; exec sleep 1000'`;
      await until("it has said so", async () => await box.ok`logs ${name}` === "said");
      const pids = await pidsOf(box, name);
      await kill(who, pids);
      if (who === "init" && name === "always") {
        await until("another runs", async () => {
          const { State } = await box.inspect(name);
          return State.Status === "running" && State.Pid !== pids.init;
        });
        continue;
      }
      if (who === "init" && name === "rm") {
        await until("it is gone", async () => (await box.$`inspect ${name}`).code === 1);
        continue;
      }
      await until("it has ended", async () => await state(box, name) === "exited 137");
      await until("its process is gone", () => !processesOf(box.dir).some(({ pid }) => pid === pids.init));
      assertEquals(await box.ok`logs ${name}`, "said");
      assertEquals(await box.ok`logs -f ${name}`, "said");
      assertEquals(await box.ok`wait ${name}`, "137");
      assertMatch(await box.ok`ps -af name=${name} --format {{.Status}}`, /^Exited \(137\)/);
    }
    // As when the machine comes up.
    assertEquals(await box.ok`restore`, who === "init" ? "" : "always");
    const left = await box.ok`ps -a --format '{{.Names}} {{.State}}'`;
    assertEquals(left.split("\n").sort(), ["always running", "plain exited"]);
    assertEquals(await box.ok`volume ls -q`, "");
    await box.ok`start plain`;
    assertEquals(await state(box, "plain"), "running 0");
    await box.ok`rm -f plain always`;
    // A keeper looks after the bridge for a moment.
    await until("no process is left", () => processesOf(box.dir).length === 0, 5);
  });
}

test("kill -9 of mydocker, keeper and first process at once: a foreground container", async (box) => {
  for (const flags of [[], ["--rm"], ["-i"], ["-t"]]) {
    await using running = box.spawn`run ${flags} --name main busybox sleep 1000`;
    const pids = await pidsOf(box, "main");
    running.kill("SIGKILL");
    await kill("both", pids);
    await running.end();
    await until("it has ended", async () => await state(box, "main") === "exited 137");
    await box.ok`start main`;
    await kill("keeper", await pidsOf(box, "main"));
    await until("it has ended", async () => await state(box, "main") === "exited 137");
    assertEquals(await box.ok`rm main`, "main");
  }
});

test("kill -9 of the keeper: whoever goes along with the container ends with 137", async (box) => {
  const ways = (box: Box) => [
    box.spawn`attach main`,
    box.spawn`attach --no-stdin main`,
    box.spawn`logs -f main`,
    box.spawn`wait main`,
    box.spawn`exec main sh -c 'echo tick; exec sleep 1001'`,
  ];
  await box.ok`run -di --name main busybox sh -c 'while sleep 0.05; do echo tick; done'`;
  const all = ways(box);
  for (const [index, one] of all.entries()) if (index !== 3) await one.expect("tick");
  await until("it waits", () =>
    [...Deno.readDirSync(`/proc/${all[3].pid}/fd`)].some(({ name }) => {
      try {
        return Deno.readLinkSync(`/proc/${all[3].pid}/fd/${name}`).endsWith("/lock");
      } catch {
        return false; // closed meanwhile
      }
    }));
  await kill("keeper", await pidsOf(box, "main"));
  const codes: number[] = [];
  for (const one of all) {
    codes.push((await one.end()).code);
    await one[Symbol.asyncDispose]();
  }
  assertEquals(codes, [137, 137, 0, 0, 137]);
  assertEquals(all[3].stdout, "137\n");
  assertEquals(await state(box, "main"), "exited 137");
  await box.ok`ps`; // takes the bridge down
});

test("kill -9 of the keeper: run and start -a on a terminal end with 137 and leave it as it was", async (box) => {
  await box.ok`create -it --name main busybox sh`;
  await using shell = terminal(box, ["start", "-ai", "main"]);
  await shell.expect("# ");
  await kill("keeper", await pidsOf(box, "main"));
  assertEquals((await shell.end()).code, 137);
  assertEquals(await state(box, "main"), "exited 137");
  await box.ok`ps`; // takes the bridge down
});

test("kill -9 of exec's helper: its command goes with it, and the container stays", async (box) => {
  await box.ok`run -d --name main busybox sleep 1000`;
  for (const detach of [[], ["-d"]]) {
    await using exec = box.spawn`exec ${detach} main sh -c 'echo in; exec sleep 1234'`;
    if (detach.length === 0) await exec.expect("in");
    const command = await until(
      "the command runs",
      () => processesOf(box.dir).find(({ pid }) => sleeps(pid, "1234"))?.pid,
    );
    const helper = Number(statusField(command, "PPid"));
    assert(helper > 1);
    Deno.kill(helper, "SIGKILL");
    const { code } = await exec.end();
    assertEquals(code, detach.length ? 0 : 137);
    await until("the command is gone", () => !sleeps(command, "1234"));
  }
  assertEquals(await state(box, "main"), "running 0");
  await box.ok`rm -f main`;
});

function sleeps(pid: number, seconds: string): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`) === `sleep\0${seconds}\0`;
  } catch {
    return false;
  }
}

test("kill -9 of the keeper of a paused container: started again it runs, not paused", async (box) => {
  for (const who of ["keeper", "both"]) {
    await box.ok`run -d --name main busybox sleep 1000`;
    const pids = await pidsOf(box, "main");
    await box.ok`pause main`;
    await kill(who, pids);
    await box.ok`start main`;
    assertEquals(await state(box, "main"), "running 0");
    assert(!processesOf(box.dir).some(({ pid }) => pid === pids.init));
    await box.ok`rm -f main`;
  }
});

test("kill -9 of the keeper: the log is there up to the last whole frame, and goes on after it", async (box) => {
  const script =
    "i=0; while [ $i -lt 20000 ]; do echo line $i of some length; i=$((i+1)); done; exec sleep 1000";
  await box.ok`create --name main --log-opt max-size=1g busybox sh -c ${script}`;
  let before = 0;
  for (let round = 0; round < 6; round++) {
    await box.ok`start main`;
    const { keeper } = await pidsOf(box, "main");
    await until(
      "some is logged",
      async () => (await box.ok`logs main`).length > before + 1000 * round,
    );
    Deno.kill(keeper, "SIGKILL");
    await until("it has ended", async () => await state(box, "main") === "exited 137");
    const { stdout, stderr } = await box.$`logs main`;
    assertEquals(stderr, "");
    const runs = stdout.split(/(?=line 0 of)/);
    assertEquals(runs.length, round + 1);
    for (const run of runs) {
      const whole = Array.from(run.split("\n"), (_, number) => `line ${number} of some length\n`).join("");
      // A frame may end within a line.
      assert(whole.startsWith(run), run.slice(0, 200));
    }
    before = stdout.length;
  }
  await box.ok`ps`; // takes the bridge down
});

/** xorshift32: the same in every run. */
function random(seed: number): () => number {
  return () => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return (seed >>> 0) / 2 ** 32;
  };
}

test("kill -9 of run -d --rm a hundred times at random moments, with others looking on", async (box) => {
  const next = random(20261121);
  let over = false;
  const looker = (async () => {
    while (!over) {
      const { code, stderr } = await box.$`ps -a`;
      assertEquals([code, stderr], [0, ""]);
    }
  })();
  const begin = performance.now();
  await box.ok`run -d --rm -v /v busybox true`;
  const usual = (performance.now() - begin) / 1000;
  let killed = 0;
  const rounds = async (count: number) => {
    for (let round = 0; round < count; round++) {
      const limit = ["timeout", "-s", "KILL", (0.003 + next() * 1.5 * usual).toFixed(4)];
      const { code } = await box.exec`${limit} ${BIN} run -d --rm -v /v busybox true`;
      if (code === 137) killed++;
    }
  };
  try {
    await Promise.all([rounds(50), rounds(50)]);
  } finally {
    over = true;
    await looker;
  }
  assert(killed >= 20, `only ${killed} were killed`);
  await until("nothing runs", async () => await box.ok`ps -q` === "");
  await until("nobody is at work", () => processesOf(box.dir).length === 0);
  // What was killed between create and start is left as created.
  const states = (await box.ok`ps -a --format {{.State}}`).split("\n").filter(Boolean);
  assertEquals(states.filter((state) => state !== "created"), []);
  await box.ok`container prune -f`;
  await box.ok`volume prune -f`;
  await box.ok`run --rm busybox true`;
}, { seconds: 60 });
