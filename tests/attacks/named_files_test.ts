// Files that a command line names, where they are without an end, without a writer, or no files at all.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, type Result, test, until, words } from "../world/world.ts";
import { tar } from "../world/images.ts";

/** A way to have a command read a file, and what it ends with where it can't. */
type Way = [name: string, code: number, args: (path: string) => string[]];

const create = (...flags: string[]) => ["create", "--network", "none", ...flags, "busybox", "true"];

const WHOLE: Way[] = [
  ["--env-file", 125, (path) => create("--env-file", path)],
  ["--label-file", 125, (path) => create("--label-file", path)],
  ["seccomp profile", 125, (path) => create("--security-opt", `seccomp=${path}`)],
  ["exec --env-file", 1, (path) => ["exec", "--env-file", path, "target", "true"]],
];
const STREAMED: Way[] = [
  ["load", 1, (path) => ["load", "-i", path]],
  ["import", 1, (path) => ["import", path]],
];

/** A container for exec. */
async function target(box: Box): Promise<AsyncDisposable> {
  await box.ok`run -d --name target --network none busybox sleep 1000`;
  return { [Symbol.asyncDispose]: async () => void await box.ok`rm -f target` };
}

function assertFailed({ code, stdout, stderr }: Result, expected: number, words: RegExp, what: string): void {
  assertEquals([code, stdout], [expected, ""], `${what}: ${stderr}`);
  assertMatch(stderr, /^mydocker: [^\n]+\n$/, what);
  assertMatch(stderr, words, what);
}

test("named files without an end: refused after 8 MiB", async (box) => {
  await using _ = await target(box);
  const hole = box.path("hole", "");
  Deno.truncateSync(hole, 5 * 2 ** 30);
  const endless = box.path("endless", "");
  Deno.removeSync(endless);
  await box.exec`mkfifo ${endless}`;
  for (const path of ["/dev/zero", hole, endless]) {
    for (const [name, code, args] of WHOLE) {
      // Little memory is no excuse for any, and much would show what was read.
      const command = [
        "sh",
        "-c",
        'yes A=1 >endless & w=$!; "$@"; r=$?; kill $w 2>&-; exit $r',
        "sh",
      ];
      const argv = path === endless ? [...command, BIN, ...args(path)] : [BIN, ...args(path)];
      assertFailed(await box.exec(argv), code, /it has more than 8 MiB/, `${name} ${path}`);
    }
  }
}, { seconds: 120 });

test("named files that are FIFOs without a writer: nobody waits for ever", async (box) => {
  await using _ = await target(box);
  const fifo = `${box.dir}/fifo`;
  await box.exec`mkfifo ${fifo}`;
  const ways = [...WHOLE, ...STREAMED];
  const results = await Promise.all(ways.map(([, , args]) => box.$(args(fifo))));
  for (const [i, [name, code]] of ways.entries()) {
    assertFailed(results[i], code, /nobody has opened this FIFO for writing within 10 seconds/, name);
  }
  Deno.mkdirSync(`${box.dir}/docker`);
  await box.exec`mkfifo ${box.dir}/docker/config.json`;
  const config = await box.$(words`pull 127.0.0.1:1/x`, { env: { DOCKER_CONFIG: `${box.dir}/docker` } });
  assertEquals(config.code, 1);
}, { seconds: 120 });

function opened(pid: number, path: string): boolean {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].some(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/${pid}/fd/${name}`) === path;
    } catch {
      return false; // closed meanwhile
    }
  });
}

test("named files that are FIFOs: a signal ends the wait for a writer", async (box) => {
  const fifo = `${box.dir}/fifo`;
  await box.exec`mkfifo ${fifo}`;
  for (const [name, , args] of [...WHOLE.slice(0, 3), ...STREAMED]) {
    await using waiting = box.spawn(args(fifo));
    await until(`${name} has opened the FIFO`, () => opened(waiting.pid, fifo));
    waiting.kill("SIGTERM");
    const { code, signal } = await waiting.end();
    assert(signal === "SIGTERM" || code !== 0, `${name}: ${code} ${signal}`);
  }
}, { seconds: 120 });

test("named files that are pipes: what a slow writer writes is read to its end", async (box) => {
  const layer = box.path("layer.tar", tar([{ name: "f", data: "x".repeat(200_000) }]));
  const script = `
    mkfifo f; (sleep 0.3; printf A=; sleep 0.3; echo 1; sleep 0.3; echo B=2) >f &
    "$0" create --env-file f --name cc --network none busybox true >/dev/null || exit 1
    "$0" inspect -f '{{json .Config.Env}}'  cc
    (sleep 0.3; cat f2 >f) & mkfifo f2; (sleep 0.3; cat "$1") >f2 &
    "$0" import f slow:1 >/dev/null && "$0" images slow --format {{.Tag}}
    "$0" save slow:1 >saved; (sleep 0.3; cat saved) >f & "$0" load -i f`;
  const { stdout, stderr } = await box.exec`bash -c ${script} ${BIN} ${layer}`;
  assertEquals(stdout, '["A=1","B=2"]\n1\nLoaded image: slow:1\n', stderr);
});

test("named files that are none: said as docker says it", async (box) => {
  await using _ = await target(box);
  const ways = [...WHOLE, ...STREAMED];
  for (const [name, code, args] of ways) {
    assertFailed(
      await box.$(args(`${box.dir}/none`)),
      code,
      /open \S+none: no such file or directory/,
      name,
    );
    assertFailed(
      await box.$(args("/dev/null/x")),
      code,
      /open \/dev\/null\/x: no such file or directory/,
      name,
    );
  }
  for (const [name, code, args] of WHOLE) {
    assertFailed(await box.$(args(box.dir)), code, /read \S+: is a directory/i, name);
  }
  assertMatch((await box.$(create("--env-file", "/dev/null"))).stdout, /^[0-9a-f]{64}\n$/);
});
