import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BIN, test, words } from "../world/world.ts";
import { busyboxTar } from "../world/images.ts";

test("run: the command's exit code is mydocker's", async (box) => {
  for (const code of [0, 1, 7, 125, 126, 127, 255]) {
    assertEquals((await box.$`run --rm busybox sh -c 'exit ${code}'`).code, code);
  }
});

test("run: 128 and the signal's number where a signal ended the command", async (box) => {
  for (const [signal, number] of [["KILL", 9], ["ABRT", 6], ["SEGV", 11]] as const) {
    const script = `sh -c 'kill -${signal} $$'; exit $?`;
    assertEquals((await box.$`run --rm busybox sh -c ${script}`).code, 128 + number);
  }
});

test("run: stdout and stderr stay apart", async (box) => {
  const { code, stdout, stderr } = await box.$`${[
    "run",
    "--rm",
    "busybox",
    "sh",
    "-c",
    "echo out; echo err >&2; echo out2",
  ]}`;
  assertEquals({ code, stdout, stderr }, { code: 0, stdout: "out\nout2\n", stderr: "err\n" });
});

test("run: bytes of every value pass through stdin and stdout unchanged", async (box) => {
  const bytes = new Uint8Array(3_000_000);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 7 + (i >> 8)) & 255;
  const { code, out, stderr } = await box.$(words`run -i --rm busybox cat`, { stdin: bytes });
  assertEquals([code, stderr, out.length], [0, "", bytes.length]);
  assert(out.every((byte, i) => byte === bytes[i]), "the bytes differ");
});

test("run: bytes pass through stderr unchanged while stdout is busy", async (box) => {
  const { code, stdout, stderr } = await box.$`${[
    "run",
    "--rm",
    "busybox",
    "sh",
    "-c",
  ]} '(seq 1 100000) & (seq 1 100000 >&2); wait'`;
  const expected = Array.from({ length: 100000 }, (_, i) => `${i + 1}\n`).join("");
  assertEquals(code, 0);
  assert(stdout === expected && stderr === expected, "what was written is not what arrived");
});

test("run: without -i the command reads nothing", async (box) => {
  const { code, stdout } = await box.$(words`run --rm busybox wc -c`, { stdin: "not for it" });
  assertEquals([code, stdout.trim()], [0, "0"]);
});

test("run: the end of stdin arrives, also when the command goes on", async (box) => {
  const { stdout } = await box.$(words`run -i --rm busybox sh -c 'cat; echo end'`, {
    stdin: "a\n",
  });
  assertEquals(stdout, "a\nend\n");
});

test("run: input the command never reads does not keep it", async (box) => {
  const input = new Uint8Array(1_000_000);
  const { code } = await box.$(words`run -i --rm busybox true`, { stdin: input });
  assertEquals(code, 0);
});

test("run: ends with its command while stdin stays open", async (box) => {
  await using running = box.spawn`run -i --rm busybox sh -c 'read line; echo got $line'`;
  await running.send("this\n");
  const { code, stdout } = await running.end();
  assertEquals([code, stdout], [0, "got this\n"]);
});

test("run: ends with its command although a child of that still has stdout", async (box) => {
  const { code, stdout } = await box.$`run --rm busybox sh -c 'sleep 1000 & echo done'`;
  assertEquals([code, stdout], [0, "done\n"]);
});

test("run: the last output before the end arrives", async (box) => {
  for (let i = 0; i < 5; i++) {
    const { out } = await box.$`run --rm busybox head -c 300000 /dev/zero`;
    assertEquals(out.length, 300000);
  }
});

test("run: a reader that goes away ends it as a shell's pipeline would", async (box) => {
  const script = `"$0" run --rm busybox yes | head -n 1; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await box.exec`bash -c ${script} ${BIN}`;
  assertEquals(stdout, "y\n141\n");
  // PID 1 is not killed by SIGPIPE and may say what it saw; mydocker has nothing to add.
  assert(!stderr.includes("mydocker"), stderr);
});

test("run: /dev/full as stdout is an error, not silence", async (box) => {
  const { code } = await box.exec`sh -c '"$0" run --rm busybox echo x >/dev/full' ${BIN}`;
  assert(code !== 0, "exit code 0, and the output is lost");
});

test("run: closed standard streams do not get in its way", async (box) => {
  const script = `"$0" run --name closed busybox sh -c 'echo out; ls /proc/self/fd' <&- >&- 2>&-; echo $?`;
  const { stdout } = await box.exec`sh -c ${script} ${BIN}`;
  assertEquals(stdout, "0\n");
  assertStringIncludes(await box.ok`logs closed`, "out\n");
});

test("run: the command sees its arguments as they were given", async (box) => {
  const words = ["a b", "", "$HOME", "*", "--rm", "-it", "ü\n\t", "'\"\\"];
  const stdout = await box.ok`run --rm busybox sh -c 'printf "%s|" "$@"' sh ${words}`;
  assertEquals(stdout, words.map((word) => `${word}|`).join(""));
});

test("run: what is written stays in the container, not in the image", async (box) => {
  await box.ok`run --name one busybox sh -c 'echo changed >/seed/file; rm -r /seed/sub; echo >/new'`;
  assertEquals(
    await box.ok`run --rm busybox cat /seed/file /seed/sub/deep`,
    "from the image\ndeep",
  );
  assertEquals(await box.ok(words`run --rm busybox ls /new`, {}).catch(() => "absent"), "absent");
});

test("run: without --rm the container stays, with its exit code", async (box) => {
  assertEquals((await box.$`run --name stays busybox sh -c 'exit 3'`).code, 3);
  const { State, Name } = await box.inspect("stays");
  assertEquals([Name, State.Status, State.Running, State.ExitCode, State.Pid], [
    "/stays",
    "exited",
    false,
    3,
    0,
  ]);
});

test("run --rm: nothing stays, and the name is free at once", async (box) => {
  for (let i = 0; i < 3; i++) await box.ok`run --rm --name same busybox true`;
  assertEquals(await box.ok`ps -aq`, "");
  for (const folder of ["containers", "names"]) {
    const left = [...Deno.readDirSync(`${box.root}/${folder}`)].map(({ name }) => name);
    assertEquals(left.filter((name) => name !== ".lock"), []);
  }
});

test("run --rm: nothing stays of a command that was not found", async (box) => {
  assertEquals((await box.$`run --rm busybox nosuch`).code, 127);
  assertEquals(await box.ok`ps -aq`, "");
});

test("run: the same image under every spelling of its name", async (box) => {
  const id = (await box.ok`images -q --no-trunc busybox`).trim();
  for (
    const name of [
      "busybox",
      "busybox:latest",
      id,
      id.replace("sha256:", ""),
      id.slice(7, 19),
      id.slice(7, 11),
    ]
  ) {
    assertEquals(await box.ok`run --rm ${name} echo yes`, "yes", name);
  }
});

test("run: container run is the same command", async (box) => {
  assertEquals(await box.ok`container run --rm busybox echo yes`, "yes");
});

test("run: the command is found through the container's PATH only", async (box) => {
  assertEquals((await box.$`run --rm -e PATH=/nowhere busybox echo`).code, 127);
  const args = ["run", "--rm", "-e", "PATH=/nowhere:/bin", "busybox", "echo", "found"];
  assertEquals(await box.ok(args, { env: { PATH: Deno.env.get("PATH")! } }), "found");
});

test("run: the root directory may have a long path with odd characters", async (box) => {
  const root = `${box.dir}/root with, commas: and=odd/${"long".repeat(50)}/\\x`;
  const env = { MYDOCKER_ROOT: root };
  await box.ok(words`import ${await busyboxTar()} busybox`, { env });
  assertEquals(await box.ok(words`run --rm -v vol:/vol busybox echo works`, { env }), "works");
});

test("run: --root names the root directory as MYDOCKER_ROOT does", async (box) => {
  const elsewhere = { env: { MYDOCKER_ROOT: `${box.dir}/other` } };
  assertEquals(
    await box.ok(words`--root ${box.root} run --rm busybox echo here`, elsewhere),
    "here",
  );
  assertMatch((await box.$(words`run --rm busybox echo`, elsewhere)).stderr, /busybox/);
});

test("run --debug: each step with its duration, on stderr", async (box) => {
  const { code, stdout, stderr } = await box.$`--debug run --rm busybox echo hi`;
  assertEquals([code, stdout], [0, "hi\n"]);
  assert(stderr.split("\n").filter((line) => /\d ms/.test(line)).length >= 5, stderr);
  const other = await box.$(words`run --rm busybox echo hi`, { env: { MYDOCKER_LOG: "debug" } });
  assertMatch(other.stderr, /\d ms/);
});
