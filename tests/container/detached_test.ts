// run -d, create, start: containers that live while no mydocker process does.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, test, until, words } from "../world/world.ts";

/** Waits until the container has ended; returns its exit code. */
export async function ended(box: Box, name: string): Promise<number> {
  await until(`${name} has ended`, async () => !(await box.inspect(name)).State.Running);
  return (await box.inspect(name)).State.ExitCode;
}

async function shell(box: Box, script: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, "sh", BIN],
    clearEnv: true,
    env: box.environment(),
    stdin: "null",
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

test("run -d: prints the ID once the command runs, which goes on", async (box) => {
  const id = await box.ok`run -d --name main busybox sleep 1000`;
  assertMatch(id, /^[0-9a-f]{64}$/);
  const { Id, State } = await box.inspect("main");
  assertEquals([Id, State.Status, State.Running], [id, "running", true]);
  assertEquals(await Deno.readTextFile(`/proc/${State.Pid}/cmdline`), "sleep\x001000\0");
  await box.ok`rm -f main`;
});

test("run -d: exit code and output are there afterwards", async (box) => {
  await box.ok`run -d --name main busybox sh -c 'echo out; echo err >&2; exit 4'`;
  assertEquals(await ended(box, "main"), 4);
  const { stdout, stderr } = await box.$`logs main`;
  assertEquals([stdout, stderr], ["out\n", "err\n"]);
});

test("run -d: callers do not hang, however they wait for its output", async (box) => {
  const script = `x=$("$1" run -d --name aa busybox sleep 1000); echo "$x"
    "$1" run -d --name bb busybox sleep 1000 | cat
    ("$1" run -d --name cc busybox sleep 1000 2>&1 1>/dev/null) | cat
    setsid -w "$1" run -d --name dd busybox sleep 1000
    # Descriptors that the caller left open, below and above all that mydocker opens.
    bash -c '"$0" run -d --name ee busybox sleep 1000 9>&1 900>&1 >/dev/null' "$1" | cat
    bash -c '"$0" exec -d ee sleep 1000 9>&1 900>&1 >/dev/null' "$1" | cat`;
  const ids = (await shell(box, script)).trim().split("\n");
  assertEquals(ids.length, 3);
  for (const id of ids) assertMatch(id, /^[0-9a-f]{64}$/);
  assertEquals((await box.ok`ps -q`).split("\n").length, 5);
  await box.ok`rm -f aa bb cc dd ee`;
});

test("run -d: survives its caller's session and process group", async (box) => {
  const pid = Number(
    await shell(
      box,
      `setsid sh -c '"$1" run -d --name main busybox sleep 1000 >/dev/null; echo $$; kill -9 0' sh "$1"; true`,
    ),
  );
  await until("the caller is gone", () => {
    try {
      Deno.statSync(`/proc/${pid}`);
      return false;
    } catch {
      return true;
    }
  });
  assertEquals((await box.inspect("main")).State.Status, "running");
  await box.ok`rm -f main`;
});

test("run -d: what can't be executed is said, with docker's code, and is left as created", async (box) => {
  const missing = await box.$`run -d --name main busybox nosuch`;
  assertEquals([missing.code, missing.stdout], [127, `${(await box.inspect("main")).Id}\n`]);
  assertMatch(missing.stderr, /exec: "nosuch": executable file not found in \$PATH/);
  const { State } = await box.inspect("main");
  assertEquals([State.Status, State.ExitCode], ["created", 127]);
  assertMatch(State.Error, /executable file not found/);
  assertEquals((await box.$`run -d busybox /etc`).code, 126);
  assertEquals((await box.$`run -d --rm --name gone busybox nosuch`).code, 127);
  assertEquals(await box.ok`ps -a --format '{{.Names}} {{.Status}}' --filter name=gone`, "");
});

test("run -d --rm: gone when it has ended, with its anonymous volume", async (box) => {
  await box.ok`run -d --rm -v /data busybox true`;
  await until("it is gone", async () => await box.ok`ps -aq` === "");
  await until("its volume is gone", async () => await box.ok`volume ls -q` === "");
});

test("run -d: the streams that docker shows as attached", async (box) => {
  const config = async (...flags: string[]) => {
    const id = await box.ok`run -d ${flags} busybox true`;
    const { Config } = await box.inspect(id);
    return [Config.Tty, Config.OpenStdin, Config.StdinOnce, Config.AttachStdin, Config.AttachStdout];
  };
  assertEquals(await config(), [false, false, false, false, false]);
  assertEquals(await config("-it"), [true, true, false, false, false]);
  const { code, stderr } = await box.$`run -d -a stdout busybox true`;
  assertEquals(code, 1, "docker's client counts it as no mistake in flags");
  assertMatch(stderr, /Conflicting options: -a and -d/);
});

test("run -di: stdin stays open for those who come later", async (box) => {
  await box.ok`run -di --name main busybox cat`;
  assertEquals((await box.inspect("main")).State.Status, "running");
  await box.ok`rm -f main`;
});

test("run -a: only the streams that are named are passed on, and all are logged", async (box) => {
  const { code, stdout, stderr } = await box.$`run -a stderr --name main busybox
    sh -c 'echo out; echo err >&2'`;
  assertEquals([code, stdout, stderr], [0, "", "err\n"]);
  assertEquals((await box.$`logs main`).stdout, "out\n");
});

test("run -a stdin: prints the ID, as nothing else is shown", async (box) => {
  const { code, stdout } = await box.$(words`run -i -a stdin --name main busybox cat`, {
    stdin: "seen\n",
  });
  assertEquals([code, stdout], [0, `${(await box.inspect("main")).Id}\n`]);
  assertEquals(await box.ok`logs main`, "seen");
});

test("run -d: a keeper takes at most 64 kB, and says whose it is", async (box) => {
  for (
    const flags of [[], ["-it"], ["--restart", "always"], [
      "-v",
      "data:/data",
      "--tmpfs",
      "/x",
      "--read-only",
    ]]
  ) {
    await box.ok`run -d --name main ${flags} busybox sleep 1000`;
    const { State: { Pid } } = await box.inspect("main");
    const stat = await Deno.readTextFile(`/proc/${Pid}/stat`);
    const keeper = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
    const status = await Deno.readTextFile(`/proc/${keeper}/status`);
    assert(Number(/VmRSS:\s*(\d+) kB/.exec(status)![1]) <= 64, `${flags}: ${/VmRSS.*/.exec(status)}`);
    assertEquals(
      (await Deno.readTextFile(`/proc/${keeper}/cmdline`)).split("\0")[0],
      "mydocker: keeper of main",
    );
    await box.ok`rm -f main`;
  }
});

test("create, start: made now, run later, and again", async (box) => {
  const id = await box.ok`create --name main busybox sh -c 'echo x >>/count; cat /count; exit 3'`;
  assertMatch(id, /^[0-9a-f]{64}$/);
  assertEquals((await box.inspect("main")).State.Status, "created");
  assertEquals(await box.ok`start main`, "main");
  assertEquals(await ended(box, "main"), 3);
  const { code, stdout } = await box.$`start -a main`;
  assertEquals([code, stdout], [3, "x\nx\n"]);
  assertEquals((await box.$`logs main`).stdout, "x\nx\nx\n");
});

test("create, run: whatever is refused, the exit code is 125", async (box) => {
  await box.ok`create --name main busybox true`;
  await box.ok`network create made`;
  const refused = [
    "--name main",
    "--name a/b",
    "--nosuch",
    "--restart x",
    "--network container:nosuch",
    "--network container:",
    "--network nosuch",
    "--network made --ip 1.2.3.4",
    "--network none -p x",
    "--network bridge --network-alias x",
    "--ip 1.2.3",
    "--pid container:nosuch",
    "--ipc container:nosuch",
    "--uts x",
    "--stop-signal FOO",
    "--stop-signal 99",
    "--cpu-shares -1",
    "--cpuset-cpus 999",
    "-m 1k",
    "--oom-score-adj 5000",
    "--security-opt seccomp=/nosuch",
    "--security-opt nosuch=1",
    "--log-driver nosuch",
    "--log-opt max-file=0",
    "-w relative",
    "-v /a:/b:q",
    "--mount type=nosuch,target=/x",
    "--env-file /nosuch",
    "--cidfile /nosuch/x",
    "--pull sometimes",
    "--platform nosuch/nosuch",
    "--platform nosuch",
    "--detach-keys x,yy",
  ];
  for (const flags of refused) {
    for (const command of ["create", "run"]) {
      if (command === "create" && flags.startsWith("--detach-keys")) continue;
      const { code, stdout, stderr } = await box.$`${command} ${flags.split(" ")} busybox true`;
      assertEquals([code, stdout, stderr.startsWith("mydocker: ")], [125, "", true], `${flags}: ${stderr}`);
    }
  }
  for (const image of ["nosuch", "Bad"]) {
    for (const command of ["create", "run"]) assertEquals((await box.$`${command} ${image}`).code, 125);
  }
  // What can't be seen before the start: the other's namespace is gone.
  for (const flag of ["--network", "--pid", "--ipc"]) {
    const { code, stderr } = await box.$`run ${flag} container:main busybox true`;
    assertEquals(code, 125, stderr);
  }
  await box.ok`network rm made`;
});

test("create: an empty name, stop signal or retry count is none", async (box) => {
  const flags = ["--name", "", "--stop-signal", "", "--restart", "always:0"];
  const { Name, Config, HostConfig } = await box.inspect(
    await box.ok`create ${flags} busybox true`,
  );
  assertMatch(Name, /^\/[a-z]+_[a-z]+$/);
  assertEquals([Config.StopSignal, HostConfig.RestartPolicy.Name], [undefined, "always"]);
});

test("start: several, one that runs, and ones that can't be", async (box) => {
  await box.ok`create --name good busybox sleep 1000`;
  await box.ok`create --name bad busybox nosuch`;
  assertEquals((await box.$`start -a bad`).code, 1);
  assertEquals((await box.inspect("bad")).State.ExitCode, 127);
  const { code, stdout, stderr } = await box.$`start good bad missing`;
  assertEquals([code, stdout], [1, "good\n"]);
  assertMatch(stderr, /exec: "nosuch": executable file not found/);
  assertMatch(stderr, /No such container: missing/);
  assertMatch(stderr, /failed to start containers: bad, missing/);
  assertEquals(await box.ok`start good`, "good");
  assertMatch((await box.$`start -a good bad`).stderr, /cannot start and attach multiple/);
  await box.ok`rm -f good`;
});

test("start -ai: stdin once more, each time", async (box) => {
  await box.ok`create -i --name main busybox cat`;
  for (const text of ["abc\n", "def\n"]) {
    assertEquals((await box.$(words`start -ai main`, { stdin: text })).stdout, text);
  }
});

test("start -a --rm: removed at the end", async (box) => {
  await box.ok`create --rm --name main busybox sh -c 'exit 6'`;
  assertEquals((await box.$`start -a main`).code, 6);
  assertEquals(await box.ok`ps -aq`, "");
});

test("start: what one container had opened when it failed is closed before the next one", async (box) => {
  const names = ["one", "two", "three", "four"];
  const gone = box.path("gone");
  Deno.mkdirSync(gone);
  // As many as a start may have open, but not twice.
  const mounts = Array.from({ length: 40 }, (_, at) => `-v ${box.dir}:/m${at}`).join(" ");
  for (const name of names) {
    await box.exec`sh -c 'exec "$0" create --name ${name} ${mounts} -v ${gone}:/z busybox true' ${BIN}`;
  }
  Deno.removeSync(gone);
  const { code, stderr } = await box.exec`sh -c 'ulimit -n 128; exec "$0" start "$@"' ${BIN} ${names}`;
  const why = `mydocker: invalid mount config for type "bind": bind source path does not exist: ${gone}\n`;
  const last = `mydocker: failed to start containers: ${names.join(", ")}\n`;
  assertEquals([code, stderr], [1, why.repeat(names.length) + last]);
});

/** Descriptors that one command may have; it is given more containers than that. */
const FEW = 128;

/** A command for very many containers, with few descriptors. */
function withFew(box: Box, command: string, name: string) {
  const names = Array(FEW + 20).fill(name);
  return box.exec(["sh", "-c", `ulimit -n ${FEW}; exec "$0" ${command} "$@"`, BIN, ...names]);
}

for (const flag of ["", "-i", "-t"]) {
  const kind = flag === "" ? "containers" : `containers with ${flag}`;
  test(`start: of ${kind} whose command is missing, leaves no descriptor open`, async (box) => {
    await box.ok`create --network none --name main ${flag === "" ? [] : [flag]} busybox /missing`;
    const { code, stderr } = await withFew(box, "start", "main");
    const lines = new Set(stderr.trimEnd().split("\n").slice(0, -1));
    assertEquals([code, lines.size], [1, 1], stderr);
    assertMatch([...lines][0], /\/missing/);
  });
}

test("commands for very many containers keep no descriptor for each", async (box) => {
  await box.ok`run -d --network none --name main busybox sleep 1000`;
  const refused = async (command: string, why: RegExp) => {
    const { code, stderr } = await withFew(box, command, "main");
    const lines = new Set(stderr.trimEnd().split("\n"));
    assertEquals([code, lines.size], [1, 1], `${command}: ${stderr}`);
    assertMatch([...lines][0], why);
  };
  const done = async (command: string) => {
    const { code, stderr } = await withFew(box, command, "main");
    assertEquals([code, stderr], [0, ""], command);
  };
  await done("start");
  await done("update --restart no");
  await refused("unpause", /is not paused/);
  await refused("rm", /You cannot remove a running container/);
  await box.ok`pause main`;
  await refused("pause", /is already paused/);
  await box.ok`rm -f main`;
});

test("start: of an exited container that can't be executed any more, says so and keeps the rest", async (box) => {
  await box.ok`run --name main busybox sh -c 'rm /bin/sh; echo once'`;
  const { code, stderr } = await box.$`start main`;
  assertEquals(code, 1);
  assertMatch(stderr, /exec: "sh": executable file not found/);
  const { State } = await box.inspect("main");
  assertEquals([State.Status, State.ExitCode], ["exited", 127]);
  assertEquals(await box.ok`logs main`, "once");
});
