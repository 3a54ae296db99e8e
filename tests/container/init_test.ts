// run --init: a PID 1 that reaps, passes signals on, and ends as the command does.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { test, until } from "../world/world.ts";
import { stopAndResume, terminal } from "../world/pty.ts";

/**
 * Orphans three processes, ends them, and waits until nothing is left of them: not so under a PID 1 that
 * doesn't reap.
 */
const ORPHANS = `
pids=$(sh -c 'for n in 1 2 3; do sleep 1000 >/dev/null 2>&1 & echo $!; done')
for pid in $pids; do
  read -r line </proc/$pid/stat
  rest=\${line##*) }; set -- $rest
  [ "$2" = 1 ] || echo "parent of $pid is $2"
  kill $pid
done
for pid in $pids; do while [ -e /proc/$pid ]; do sleep 0.02; done; done
echo reaped`;

/** The command may be there a moment before PID 1 is what it becomes. */
const READY = "until grep -q ^/sbin/docker-init /proc/1/cmdline && " +
  "grep -qx docker-init /proc/1/comm; do :; done";

test("run --init: PID 1 is docker-init to who looks, the command its child", async (box) => {
  const script = `${READY}; exec ps -o pid,ppid,user,comm`;
  const shown = await box.ok`run --rm --init busybox sh -c ${script}`;
  assertMatch(shown, /^ +1 +0 root +docker-init$/m);
  assertMatch(shown, /^ +2 +1 root +ps$/m);
  const argv = ["sh", "-c", `${READY}; exec cat /proc/1/cmdline`];
  const seen = await box.ok`run --rm --init busybox ${argv}`;
  assertEquals(seen, ["/sbin/docker-init", "--", ...argv, ""].join("\0"));
  assertEquals(await box.ok`run --rm --init=false busybox cat /proc/1/comm`, "cat");
});

test("run --init: zombies are reaped", async (box) => {
  assertEquals(await box.ok`run --rm --init busybox sh -c ${ORPHANS}`, "reaped");
  assertEquals(
    await box.ok`run --rm --init -u 1000:1000 busybox sh -c ${ORPHANS}`,
    "reaped",
  );
});

test("run --init: it ends as the command does, whatever else goes on", async (box) => {
  for (
    const [script, expected] of [
      ["exit 0", 0],
      ["exit 5", 5],
      ["exit 255", 255],
      ["kill -KILL $$", 137],
      ["kill -TERM $$", 143],
      ["sleep 1000 & setsid sleep 1000 & exit 3", 3],
      ["sh -c 'exit 9'; exit 4", 4],
    ] as const
  ) {
    const { code } = await box.$`run --rm --init busybox sh -c ${script}`;
    assertEquals(code, expected, script);
  }
});

test("run --init: a command that can't be executed is reported as without", async (box) => {
  const messages = async (...argv: string[]) => {
    const with_ = await box.$`run --rm --init busybox ${argv}`;
    const without = await box.$`run --rm busybox ${argv}`;
    assertEquals(with_, without);
    return with_.code;
  };
  assertEquals(await messages("nosuch", "1"), 127);
  assertEquals(await messages("/no/such"), 127);
  assertEquals(await messages("/etc/passwd"), 126);
  assertEquals(await messages("/etc"), 126);
});

test("run --init: signals reach the command, which has no PID 1's immunity", async (box) => {
  await using deaf = box.spawn`run --rm --init busybox sh -c 'echo ready; exec sleep 1000'`;
  await deaf.expect("ready");
  deaf.kill("SIGTERM");
  assertEquals((await deaf.end()).code, 143);

  const traps =
    "for s in HUP INT QUIT TERM USR1 WINCH CONT; do trap \"echo got $s\" $s; done; trap 'exit 4' USR2; " +
    "echo ready; while :; do sleep 0.02; done";
  await using running = box.spawn`run --rm --init busybox sh -c ${traps}`;
  await running.expect("ready");
  for (const signal of ["HUP", "INT", "QUIT", "TERM", "USR1", "WINCH", "CONT"]) {
    running.kill(`SIG${signal}` as Deno.Signal);
    await running.expect(`got ${signal}\n`);
  }
  running.kill("SIGUSR2");
  assertEquals((await running.end()).code, 4);
});

test("run --init: PID 1 has the user, capabilities, directory and environment of the command, and nothing else", async (box) => {
  const script = `${READY}; cd /tmp
    for name in Uid Gid Groups CapInh CapPrm CapEff CapBnd CapAmb; do
      [ "$(grep ^$name: /proc/1/status)" = "$(grep ^$name: /proc/2/status)" ] || echo "$name differs"
    done
    readlink /proc/1/cwd; readlink /proc/1/exe; ls /proc/1/fd; tr '\\0' '\\n' </proc/1/environ | grep ^WHO=`;
  for (const user of ["0", "1000:1000"]) {
    const flags = ["--rm", "--init", "-u", user, "-w", "/etc", "-e", "WHO=me"];
    const shown = await box.ok`run ${flags} busybox sh -c ${script}`;
    assertEquals(shown, "/etc\n/memfd:mydocker (deleted)\n0\n1\n2\nWHO=me", user);
  }
});

test("run --init: a container whose keeper is killed ends", async (box) => {
  for (const user of ["0", "1000"]) {
    const name = `kept${user}`;
    await using running = box.spawn`run --init -u ${user} --name ${name} busybox sleep 1000`;
    const pid = await box.pidOf(name);
    await until("PID 1 is the reaper", () => Deno.readTextFileSync(`/proc/${pid}/comm`) === "docker-init\n");
    const [, keeper] = /^PPid:\s*(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))!;
    Deno.kill(Number(keeper), "SIGKILL");
    assertEquals((await running.end()).code, 137);
    assertEquals((await box.inspect(name)).State.Running, false);
    await box.ok`ps`; // takes the bridge down
    // That no process is left is the sandbox's to say.
  }
});

test("run --init -it: Ctrl-C is the foreground job's, and job control works", async (box) => {
  await using tty = terminal(box, ["run", "-it", "--init", "--rm", "busybox", "sh"]);
  await tty.expect("# ");
  assert(!tty.screen.includes("can't access tty"), tty.screen);
  tty.send("tty; cat /proc/2/stat | cut -d' ' -f4-8; echo end''-mark\r");
  await tty.expect("end-mark\r\n");
  // Parent 1, leader of its group and session, with a terminal.
  assertMatch(tty.screen, /\/dev\/(pts\/0|console)\r\n1 2 2 [1-9]\d* \d+\r\n/);
  await tty.expect("# ");
  tty.send("echo slee''ping; sleep 1000\r");
  await tty.expect("sleeping\r\n");
  tty.send("\x03");
  await tty.expect("# ");
  tty.send("echo still $?\r");
  await tty.expect("still 130");
  await stopAndResume(tty);
  tty.send("exit 6\r");
  assertEquals((await tty.end()).code, 6);
});

test("run --init -it: a command that is interrupted ends the container, and a new size arrives", async (box) => {
  const script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.02; done";
  await using tty = terminal(box, [
    "run",
    "-it",
    "--init",
    "--rm",
    "-u",
    "1000",
    "busybox",
    "sh",
    "-c",
    script,
  ]);
  await tty.expect("ready\r\n");
  tty.resize(33, 99);
  await tty.expect("33 99\r\n");
  tty.send("\x03");
  assertEquals((await tty.end()).code, 130);
});

test("run --init: inspect tells", async (box) => {
  await box.ok`run --init --name with busybox true`;
  await box.ok`run --name without busybox true`;
  const { HostConfig, Path, Args } = await box.inspect("with");
  assertEquals([HostConfig.Init, Path, Args], [true, "true", []]);
  assertEquals((await box.inspect("without")).HostConfig.Init, undefined);
});
