// exec: commands in running containers.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, test, until, words } from "../world/world.ts";
import { processesOf } from "../world/leaks.ts";
import { terminal } from "../world/pty.ts";

/** A container that runs, with a variable, a user and a directory of its own where `flags` say so. */
async function running(box: Box, ...flags: string[]): Promise<void> {
  await box.ok`run -d --name main -e FOO=bar ${flags} busybox sleep 1000`;
}

const end = (box: Box) => box.ok`rm -f main`;

test("exec: output, each stream its own, and the exit code", async (box) => {
  await running(box);
  const { code, stdout, stderr } = await box.$`exec main sh -c 'echo out; echo err >&2; exit 7'`;
  assertEquals([code, stdout, stderr], [7, "out\n", "err\n"]);
  assertEquals((await box.$`exec main sh -c 'kill -9 $$'`).code, 137);
  assertEquals((await box.$`exec main sh -c 'kill -TERM $$'`).code, 143);
  await end(box);
});

test("exec: what is in the container's namespaces, and nothing else", async (box) => {
  await running(box, "--hostname", "inside", "-v", "data:/data", "--tmpfs", "/scratch");
  assertEquals(await box.ok`exec main hostname`, "inside");
  await box.ok`exec main sh -c 'echo 1 >/data/x; echo 2 >/scratch/y'`;
  assertEquals(await box.ok`exec main cat /data/x /scratch/y`, "1\n2");
  const { State: { Pid } } = await box.inspect("main");
  for (const name of ["mnt", "pid", "uts", "ipc", "net", "cgroup"]) {
    const namespace = await box.ok`exec main readlink /proc/self/ns/${name}`;
    assertEquals(namespace, await Deno.readLink(`/proc/${Pid}/ns/${name}`), name);
  }
  const processes = await box.ok`exec main ls /proc`;
  assertEquals(processes.split("\n").filter((name) => /^\d+$/.test(name)).length, 2);
  await end(box);
});

test("exec: no descriptor of the host's comes along, and the root is the container's", async (box) => {
  await running(box);
  assertEquals(
    await box.ok`exec main sh -c ${"ls /proc/self/fd | tr '\\n' ' '; readlink /proc/self/cwd"}`,
    "0 1 2 3 /",
  );
  await end(box);
});

test("exec: against the container's end, that is what is said, or the command has run or died of it", async (box) => {
  const odd: string[] = [];
  for (let round = 0; round < 6; round++) {
    await running(box);
    const { Id: id } = await box.inspect("main");
    let over = false;
    const execs = Array.from({ length: 3 }, async () => {
      while (!over) {
        const { code, stderr } = await box.$`exec main true`;
        const gone = code === 1 &&
          [id, "main"].some((name) =>
            [`mydocker: Container ${name} is not running\n`, `mydocker: No such container: ${name}\n`]
              .includes(stderr)
          );
        if (!gone && !(stderr === "" && [0, 137].includes(code))) odd.push(`${code} ${stderr}`);
      }
    });
    await box.ok`kill main`;
    over = true;
    await Promise.all(execs);
    await end(box);
  }
  assertEquals(odd, []);
});

test("exec: the container's environment, user and directory, and the flags that change them", async (box) => {
  await running(box, "-w", "/etc", "-u", "1000:1000");
  const lines = (await box.ok`exec -e A=b -e FOO main env`).split("\n");
  assert(lines.includes("A=b"), lines.join(" "));
  assert(
    !lines.some((line) => line.startsWith("FOO=")),
    "a variable the caller has not is taken away, as docker does",
  );
  assertEquals(await box.ok`exec main pwd`, "/etc");
  assertEquals(await box.ok`exec main id -u`, "1000");
  assertEquals(
    await box.ok`exec -u 0 -w /root main sh -c 'id -u; pwd'`,
    "0\n/root",
  );
  await end(box);
});

test("exec: capabilities as the container's, all with --privileged", async (box) => {
  await running(box);
  const effective = async (...flags: string[]) =>
    /CapEff:\s*(\w+)/.exec(await box.ok`exec ${flags} main cat /proc/self/status`)![1];
  assertEquals(
    await effective(),
    /CapEff:\s*(\w+)/.exec(await box.ok`exec main cat /proc/1/status`)![1],
  );
  const bounding = /CapBnd:\s*(\w+)/.exec(await Deno.readTextFile("/proc/self/status"))![1];
  assertEquals(await effective("--privileged"), bounding);
  await end(box);
});

test("exec: what can't be executed", async (box) => {
  await running(box);
  for (
    const [argv, code, message] of [
      [["main", "nosuch"], 127, /exec: "nosuch": executable file not found in \$PATH/],
      [["main", "/nosuch/x"], 127, /exec: "\/nosuch\/x": no such file or directory/],
      [["main", "/etc"], 126, /exec: "\/etc": permission denied/],
      [["-w", "/nosuch", "main", "true"], 126, /chdir \/nosuch: no such file or directory/],
      [["-w", "relative", "main", "true"], 126, /absolute path/],
      [["-u", "nobodyknows", "main", "true"], 126, /unable to find user nobodyknows/],
      [["missing", "true"], 1, /No such container: missing/],
    ] as [string[], number, RegExp][]
  ) {
    const result = await box.$`exec ${argv}`;
    assertEquals([result.code, result.stdout], [code, ""], argv.join(" "));
    assertMatch(result.stderr, message);
  }
  Deno.kill((await box.inspect("main")).State.Pid, "SIGKILL");
  await until("it has ended", async () => !(await box.inspect("main")).State.Running);
  const { code, stderr } = await box.$`exec main true`;
  assertEquals(code, 1);
  assertMatch(stderr, /Container [0-9a-f]{64} is not running/);
});

test("exec -i: stdin, to its end; without it there is none", async (box) => {
  await running(box);
  const text = "x".repeat(200_000);
  assertEquals(await box.ok(words`exec -i main cat`, { stdin: text }), text);
  assertEquals(await box.ok(words`exec main cat`, { stdin: text }), "");
  await end(box);
});

test("exec -d: returns at once, and the command goes on", async (box) => {
  await running(box);
  assertEquals(
    await box.ok`exec -d main sh -c 'echo noise; sleep 0.3; echo done >/tmp/mark'`,
    "",
  );
  await until(
    "the mark is there",
    async () => (await box.$`exec main cat /tmp/mark`).stdout === "done\n",
  );
  assertEquals((await box.$`exec -d main nosuch`).code, 127);
  await end(box);
});

test("exec: it ends with the container", async (box) => {
  await running(box);
  await using inside = box.spawn`exec main sh -c 'echo on; sleep 1000'`;
  await inside.expect("on");
  await end(box);
  assertEquals((await inside.end()).code, 137);
});

test("exec: a command dies with the process that looks after it, whoever it runs as", async (box) => {
  await running(box);
  for (const user of ["0", "1000:1000"]) {
    await box.ok`exec -d -u ${user} main sleep 1234`;
    const command = () => processesOf(box.dir).find(({ command }) => command === "sleep 1234");
    const { pid } = await until("the command runs", command);
    const parent = Number(/PPid:\s*(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
    Deno.kill(parent, "SIGKILL");
    await until(`the command of user ${user} is dead`, () => command() === undefined);
  }
  await end(box);
});

test("exec: the caller's umask does not come along", async (box) => {
  await running(box);
  const script =
    `umask 077; "$0" exec main sh -c 'umask; echo >/f; stat -c %a /f'; umask 0; "$0" exec main sh -c umask`;
  assertEquals((await box.exec`sh -c ${script} ${BIN}`).stdout, "0022\n644\n0022\n");
  await end(box);
});

test("exec: signals to mydocker reach the command", async (box) => {
  await running(box);
  await using inside = box.spawn`exec main sh -c "trap 'exit 9' TERM; echo on; while :; do sleep 0.02; done"`;
  await inside.expect("on");
  inside.kill("SIGTERM");
  assertEquals((await inside.end()).code, 9);
  await end(box);
});

test("exec -it: a terminal of the container's, with its size and keys", async (box) => {
  await running(box);
  await using tty = terminal(box, ["exec", "-it", "main", "sh"]);
  await tty.expect("# ");
  tty.send("tty; stty size; echo $TERM\r");
  await tty.expect(/\/dev\/pts\/0\r\n\d+ \d+\r\nxterm\r\n/);
  tty.send("echo sleeping; sleep 1000\r");
  await tty.expect("sleeping\r\n");
  tty.send("\x03");
  await tty.expect("# ");
  tty.send("exit 6\r");
  assertEquals((await tty.end()).code, 6);
  await end(box);
});

test("exec -it: the detach keys leave the command running", async (box) => {
  await running(box);
  await using tty = terminal(box, [
    "exec",
    "-it",
    "--detach-keys",
    "ctrl-a,x",
    "main",
    "sh",
    "-c",
    "echo on; cat",
  ]);
  await tty.expect("on");
  tty.send("\x01x");
  await tty.expect("read escape sequence");
  assertEquals((await tty.end()).code, 1);
  assertMatch(await box.ok`exec main ps`, /\bcat\b/);
  await end(box);
});

test("exec: 20 at once", async (box) => {
  await running(box);
  const all = Array.from({ length: 20 }, (_, i) => box.ok`exec main echo ${i}`);
  assertEquals(await Promise.all(all), Array.from({ length: 20 }, (_, i) => String(i)));
  await end(box);
});

test("exec -t: a container that put something else in the place of its terminals gets none of ours", async (box) => {
  await running(box, "--tmpfs", "/dev/pts");
  const { code, stderr } = await box.$`exec -t main true`;
  assertEquals(code, 126);
  assertMatch(stderr, /not a devpts/);
  await end(box);
});

test("exec: what sets a command up counts for no limit of processes, and makes no call that its filter refuses", async (box) => {
  const names = ["setsid", "getcwd", "openat2", "setns", "pipe2", "ioctl"];
  const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names, action: "SCMP_ACT_ERRNO" }] };
  const strict = ["--security-opt", `seccomp=${box.path("profile", JSON.stringify(profile))}`];
  for (const flags of [[], ["--security-opt", "no-new-privileges"]]) {
    // Of this user there is nobody else on the machine.
    await running(box, ...strict, ...flags, "-u", "54321", "--ulimit", "nproc=2");
    assertEquals(await box.ok`exec main sh -c 'ulimit -u; ulimit -Hu'`, "2\n2");
    const { stderr } = await box.$`exec main sh -c 'true & wait'`;
    assertMatch(stderr, /can't fork/);
    assertEquals(
      await box.ok`run --rm ${strict} ${flags} --pid container:main busybox echo joined`,
      "joined",
    );
    await end(box);
  }
});
