// Much input: moved from the caller's pipe to the container's, or read and written where it can't be moved;
// whole and in order, whatever either end does.

import { assert, assertEquals } from "@std/assert";
import { BIN, type Box, test, until } from "../world/world.ts";
import { exists } from "../world/exists.ts";

/** 6.9 MB in lines that all differ. */
const MUCH = "seq 1 1000000";
const sh = async (box: Box, script: string, ...args: string[]) =>
  (await box.exec`sh -c ${script} ${[BIN, ...args]}`).stdout.trim();
const wanted = (box: Box) => sh(box, `${MUCH} | md5sum`);

/** Makes a stdin of the next command that doesn't block. */
const UNBLOCK = "dd iflag=nonblock count=0 status=none";

test("input: from a pipe, a file, and a pipe that does not block, much of it arrives whole", async (box) => {
  const sum = await wanted(box);
  const run = `"$0" run -i --rm --network none busybox md5sum`;
  assertEquals(await sh(box, `${MUCH} | ${run}`), sum);
  assertEquals(await sh(box, `${MUCH} >in; ${run} <in`), sum);
  assertEquals(
    await sh(box, `{ seq 1 500000; sleep 0.3; seq 500001 1000000; } | { ${UNBLOCK}; ${run}; }`),
    sum,
  );
  // In drops, too, of which each takes a buffer of the pipe.
  const drops = "for i in $(seq 1 300); do echo $i; done";
  assertEquals(await sh(box, `{ ${drops}; } | ${run}`), await sh(box, `{ ${drops}; } | md5sum`));
  // What it does not take is left to others.
  assertEquals(
    await sh(box, `: >in; ${run} <in; ${run} </`),
    "d41d8cd98f00b204e9800998ecf8427e  -\nd41d8cd98f00b204e9800998ecf8427e  -",
  );
});

test("input: exec, start and attach pass much of it on as run does", async (box) => {
  const sum = await wanted(box);
  await box.ok`run -di --name main busybox sh -c ${"head -c 6888896 | md5sum"}`;
  assertEquals(await sh(box, `${MUCH} | "$0" exec -i main md5sum`), sum);
  await sh(box, `${MUCH} | "$0" attach main`);
  assertEquals(await box.ok`logs main`, sum);
  await box.ok`rm -f main`;
  await box.ok`create -i --name again busybox md5sum`;
  for (let i = 0; i < 2; i++) assertEquals(await sh(box, `${MUCH} | "$0" start -ai again`), sum);
});

test("input: what the container does not read keeps neither its end nor a signal", async (box) => {
  assertEquals(await sh(box, `yes | "$0" run -i --rm busybox true; echo $?`), "0");
  const some = "head -c 300000 | md5sum";
  assertEquals(
    await sh(box, `yes | "$0" run -i --rm busybox sh -c '${some}'`),
    await sh(box, `yes | ${some}`),
  );
  // It closes its end, and goes on.
  const closes = "exec </dev/null; sleep 0.3; echo on";
  assertEquals(await sh(box, `yes | "$0" run -i --rm busybox sh -c '${closes}'; echo $?`), "on\n0");
});

/**
 * A container that reads nothing, and its client, on whose stdin come more bytes than any pipe holds: some of
 * them have been passed on by now.
 */
async function unread(box: Box, name: string, command: string) {
  const feed = "mkfifo in; { head -c 120000 /dev/zero; : >fed; exec cat /dev/zero; } >in &";
  const run = `exec "$0" run -i --name ${name} --network none busybox sh -c "$1" <in`;
  const running = box.start(["sh", "-c", `${feed} ${run}`, BIN, command]);
  await running.expect("on");
  await until("input is passed on", () => exists(box.path("fed")));
  return running;
}

test("input: a signal reaches a container that does not read", async (box) => {
  const waits = 'trap "exit 7" TERM; echo on; while :; do sleep 0.05; done';
  await using running = await unread(box, "deaf", waits);
  running.kill("SIGTERM");
  assertEquals((await running.end()).code, 7);
});

test("input: it ends with its client, which was killed while it waited for room", async (box) => {
  await using running = await unread(
    box,
    "slow",
    "echo on; until [ -e /go ]; do sleep 0.05; done; cat >/dev/null; exit 2",
  );
  const pid = await box.pidOf("slow");
  running.kill("SIGKILL");
  await running.end();
  Deno.writeTextFileSync(`/proc/${pid}/root/go`, "");
  assertEquals(await box.ok`wait slow`, "2");
});

test("input: a container that writes into its own input gets more, and keeps nothing waiting", async (box) => {
  const own = "exec 5<>/proc/self/fd/0; echo mine >&5; head -n 1000001 | grep -c mine; exit 3";
  assertEquals(await sh(box, `${MUCH} | "$0" run -i --rm busybox sh -c '${own}'; echo $?`), "1\n3");
});

test("input: of a file the container gets a copy, not the host's pages", async (box) => {
  const script = "until [ -e /go ]; do sleep 0.05; done; md5sum";
  Deno.writeFileSync(box.path("in"), new Uint8Array(4096).fill(97));
  await using running = box.start([
    "sh",
    "-c",
    `exec "$0" run -i --name main busybox sh -c '${script}' <in`,
    BIN,
  ]);
  const pid = await box.pidOf("main");
  const position = () => /^pos:\s*(\d+)/m.exec(Deno.readTextFileSync(`/proc/${running.pid}/fdinfo/0`))![1];
  await until("the file has been read", () => position() === "4096");
  using file = Deno.openSync(box.path("in"), { write: true });
  file.writeSync(new Uint8Array(4096).fill(98));
  Deno.writeTextFileSync(`/proc/${pid}/root/go`, "");
  const { stdout } = await running.end();
  assertEquals(stdout.trim(), await sh(box, "head -c 4096 /dev/zero | tr '\\0' a | md5sum"));
});

test("input: from a pipe it is moved, and not written by the client", async (box) => {
  const script = "head -c 6888896 | md5sum; until [ -e /go ]; do sleep 0.05; done";
  const run = `mkfifo in; ${MUCH} >in & exec "$0" run -i --name main busybox sh -c "$1" <in`;
  await using running = box.start(["sh", "-c", run, BIN, script]);
  await running.expect(await wanted(box));
  const written = Number(
    /^wchar: (\d+)/m.exec(Deno.readTextFileSync(`/proc/${running.pid}/io`))![1],
  );
  assert(written < 1e6, `${written} bytes were written`);
  Deno.writeTextFileSync(`/proc/${await box.pidOf("main")}/root/go`, "");
  assertEquals((await running.end()).code, 0);
});
