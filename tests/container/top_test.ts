// top and port: what is said of a running container's processes and ports.

import { assertEquals, assertMatch } from "@std/assert";
import { test, until, words } from "../world/world.ts";

test("top: the container's processes and no others, with docker's columns", async (box) => {
  await using running = box.spawn`run --name box busybox sh -c 'sleep 1001 & echo up; sleep 1002; true'`;
  await running.expect("up");
  await using other = box.spawn`run --name other busybox sleep 1003`;
  await box.pidOf("other");
  const first = await box.pidOf("box");
  const commands = () => box.ok`top box -eo pid,args`;
  await until(
    "both sleep",
    async () => /sleep 1001/.test(await commands()) && /sleep 1002/.test(await commands()),
  );
  const [title, ...lines] = (await box.ok`container top box`).split("\n");
  const columns = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME"].map((name) => name.padEnd(20)).join("");
  assertEquals(title, `${columns}CMD`);
  assertEquals(lines.map((line) => line.slice(140)).sort(), [
    "sh -c sleep 1001 & echo up; sleep 1002; true",
    "sleep 1001",
    "sleep 1002",
  ]);
  assertEquals(Number(lines[0].slice(20, 40)), first);
  assertEquals(
    await box.ok`top other -o pid,comm`,
    `${"PID".padEnd(20)}COMMAND\n${String(await box.pidOf("other")).padEnd(20)}sleep`,
  );
  await box.ok`rm -f box other`;
  await Promise.all([running.end(), other.end()]);
});

test("top: a process of the host that entered the PID namespace is none of the container's; and an event", async (box) => {
  await box.ok`run -d --name box busybox sleep 1000`;
  const first = await box.pidOf("box");
  await using guest = box.start`nsenter -t ${first} -p sh -c 'echo up; sleep 1001; true'`;
  await guest.expect("up");
  assertEquals(
    await box.ok`top box -eo pid,comm`,
    `${"PID".padEnd(20)}COMMAND\n${String(first).padEnd(20)}sleep`,
  );
  const filters = ["--filter", "container=box", "--filter", "event=top"];
  assertEquals(
    await box.ok`events --since 1h --until 0s ${filters} --format {{.Action}}`,
    "top",
  );
  await box.ok`rm -f box`;
  await guest.end();
});

test("top: docker's refusals, and what a host without ps says", async (box) => {
  await box.ok`run --name ended busybox true`;
  await using running = box.spawn`run --name box busybox sleep 1000`;
  await box.pidOf("box");
  const id = (await box.inspect("ended")).Id;
  const refusals: [string[], string | RegExp][] = [
    [["ended"], `mydocker: Container ${id} is not running\n`],
    [["missing"], "mydocker: No such container: missing\n"],
    [["box", "-o", "comm"], "mydocker: Couldn't find PID field in ps output\n"],
    [["box", "-o", "comm=PID"], 'mydocker: specifying "comm=PID" is not allowed\n'],
    [["box", "-Z_bad"], /^mydocker: ps: .+\n$/],
  ];
  for (const [args, wanted] of refusals) {
    const { code, stdout, stderr } = await box.$`top ${args}`;
    assertEquals([code, stdout], [1, ""], args.join(" "));
    if (typeof wanted === "string") assertEquals(stderr, wanted);
    else assertMatch(stderr, wanted);
  }
  // The self-extracting form needs some of the host's tools, whichever.
  Deno.mkdirSync(box.path("bin"));
  for (const { name } of Deno.readDirSync("/usr/bin")) {
    if (name !== "ps") Deno.symlinkSync(`/usr/bin/${name}`, box.path(`bin/${name}`));
  }
  const { code, stderr } = await box.$(words`top box`, { env: { PATH: box.path("bin") } });
  assertEquals(code, 1);
  assertMatch(stderr, /^mydocker: top shows what the host's ps prints, and the host has none/);
  await box.ok`rm -f box`;
  await running.end();
});

test("port: nothing is published", async (box) => {
  await box.ok`run --name box busybox true`;
  assertEquals(await box.ok`port box`, "");
  const refusals: [string[], string][] = [
    [["box", "80"], "No public port '80/tcp' published for box"],
    [["box", "80/udp"], "No public port '80/udp' published for box"],
    [["box", "x"], 'invalid port (x): strconv.ParseUint: parsing "x": invalid syntax'],
    [["missing"], "No such container: missing"],
  ];
  for (const [args, wanted] of refusals) {
    const { code, stdout, stderr } = await box.$`container port ${args}`;
    assertEquals([code, stdout, stderr], [1, "", `mydocker: ${wanted}\n`]);
  }
});
