import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { BIN, test, until, words } from "../world/world.ts";
import { stopAndResume, terminal, terminalOf } from "../world/pty.ts";

test("run -it: a shell shows its prompt, obeys, and gives its exit code", async (box) => {
  await using tty = terminal(box, ["run", "-it", "--rm", "busybox", "sh"]);
  await tty.expect("# ");
  tty.send("echo $((6 * 7))\r");
  await tty.expect("42\r\n");
  tty.send("exit 5\r");
  assertEquals((await tty.end()).code, 5);
});

test("run -it: the terminal is one of the container's own", async (box) => {
  await using tty = terminal(box, ["run", "-it", "--rm", "busybox", "sh"]);
  await tty.expect("# ");
  tty.send("tty; readlink /proc/self/fd/0; ls /dev/pts /dev/console; echo end-mark\r");
  const shown = await tty.expect("end-mark\r\n");
  await tty.expect("end-mark\r\n");
  assert(!tty.screen.includes(`${tty.path}\r`) || tty.path === "/dev/pts/0", shown);
  assertMatch(tty.screen, /\/dev\/(pts\/0|console)\r\n\/dev\/pts\/0\r\n/);
  tty.send("exit\r");
  assertEquals((await tty.end()).code, 0);
});

test("run -it: all the ways to say it", async (box) => {
  for (const flags of [["-it"], ["-ti"], ["-i", "-t"], ["--interactive", "--tty"]]) {
    await using tty = terminal(box, [
      "run",
      ...flags,
      "--rm",
      "busybox",
      "sh",
      "-c",
      "tty && read x && echo got $x",
    ]);
    await tty.expect(/\/dev\/(pts\/0|console)\r\n/);
    tty.send("it\r");
    await tty.expect("got it");
    assertEquals((await tty.end()).code, 0, flags.join(" "));
  }
});

test("run -it: Ctrl-C interrupts the command in the foreground only", async (box) => {
  await using tty = terminal(box, ["run", "-it", "--rm", "busybox", "sh"]);
  await tty.expect("# ");
  tty.send("echo sleeping; sleep 1000\r");
  await tty.expect("sleeping\r\n");
  tty.send("\x03");
  await tty.expect("# ");
  tty.send("echo still $?\r");
  await tty.expect("still 130");
  tty.send("exit\r");
  assertEquals((await tty.end()).code, 0);
});

test("run -it: Ctrl-Z stops a job of the container's shell, and fg resumes it", async (box) => {
  await using tty = terminal(box, ["run", "-it", "--rm", "busybox", "sh"]);
  await tty.expect("# ");
  await stopAndResume(tty);
  tty.send("exit\r");
  assertEquals((await tty.end()).code, 0);
});

test("run -it: Ctrl-D at the prompt ends the shell", async (box) => {
  await using tty = terminal(box, ["run", "-it", "--rm", "busybox", "sh"]);
  await tty.expect("# ");
  tty.send("\x04");
  assertEquals((await tty.end()).code, 0);
});

test("run -it: Ctrl-C as the first process's own handler wants it", async (box) => {
  const script = "trap 'echo caught; exit 9' INT; echo ready; while :; do sleep 0.05; done";
  await using tty = terminal(box, ["run", "-it", "--rm", "busybox", "sh", "-c", script]);
  await tty.expect("ready\r\n");
  tty.send("\x03");
  await tty.expect("caught");
  assertEquals((await tty.end()).code, 9);
});

test("run -it: the window's size at the start, and whenever it changes", async (box) => {
  const script = "trap 'stty size' WINCH; stty size; while :; do read -t 1 line && exit 0; done";
  await using tty = terminal(box, ["run", "-it", "--rm", "busybox", "sh", "-c", script], {
    rows: 33,
    columns: 101,
  });
  await tty.expect("33 101\r\n");
  tty.resize(44, 55);
  await tty.expect("44 55\r\n");
  tty.resize(10, 200);
  await tty.expect("10 200\r\n");
  tty.send("\r");
  assertEquals((await tty.end()).code, 0);
});

test("run -it: a full-screen program draws, moves, and leaves the terminal as it was", async (box) => {
  await using tty = terminal(box, ["run", "-it", "--rm", "busybox", "vi", "/tmp/file"], {
    rows: 20,
    columns: 60,
  });
  await tty.expect("- /tmp/file");
  tty.send("ihello there");
  await tty.expect("hello there");
  tty.send("\x1b");
  await tty.expect("- /tmp/file");
  tty.send(":wq\r");
  assertEquals((await tty.end()).code, 0);
  assertStringIncludes(tty.screen, "hello there");
});

test("run -it: the caller's terminal is raw meanwhile, and itself again afterwards", async (box) => {
  const script = `stty -a; "$0" run -it --rm busybox sh -c 'echo in; read x'; stty -a; echo over; read y`;
  await using tty = terminalOf(box, ["sh", "-c", script, BIN]);
  const before = (await tty.expect("in\r\n")).replace(/in\r\n$/, "");
  const inside = tty.settings();
  tty.send("\r");
  const after = await tty.expect("over\r\n");
  assertNotEquals(tty.settings(), inside);
  assertStringIncludes(after, before.trim());
  tty.send("\r");
  await tty.end();
});

test("run -it: the caller's terminal is itself again after an error, too", async (box) => {
  await using tty = terminalOf(box, [
    "sh",
    "-c",
    `"$0" run -it --rm busybox nosuch; stty; echo over; read y`,
    BIN,
  ]);
  const shown = await tty.expect("over\r\n");
  assertStringIncludes(shown, "executable file not found");
  assert(!/-icanon|-echo\b/.test(shown), shown);
  tty.send("\r");
  await tty.end();
});

test("run -it: TERM is the one docker sets, and only with a terminal", async (box) => {
  await using tty = terminal(box, ["run", "-it", "--rm", "busybox", "sh", "-c", "echo term=$TERM"], {
    env: { TERM: "vt100" },
  });
  await tty.expect("term=xterm\r\n");
  await tty.end();
  assertEquals(await box.ok`run --rm busybox sh -c 'echo term=$TERM'`, "term=");
});

test("run -t: both streams come as one, with the terminal's line ends", async (box) => {
  const { code, stdout, stderr } = await box.$`run -t --rm busybox sh -c 'echo out; echo err >&2'`;
  assertEquals([code, stdout, stderr], [0, "out\r\nerr\r\n", ""]);
});

test("run -it: without a terminal on stdin it refuses, as docker does, and makes nothing", async (box) => {
  const { code, stderr } = await box.$(words`run -it --name never busybox sh`, { stdin: "" });
  assertEquals(code, 1);
  assertMatch(stderr, /the input device is not a TTY/);
  assertEquals(await box.ok`ps -aq`, "");
});

test("run -i: on a terminal, without -t, stdin is a plain pipe", async (box) => {
  await using tty = terminal(box, ["run", "-i", "--rm", "busybox", "sh", "-c", "tty; read x; echo got $x"]);
  await tty.expect("not a tty");
  tty.send("line\r");
  await tty.expect("got line");
  assertEquals((await tty.end()).code, 0);
});

test("run: Ctrl-C on a caller's terminal reaches a command without one", async (box) => {
  const script = "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done";
  await using tty = terminal(box, ["run", "--rm", "busybox", "sh", "-c", script]);
  await tty.expect("ready");
  tty.send("\x03");
  await tty.expect("caught");
  assertEquals((await tty.end()).code, 3);
});

test("run -it: a user who is not root owns the terminal and can open it again", async (box) => {
  await using tty = terminal(box, [
    "run",
    "-it",
    "--rm",
    "-u",
    "app",
    "busybox",
    "sh",
    "-c",
    "echo via >/dev/tty && echo x >$(tty); echo rc=$?",
  ]);
  await tty.expect("via\r\nx\r\nrc=0\r\n");
  assertEquals((await tty.end()).code, 0);
});

test("run -it: much output on the terminal arrives whole", async (box) => {
  await using tty = terminal(box, ["run", "-it", "--rm", "busybox", "seq", "1", "20000"]);
  assertEquals((await tty.end()).code, 0);
  const expected = Array.from({ length: 20000 }, (_, i) => `${i + 1}\r\n`).join("");
  assert(tty.screen === expected, `${tty.screen.length} characters instead of ${expected.length}`);
});

test("run -it: when the terminal goes away the container gets its SIGHUP", async (box) => {
  const script = "trap 'exit 0' HUP; echo ready; while :; do sleep 0.05; done";
  {
    await using tty = terminal(box, ["run", "-it", "--name", "hung", "busybox", "sh", "-c", script]);
    await tty.expect("ready");
    const pid = await box.pidOf("hung");
    Deno.kill(tty.pid, "SIGHUP");
    await until("the container has ended", async () => (await box.inspect("hung")).State.Running === false);
    await until("its process is gone", () => {
      try {
        Deno.kill(pid, "SIGCONT");
        return false;
      } catch {
        return true;
      }
    });
  }
});

test("logs: what a terminal showed", async (box) => {
  await box.$`run -t --name shown busybox sh -c 'echo one; echo two >&2'`;
  const { stdout, stderr } = await box.$`logs shown`;
  assertEquals([stdout, stderr], ["one\r\ntwo\r\n", ""]);
});
