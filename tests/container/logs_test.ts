// logs: what containers wrote, from logs made by hand, whose bytes and times are known, and from those of
// containers.

import { assert, assertEquals } from "@std/assert";
import { BIN, type Box, test, until, words } from "../world/world.ts";

const encoder = new TextEncoder();
/** 2026-01-01T00:00:00Z, when the logs made by hand begin. */
const START = 1767225600;

/** One frame as the keeper writes it (lib/keeper/log_program.ts), `seconds` after START. */
function frame(stream: number, text: string, seconds = 0): Uint8Array {
  const data = encoder.encode(text);
  const bytes = new Uint8Array(32 + data.length);
  new BigInt64Array(bytes.buffer, 0, 4).set([START + seconds, 5, stream, data.length].map(BigInt));
  bytes.set(data, 32);
  return bytes;
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** A container that never ran, with these files as its log, oldest first. */
async function withLog(box: Box, name: string, ...files: Uint8Array[]): Promise<void> {
  const options = ["--log-opt", "max-size=1m", "--log-opt", `max-file=${Math.max(1, files.length)}`];
  const id = await box.ok`create --name ${name} ${options} busybox true`;
  files.reverse().forEach((content, index) => {
    Deno.writeFileSync(`${box.root}/containers/${id}/log${index === 0 ? "" : `.${index}`}`, content);
  });
}

/** Both streams of `mydocker logs`, in the order in which they were written. */
async function merged(box: Box, ...args: string[]): Promise<string> {
  return (await box.exec`sh -c 'exec "$0" logs "$@" 2>&1' ${BIN} ${args}`).stdout;
}

const FOUR = [
  frame(1, "out1\nout2\n", 1),
  frame(2, "err1\n", 2),
  frame(1, "out3\n", 3),
  frame(1, "end", 4),
];
const at = (second: number) => `2026-01-01T00:00:0${second}.000000005Z`;

test("logs: each stream to its own, byte for byte", async (box) => {
  await withLog(box, "four", joined(...FOUR));
  const { code, stdout, stderr } = await box.$`logs four`;
  assertEquals([code, stdout, stderr], [0, "out1\nout2\nout3\nend", "err1\n"]);
  assertEquals(await box.$`container logs -f four`, await box.$`logs four`);
});

test("logs: --timestamps and --details before each line", async (box) => {
  await withLog(box, "four", joined(...FOUR));
  assertEquals(
    await merged(box, "-t", "four"),
    `${at(1)} out1\n${at(1)} out2\n${at(2)} err1\n${at(3)} out3\n${at(4)} end`,
  );
  assertEquals(await merged(box, "--details", "-n", "2", "four"), " out3\n end");
  assertEquals(await merged(box, "--details", "-tn1", "four"), `${at(4)}  end`);
});

test("logs: lines are in the order in which they were completed, whatever frames they came in", async (box) => {
  const frames = [frame(1, "a", 1), frame(2, "x\ny", 2), frame(1, "b\nc", 3), frame(2, "z\n", 4)];
  await withLog(box, "mixed", joined(...frames));
  assertEquals(await merged(box, "-t", "mixed"), `${at(2)} x\n${at(3)} ab\n${at(4)} yz\n${at(3)} c`);
  assertEquals(await merged(box, "-n", "3", "mixed"), "ab\nyz\nc");
  assertEquals(await merged(box, "-n", "2", "mixed"), "yz\nc");
});

test("logs: a line in three frames has its end's time, before --since, at it, and in what --tail takes", async (box) => {
  const frames = [
    frame(1, "a", 1),
    frame(1, "b", 2),
    frame(2, "e", 2),
    frame(1, "c\nd\n", 3),
    frame(2, "\n", 4),
  ];
  await withLog(box, "split", joined(...frames));
  assertEquals(await merged(box, "-t", "split"), `${at(3)} abc\n${at(3)} d\n${at(4)} e\n`);
  assertEquals(await merged(box, "split"), "abc\nd\ne\n");
  assertEquals(await merged(box, "--since", "2026-01-01T00:00:03Z", "split"), "abc\nd\ne\n");
  assertEquals(await merged(box, "--since", "2026-01-01T00:00:04Z", "-t", "split"), `${at(4)} e\n`);
  assertEquals(await merged(box, "-n", "2", "--details", "split"), " d\n e\n");
});

test("logs: much of one stream between little of the other is whole, to a reader that leaves it unread too", async (box) => {
  const full = (stream: number, letter: string) =>
    frame(stream, `${letter.repeat(99)}\n`.repeat(655) + `${letter}\n`);
  const frames = [
    frame(2, "first\n"),
    full(1, "a"),
    frame(1, "half"),
    frame(2, "then\n"),
    full(1, "b"),
    full(1, "c"),
  ];
  const rows = (letter: string) => `${letter.repeat(99)}\n`.repeat(655) + `${letter}\n`;
  await withLog(box, "much", joined(...frames));
  const both = `first\n${rows("a")}then\nhalf${rows("b")}${rows("c")}`;
  assert(await merged(box, "much") === both, "in order");
  const { stdout } = await box.exec`bash -c '"$0" logs much 2>&1 | head -n 1; echo "$PIPESTATUS"' ${BIN}`;
  assertEquals(stdout, "first\n141\n");
});

test("logs: --tail counts lines, over several files", async (box) => {
  const files = [frame(1, "1\n2\n3"), frame(1, "3\n4\n"), frame(1, "5\n6")];
  await withLog(box, "files", ...files);
  const all = "1\n2\n33\n4\n5\n6";
  for (const count of ["all", "", "-1", "6", "7", "99999999999"]) {
    assertEquals(await box.ok`logs --tail ${count} files`, all, count);
  }
  for (let count = 0; count < 6; count++) {
    const lines = all.split("\n").slice(6 - count).join("\n");
    assertEquals(await box.ok`logs --tail ${count} files`, lines, `${count} lines`);
  }
});

test("logs: --tail of a long log with lines of all lengths is its end", async (box) => {
  let seed = 1;
  const random = (below: number) => (seed = seed * 48271 % 0x7fffffff) % below;
  const line = (id: number) => `${id} ${"x".repeat(random(20) === 0 ? random(90000) : random(30))}\n`;
  const text = [1, 2].map(() => Array.from({ length: 3000 }, (_, id) => line(id)).join(""));
  const frames: Uint8Array[] = [];
  for (const done = [0, 0]; done.some((length, index) => length < text[index].length);) {
    const index = random(2);
    const end = done[index] + random(32768);
    const piece = text[index].slice(done[index], end);
    if (piece !== "") frames.push(frame(index + 1, piece));
    done[index] = end;
  }
  const part = Math.ceil(frames.length / 3);
  const concat = (list: Uint8Array[]) => new Uint8Array(list.reduce((sum, { length }) => sum + length, 0));
  const files = [0, 1, 2].map((number) => {
    const list = frames.slice(number * part, (number + 1) * part);
    const bytes = concat(list);
    let offset = 0;
    for (const one of list) {
      bytes.set(one, offset);
      offset += one.length;
    }
    return bytes;
  });
  await withLog(box, "long", ...files);
  const both = await box.$`logs long`;
  assert(both.stdout === text[0] && both.stderr === text[1], "all of both streams");
  const all = (await merged(box, "long")).split("\n").slice(0, -1);
  for (const count of [1, 2, 3, 50, 700, 2500, 5999]) {
    const tail = (await merged(box, "-n", `${count}`, "long")).split("\n").slice(0, -1);
    assert(tail.join("\n") === all.slice(-count).join("\n"), `the last ${count}: there are ${tail.length}`);
  }
});

test("logs: a line that is very long has one time, and none of it is lost", async (box) => {
  const piece = "x".repeat(30000);
  const frames = Array.from({ length: 20 }, () => frame(1, piece, 1));
  await withLog(box, "wide", joined(...frames, frame(1, "\nnext\n", 2)));
  const stdout = await box.ok`logs -t wide`;
  assert(stdout === `${at(1)} ${piece.repeat(20)}\n${at(2)} next`, `${stdout.length} bytes`);
  assertEquals((await box.ok`logs -n 2 wide`).length, 600005);
  assertEquals(await box.ok`logs -n 1 wide`, "next");
});

test("logs: --since and --until, both moments included", async (box) => {
  await withLog(box, "four", joined(...FOUR));
  assertEquals(await merged(box, "--since", at(3), "four"), "out3\nend");
  assertEquals(await merged(box, "--since", `${START + 3}.000000006`, "four"), "end");
  assertEquals(await merged(box, "--until", at(2), "four"), "out1\nout2\nerr1\n");
  assertEquals(await merged(box, "--since", at(2), "--until", at(3), "four"), "err1\nout3\n");
  // The frames are 5 ns after the second.
  assertEquals(await merged(box, "--until", `${START + 2}.000000004`, "four"), "out1\nout2\n");
  assertEquals(await merged(box, "--until", at(2).replace(".", ","), "four"), "out1\nout2\nerr1\n");
  assertEquals(await merged(box, "--until", "2026-01-01T00:00:01,999Z", "four"), "out1\nout2\n");
  assertEquals(await merged(box, "--until", "2025-12-01", "four"), "");
  assertEquals(await merged(box, "--since", "", "--until", "", "four"), "out1\nout2\nerr1\nout3\nend");
  // The last line first, and then that it is too late.
  assertEquals(await merged(box, "--tail", "1", "--until", at(3), "four"), "");
});

test("logs: a log cut off in mid-frame, at its end or with others behind it", async (box) => {
  const whole = frame(1, "first\n");
  const cut = frame(1, "lost and found\n").subarray(0, 32 + 5);
  await withLog(box, "end", joined(whole, cut));
  assertEquals((await box.$`logs end`).stdout, "first\n");
  await withLog(box, "header", joined(whole, cut.subarray(0, 20), frame(1, "second\n")));
  assertEquals((await box.$`logs header`).stdout, "first\nsecond\n");
  await withLog(box, "middle", joined(whole, cut, frame(1, "second\n"), frame(2, "third\n")));
  const { code, stdout, stderr } = await box.$`logs middle`;
  assertEquals([code, stdout, stderr], [0, "first\nlost second\n", "third\n"]);
  await withLog(box, "files", joined(whole, cut), frame(1, "second\n"));
  assertEquals((await box.$`logs files`).stdout, "first\nsecond\n");
});

test("logs: what can't be shown", async (box) => {
  const fails = async (message: string, ...args: string[]) => {
    const { code, stdout, stderr } = await box.$`logs ${args}`;
    assertEquals([code, stdout, stderr], [1, "", `mydocker: ${message}\n`]);
  };
  await box.ok`run --name none --log-driver none busybox echo hello`;
  await fails("configured logging driver does not support reading", "none");
  await fails("configured logging driver does not support reading", "-f", "none");
  await fails("No such container: missing", "missing");
  await withLog(box, "empty");
  await fails('invalid value for "tail": "2.5" is neither a number nor "all"', "--tail", "2.5", "empty");
  await fails(
    'invalid value for "since": failed to parse value as time or duration: "x"',
    ...["--since", "x", "empty"],
  );
  await fails(
    'invalid value for "until": parsing time "2013-13-02": month out of range',
    "--until",
    "2013-13-02",
    "empty",
  );
  for (const options of [[], ["-f"], ["--tail", "5"], ["-tf", "-n0"]]) {
    assertEquals(await box.ok`logs ${options} empty`, "");
  }
});

test("logs -f: what is written while it looks on, until the container ends", async (box) => {
  await box.ok`run -d -i --name c1 busybox sh -c 'echo a; echo e >&2; sleep 1000'`;
  await using follower = box.spawn`logs -f c1`;
  await follower.expect("a\n");
  await until("stderr is there", () => follower.stderr === "e\n");
  await box.ok`rm -f c1`;
  const { code, stdout, stderr } = await follower.end();
  assertEquals([code, stdout, stderr], [0, "a\n", "e\n"]);
});

test("logs -f: begins with the lines of --tail, and gets all up to the last word", async (box) => {
  const script = "seq 5; while [ ! -e /go ]; do sleep 0.02; done; seq 6 9; printf end";
  await box.ok`volume create vol`;
  await box.ok`run -d --name c1 -v vol:/v busybox sh -c ${script.replace("/go", "/v/go")}`;
  await until("it has begun", async () => (await box.ok`logs c1`).endsWith("5"));
  await using follower = box.spawn`logs -f -n 2 c1`;
  await follower.expect("4\n5\n");
  await box.ok`run --rm -v vol:/v busybox touch /v/go`;
  const { code, stdout } = await follower.end();
  assertEquals([code, stdout], [0, "4\n5\n6\n7\n8\n9\nend"]);
});

test("logs -f: nothing is lost or doubled while files are renamed under it", async (box) => {
  // A frame may be 64 kB long, and a file ends with the frame that fills it.
  const FILLING = "x".repeat(30);
  const script =
    `while [ ! -e /v/go ]; do sleep 0.02; done; i=0; while [ $i -lt 20000 ]; do echo $i ${FILLING}; i=$((i+1)); done`;
  await box.ok`volume create vol`;
  await box.ok`${[
    "run",
    "-d",
    "--name",
    "c1",
    "-v",
    "vol:/v",
    "--log-opt",
    "max-size=20k",
    "--log-opt",
    "max-file=100",
  ]} ${["busybox", "sh", "-c", script]}`;
  await using one = box.spawn`logs -f c1`;
  await using other = box.spawn`logs -ft c1`;
  await box.ok`run --rm -v vol:/v busybox touch /v/go`;
  const expected = Array.from({ length: 20000 }, (_, index) => `${index} ${FILLING}\n`).join("");
  assert((await one.end()).stdout === expected, "plain");
  assert((await other.end()).stdout.replace(/^\S+ /gm, "") === expected, "with times");
  const { Id } = await box.inspect("c1");
  const files = [...Deno.readDirSync(`${box.root}/containers/${Id}`)].filter(({ name }) =>
    /^log\.\d/.test(name)
  );
  assert(files.length > 3, `only ${files.length} full files`);
  assertEquals(await box.ok`logs -n 1 c1`, `19999 ${FILLING}`);
});

test("logs: of a log that was dropped in part, what is left", async (box) => {
  await box.ok`${["run", "--name", "c1", "--log-opt", "max-size=1k", "--log-opt", "max-file=3"]} ${[
    "busybox",
    "sh",
    "-c",
    "i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done",
  ]}`;
  const lines = (await box.ok`logs c1`).split("\n").map(Number);
  assert(lines.length < 19999 && lines[0] > 0, `${lines.length} lines from ${lines[0]} on`);
  assertEquals(lines, Array.from(lines, (_, index) => 20000 - lines.length + index));
});

test("logs: max-size counts what a line takes in the log, not only its bytes", async (box) => {
  const options = ["--log-opt", "max-size=1k", "--log-opt", "max-file=3"];
  const script = "i=0; while [ $i -lt 300 ]; do echo x; usleep 1000; i=$((i+1)); done";
  await box.ok`run --name c1 ${options} busybox sh -c ${script}`;
  const dir = `${box.root}/containers/${(await box.inspect("c1")).Id}`;
  const sizes = ["log", "log.1", "log.2"].map((name) => Deno.statSync(`${dir}/${name}`).size);
  // One write more than fits: mostly a line, or what came while the keeper was busy.
  for (const size of sizes) assert(size <= 1024 + 32 + 600, sizes.join(" "));
  assert((await box.ok`logs c1`).length < 300, "what does not fit is dropped");
});

test("logs -f: goes on when the restart policy starts the container again", async (box) => {
  await box.ok`run -d --name c1 --restart on-failure:2 busybox sh -c 'echo run; exit 3'`;
  await using follower = box.spawn`logs -f c1`;
  const { code, stdout } = await follower.end();
  assertEquals([code, stdout], [0, "run\nrun\nrun\n"]);
});

test("logs -f: ends when the keeper is killed, without a record of the end", async (box) => {
  await box.ok`run -d --name c1 busybox sh -c 'echo a; sleep 1000'`;
  await using follower = box.spawn`logs -f c1`;
  await follower.expect("a\n");
  const status = Deno.readTextFileSync(`/proc/${await box.pidOf("c1")}/status`);
  Deno.kill(Number(/^PPid:\s+(\d+)/m.exec(status)![1]), "SIGKILL");
  assertEquals((await follower.end(5)).code, 0);
  await box.ok`ps`; // takes the bridge down
});

test("logs -f: ends by the signal it gets, at once", async (box) => {
  await box.ok`run -d --name c1 busybox sh -c 'echo a; sleep 1000'`;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await using follower = box.spawn`logs -f c1`;
    await follower.expect("a\n");
    follower.kill(signal);
    assertEquals((await follower.end(5)).signal, signal);
  }
  await box.ok`rm -f c1`;
});

test("logs -f: ends at the moment of --until, and without a word when nobody reads", async (box) => {
  await box.ok`run -d --name c1 busybox sh -c 'while :; do echo a; sleep 0.05; done'`;
  const { code, stdout } = await box.$(words`logs -f --until -300ms c1`, { timeout: 20 });
  assertEquals([code, /^(a\n)*$/.test(stdout)], [0, true]);
  const silent = await box.exec`bash -c '"$0" logs -f c1 | head -n 1; echo "\${PIPESTATUS[0]}"' ${BIN}`;
  assertEquals([silent.stdout, silent.stderr], ["a\n141\n", ""]);
  await box.ok`rm -f c1`;
});
