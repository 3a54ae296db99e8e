// attach: to containers that run already, and the keys that leave them.

import { assertEquals, assertMatch } from "@std/assert";
import { test, until, words } from "../world/world.ts";
import { terminal } from "../world/pty.ts";

test("attach: what it writes from now on, each stream its own, and its exit code", async (box) => {
  await box.ok`run -di --name main busybox sh -c 'echo before; read x; echo out $x; echo err >&2; exit 5'`;
  await until("the first line is logged", async () => await box.ok`logs main` === "before");
  const { code, stdout, stderr } = await box.$(words`attach main`, { stdin: "now\n" });
  assertEquals([code, stdout, stderr], [5, "out now\n", "err\n"]);
});

test("attach: the end of its input is not the container's", async (box) => {
  await box.ok`run -di --name main busybox cat`;
  await using first = box.spawn`attach main`;
  await first.send("one\n", true);
  await first.expect("one\n");
  await using second = box.spawn`attach --no-stdin main`;
  await using third = box.spawn`attach main`;
  await until("both are there", async () => {
    await third.send("two\n");
    return (await box.ok`logs main`).split("two").length > 3;
  });
  await second.expect("two\n");
  await box.ok`rm -f main`;
  assertEquals([(await first.end()).code, (await second.end()).code, (await third.end()).code], [
    137,
    137,
    137,
  ]);
});

test("attach: several see the same, also of a container that is removed at its end", async (box) => {
  await box.ok`run -di --rm --name main busybox
    sh -c 'while read x; do echo $x; [ $x = end ] && exit 3; done'`;
  const all = Array.from({ length: 3 }, () => box.spawn`attach --no-stdin main`);
  await using one = box.spawn`attach main`;
  await until("all are there", async () => {
    await one.send("tick\n");
    return all.every(({ stdout }) => stdout.includes("tick"));
  });
  await one.send("end\n");
  for (const attached of [one, ...all]) {
    await attached.expect("end\n");
    assertEquals((await attached.end()).code, 3);
    await attached[Symbol.asyncDispose]();
  }
});

test("attach: not to one that does not run", async (box) => {
  await box.ok`create --name main busybox true`;
  const { code, stderr } = await box.$`attach main`;
  assertEquals(code, 1);
  assertMatch(stderr, /You cannot attach to a stopped container, start it first/);
  assertMatch((await box.$`attach missing`).stderr, /No such container: missing/);
});

test("attach: signals reach the container, unless told otherwise", async (box) => {
  await box.ok`run -d --name main busybox sh -c "trap 'exit 9' TERM; while :; do echo on; sleep 0.02; done"`;
  await using deaf = box.spawn`attach --sig-proxy=false main`;
  await deaf.expect("on");
  deaf.kill("SIGTERM");
  await deaf.end();
  assertEquals((await box.inspect("main")).State.Status, "running");
  await using attached = box.spawn`attach main`;
  await attached.expect("on");
  attached.kill("SIGTERM");
  assertEquals((await attached.end()).code, 9);
});

test("run -it, the detach keys, attach: the same shell all the time", async (box) => {
  await using first = terminal(box, ["run", "-it", "--name", "main", "busybox", "sh"]);
  await first.expect("# ");
  first.send("x=kept\r");
  await first.expect("# ");
  first.send("\x10\x11");
  assertEquals((await first.end()).code, 0);
  assertEquals((await box.inspect("main")).State.Status, "running");
  await using second = terminal(box, ["attach", "main"]);
  second.send("echo it was $x\r");
  await second.expect("it was kept");
  second.send("\x10");
  second.send("\x11");
  await second.expect("read escape sequence");
  assertEquals((await second.end()).code, 1);
  await using third = terminal(box, ["attach", "--detach-keys", "a,b", "main"]);
  third.send("echo a-x-$x\r");
  await third.expect("a-x-kept");
  third.send("exit 3\r");
  assertEquals((await third.end()).code, 3);
});

test("run -it --rm, the detach keys: removed when it ends, by its keeper", async (box) => {
  await using first = terminal(box, [
    "run",
    "-it",
    "--rm",
    "--name",
    "main",
    "busybox",
    "sh",
    "-c",
    "read x",
  ]);
  await until("it runs", async () => (await box.$`inspect main`).code === 0);
  first.send("\x10\x11");
  assertEquals((await first.end()).code, 0);
  await using second = terminal(box, ["attach", "main"]);
  second.send("\r");
  await second.end();
  await until("it is gone", async () => await box.ok`ps -aq` === "");
});

test("start -ai: the detach keys are no failure, and nothing is said", async (box) => {
  await box.ok`create -it --name main busybox sh`;
  for (const round of ["started", "attached"]) {
    await using tty = terminal(box, ["start", "-ai", "main"]);
    tty.send("\r");
    await tty.expect("# ");
    tty.send("\x10\x11");
    assertEquals((await tty.end()).code, 0, round);
    assertEquals(tty.screen.includes("escape"), false);
  }
  await box.ok`rm -f main`;
});

test("attach --no-stdin: Ctrl-C leaves a container that has a terminal", async (box) => {
  await box.ok`run -dit --name main busybox sh -c "trap 'echo caught' INT; cat; exit 9"`;
  await using tty = terminal(box, ["attach", "--no-stdin", "main"]);
  await using typing = terminal(box, ["attach", "main"]);
  await until("both are there", () => {
    typing.send("tick\r");
    return tty.screen.includes("tick");
  });
  tty.send("\x03");
  await tty.end();
  assertEquals((await box.inspect("main")).State.Status, "running");
  assertEquals((await box.ok`logs main`).includes("caught"), false);
  await box.ok`rm -f main`;
});

test("attach --sig-proxy=false: the window's size is passed on all the same", async (box) => {
  await box.ok`run -dit --name main busybox sh`;
  await using tty = terminal(box, ["attach", "--sig-proxy=false", "main"]);
  tty.send("\r");
  await tty.expect("# ");
  tty.resize(33, 77);
  await until("the size is passed on", async () => {
    tty.send("stty size\r");
    await tty.expect("stty size\r\n");
    return (await tty.expect("# ")).includes("33 77");
  });
  await box.ok`rm -f main`;
});

test("run -it: a container whose caller's terminal is gone keeps its own", async (box) => {
  const script = "trap '' HUP; while :; do echo tick; sleep 0.02; done";
  const logged = async () => (await box.ok`logs main`).length;
  {
    await using tty = terminal(box, ["run", "-it", "--name", "main", "busybox", "sh", "-c", script]);
    await tty.expect("tick");
    await tty.hangUp();
    const before = await logged();
    await until("it goes on", async () => await logged() > before + 50);
  }
  await using again = terminal(box, ["attach", "main"]);
  await again.expect("tick");
  again.send("\x10\x11");
  await again.end();
  await box.ok`rm -f main`;
});

test("attach: a container that has closed its terminal is refused", async (box) => {
  await box.ok`run -dt --name main busybox sh -c 'exec <&- >&- 2>&-; while :; do sleep 1; done'`;
  await until("that is seen", async () => {
    const { code, stderr } = await box.$(words`attach --no-stdin main`, { timeout: 1 }).catch(() => ({
      code: 0,
      stderr: "",
    }));
    return code === 1 && /closed its terminal/.test(stderr);
  });
  await box.ok`rm -f main`;
});

test("--detach-keys '': every key is the container's", async (box) => {
  const script = "stty raw -echo; echo ready; head -c 3 | od -An -tx1";
  await box.ok`run -d --name up busybox sleep 1000`;
  await box.ok`create -it --name made busybox sh -c ${script}`;
  for (
    const args of [
      ["run", "--rm", "-it", "--detach-keys", "", "busybox", "sh", "-c", script],
      ["exec", "-it", "--detach-keys=", "up", "sh", "-c", script],
      ["start", "-ai", "--detach-keys", "", "made"],
    ]
  ) {
    await using shown = terminal(box, args);
    await shown.expect("ready");
    shown.send("\x10\x11x");
    await shown.expect(/10 11 78/);
    assertEquals((await shown.end()).code, 0, args[0]);
  }
  await box.ok`run -dit --name attached busybox sh -c 'echo wait; ${script}'`;
  await using shown = terminal(box, ["attach", "--detach-keys", "", "attached"]);
  await until(
    "it is attached",
    async () =>
      (await box.ok`events --since 1h --until 0s --filter event=attach --filter container=attached`) !== "",
  );
  shown.send("\x10\x11x");
  await shown.expect(/10 11 78/);
  assertEquals((await shown.end()).code, 0);
  await box.ok`rm -f up`;
});

test("run --detach-keys: what no keys are", async (box) => {
  const { code, stderr } = await box.$`run --detach-keys ctrl-zz busybox true`;
  assertEquals(code, 125);
  assertMatch(stderr, /Invalid detach keys \(ctrl-zz\) provided/);
});
