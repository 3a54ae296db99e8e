// Much output: moved from the container's pipe to the caller's and into the log, whole and in order, without
// being read; and read where it can't be moved.

import { assert, assertEquals } from "@std/assert";
import { BIN, type Box, test, until } from "../world/world.ts";
import { busyboxTar } from "../world/images.ts";

/** 6.9 MB in lines that all differ, and no two buffers of which are the same. */
const LINES = 1_000_000;
const MUCH = `seq 1 ${LINES}`;
/** cksum's word for it. */
const sumOf = async (box: Box, command: string) =>
  (await box.exec`sh -c '${command} | cksum' ${BIN}`).stdout.trim();

/** The lengths of a log's frames by stream; fails where something else is between two of them. */
function frames(log: Uint8Array): Map<number, number[]> {
  const view = new DataView(log.buffer, log.byteOffset, log.length);
  const lengths = new Map<number, number[]>();
  let at = 0;
  while (at < log.length) {
    const [seconds, stream, length] = [0, 16, 24].map((offset) =>
      Number(view.getBigUint64(at + offset, true))
    );
    assert(seconds > 1e9 && (stream === 1 || stream === 2), `no frame at ${at}`);
    lengths.set(stream, [...lengths.get(stream) ?? [], length]);
    at += 32 + length;
  }
  assertEquals(at, log.length, "the last frame is cut off");
  return lengths;
}

test("output: as much as a pipe holds at a time is the same for the caller and in the log", async (box) => {
  const wanted = await sumOf(box, MUCH);
  const run = `"$0" run --name main --network none --log-opt max-size=50m busybox ${MUCH}`;
  assertEquals(await sumOf(box, run), wanted);
  assertEquals(await sumOf(box, `"$0" logs main`), wanted);
  const id = await box.ok`inspect -f ${"{{.Id}}"} main`;
  const lengths = frames(Deno.readFileSync(`${box.root}/containers/${id}/log`));
  assertEquals([...lengths.keys()], [1]);
  // Moved, not read line by line; and never more than what reads the log expects.
  assert(
    lengths.get(1)!.some((length) => length > 16384) && lengths.get(1)!.every((length) => length <= 65536),
  );
  // Started again, it goes on behind that.
  assertEquals(await sumOf(box, '"$0" start -a main'), wanted);
  assertEquals(await sumOf(box, `"$0" logs main`), await sumOf(box, `{ ${MUCH}; ${MUCH}; }`));
});

test("output: to a file, to a pipe that does not block, and to nobody, it is the same", async (box) => {
  const wanted = await sumOf(box, MUCH);
  const run = `"$0" run --rm --network none busybox ${MUCH}`;
  const file = box.path("out");
  assertEquals(await sumOf(box, `${run} >${file}; cat ${file}`), wanted);
  assertEquals(await sumOf(box, `${run} >>${file}; tail -c ${Deno.statSync(file).size} ${file}`), wanted);
  const unblocked = "dd oflag=nonblock count=0 status=none </dev/null";
  assertEquals(await sumOf(box, `{ ${unblocked}; ${run}; }`), wanted);
  await box.ok`run -d --name alone --network none busybox ${MUCH.split(" ")}`;
  await box.ok`wait alone`;
  assertEquals(await sumOf(box, `"$0" logs alone`), wanted);
});

test("output: of a reader that leaves in the middle of much the log has what came until then", async (box) => {
  const run = `"$0" run --name main --network none busybox ${MUCH} | head -c 100000 >/dev/null`;
  await box.exec`sh -c '${run}; "$0" wait main' ${BIN}`;
  const sum = await sumOf(box, '"$0" logs main');
  const size = Number(sum.split(" ")[1]);
  assert(size >= 100000 && size < 1e6, sum);
  assertEquals(sum, await sumOf(box, `${MUCH} | head -c ${size}`));
});

test("output: much of it goes on where the disk is full, and what follows is logged again", async (box) => {
  const script = `
    set -u; D=$0 root=$1 go=$3
    mkdir -p "$root" && mount -t tmpfs -o mode=755,size=12m tmpfs "$root" && export MYDOCKER_ROOT="$root"
    $D import "$2" busybox >/dev/null
    await() { i=0; until [ -e "$go/$1" ]; do sleep 0.05; i=$((i+1)); [ $i -lt 400 ] || exit 9; done; }
    {
      $D run --name main --network none -v "$go:/go" busybox sh -c \
        'await() { : >/go/$1; until [ -e /go/$2 ]; do sleep 0.05; done; }
        await ready begin; ${MUCH}; await full on; ${MUCH} | tail -n 9000'
      echo "code $?" >&2
    } | cat >"$go/out" &
    await ready; head -c 100000000 /dev/zero >>"$root/fill" 2>/dev/null
    : >"$go/begin"; await full; rm "$root/fill"; : >"$go/on"; wait $!
    $D logs main >"$go/log"; echo "logs $?"
    cksum <"$go/out"; tail -n 8000 "$go/log" | cksum; $D rm main`;
  Deno.mkdirSync(box.path("go"));
  const argv = ["sh", "-c", script, BIN, box.path("small"), await busyboxTar(), box.path("go")];
  const { stdout, stderr } = await box.exec`unshare -m ${argv}`;
  const whole = await sumOf(box, `{ ${MUCH}; ${MUCH} | tail -n 9000; }`);
  const last = await sumOf(box, `${MUCH} | tail -n 8000`);
  assertEquals(stdout, `logs 0\n${whole}\n${last}\nmain\n`, stderr);
  assert(stderr.endsWith("code 0\n"), stderr);
}, { seconds: 60 });

test("output: a keeper sleeps while a tracer keeps its process from it", async (box) => {
  await box.ok`run -d --name main --network none busybox sleep 1000`;
  const pid = Number(await box.ok`inspect -f ${"{{.State.Pid}}"} main`);
  const field = (of: number, name: string) =>
    new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(Deno.readTextFileSync(`/proc/${of}/status`))![1];
  const keeper = Number(field(pid, "PPid"));
  const sleeps = () => Number(field(keeper, "voluntary_ctxt_switches"));
  const libc = Deno.dlopen("libc.so.6", {
    ptrace: { parameters: ["i64", "i32", "usize", "usize"], result: "i64" },
    waitpid: { parameters: ["i32", "usize", "i32"], result: "i32" },
  });
  const PTRACE_SEIZE = 0x4206n;
  assertEquals(libc.symbols.ptrace(PTRACE_SEIZE, pid, 0n, 0n), 0n);
  Deno.kill(pid, "SIGKILL");
  await until("it is a zombie", () => field(pid, "State") === "Z");
  const before = sleeps();
  // One that asked again and again would never sleep.
  await until("the keeper has slept", () => sleeps() >= before + 5);
  assertEquals(libc.symbols.waitpid(pid, 0n, 0), pid);
  assertEquals(await box.ok`wait main`, "137");
  await box.ok`rm main`;
});
