// wait --for: until a container is ready.

import { assertEquals, assertMatch } from "@std/assert";
import { type Box, test, until } from "../world/world.ts";

const sh = (box: Box, name: string, script: string, ...flags: string[]) =>
  box.ok`run -d --name ${name} ${flags} busybox sh -c ${script}`;

test("a text in the log, also in two pieces, on either stream", async (box) => {
  const script =
    'printf "rea" >&2; echo "dy"; sleep 0.2; printf "dy to " >&2; sleep 0.2; echo go >&2; sleep 3210';
  await sh(box, "c1", script);
  assertEquals(await box.ok`wait --for ${"ready to go\n"} c1`, "c1");
  // In no time at all: what is there is there.
  const now = (what: string) => box.$`wait --for ${what} --wait-timeout 0 c1`;
  assertEquals((await now("ready")).code, 0);
  for (const what of ["steady", "exit", "port:80"]) assertEquals((await now(what)).code, 124, what);
  await box.ok`kill c1`;
});

test("of two pieces on two streams there is no text", async (box) => {
  await sh(box, "c1", 'printf rea; sleep 0.1; printf "dy" >&2; sleep 0.1; echo over');
  await box.ok`wait --for over c1`;
  assertEquals((await box.$`wait --for ready c1`).code, 1);
});

test("only what it has said since its current start counts", async (box) => {
  Deno.mkdirSync(box.path("gate"));
  const script = "[ -e /gate/second ] || echo ready; sleep 3210";
  await sh(box, "c1", script, "-v", `${box.path("gate")}:/gate`);
  await box.ok`wait --for ready c1`;
  box.path("gate/second", "");
  await box.ok`restart -t 0 c1`;
  const { code, stdout, stderr } = await box.$`wait --for ready --wait-timeout 1 c1`;
  assertEquals({ code, stdout }, { code: 124, stdout: "" });
  assertEquals(stderr, 'mydocker: gave up on c1 after 1 s: no "ready" in its log\n');
  await box.ok`kill c1`;
});

test("a port that something listens on, in the container and not on the host", async (box) => {
  await using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }) as
    & Deno.TcpListener
    & AsyncDisposable;
  const { port } = listener.addr;
  Deno.mkdirSync(box.path("gate"));
  const script = `echo up; until [ -e /gate/open ]; do sleep 0.02; done; exec nc -l -p ${port}`;
  await sh(box, "c1", script, "-v", `${box.path("gate")}:/gate`);
  const early = await box.$`wait --for port:${port} --wait-timeout 1 c1`;
  assertEquals(early.code, 124);
  assertEquals(early.stderr, `mydocker: gave up on c1 after 1 s: nothing listens on TCP port ${port}\n`);
  await using waiting = box.spawn`wait --for port:${port} c1`;
  box.path("gate/open", "");
  assertEquals(await waiting.end(), { code: 0, signal: null, stdout: "c1\n", stderr: "" });
  // No connection was made: nc would have ended with it.
  assertEquals((await box.inspect("c1")).State.Status, "running");
  await box.ok`kill c1`;
});

function hasOpen(pid: number, end: string): boolean {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)]
      .some(({ name }) => Deno.readLinkSync(`/proc/${pid}/fd/${name}`).endsWith(end));
  } catch {
    return false; // a descriptor was closed meanwhile
  }
}

test("its end, with its exit code, once", async (box) => {
  await sh(box, "c1", "until [ -e /go ]; do sleep 0.02; done; exit 6", "--rm");
  await using waiting = box.spawn`wait --for exit --wait-timeout 20 c1`;
  await until("it has the container's lock open", () => hasOpen(waiting.pid, "/lock"));
  await box.ok`exec c1 touch /go`;
  assertEquals((await waiting.end()).stdout, "6\n");
  await sh(box, "c2", "sleep 3210");
  const { code, stderr } = await box.$`wait --wait-timeout 1 c2`;
  assertEquals({ code, stderr }, {
    code: 124,
    stderr: "mydocker: gave up on c2 after 1 s: it has not ended\n",
  });
  await box.ok`kill c2`;
});

test("a container that ends before it is ready: at once, with its last words", async (box) => {
  for (
    const [what, missing] of [["ready", 'no "ready" in its log'], [
      "port:80",
      "nothing listens on TCP port 80",
    ]]
  ) {
    await sh(box, "c1", "sleep 0.3; for i in 1 2 3 4 5 6 7; do echo line $i; done; exit 7");
    const { code, stdout, stderr } = await box.$`wait --for ${what} c1`;
    assertEquals({ code, stdout }, { code: 1, stdout: "" });
    const lines = [3, 4, 5, 6, 7].map((number) => `\n  line ${number}`).join("");
    assertEquals(stderr, `mydocker: c1 ended with exit code 7, and ${missing}; its last words:${lines}\n`);
    await box.ok`rm c1`;
  }
  await sh(box, "c2", "exit 8");
  await box.ok`wait c2`;
  assertMatch(
    (await box.$`wait --for x c2`).stderr,
    /exit code 8, and no "x" in its log; its log is empty\n$/,
  );
  await box.ok`create --name c3 busybox true`;
  assertMatch(
    (await box.$`wait --for x c3`).stderr,
    /^mydocker: c3 is not running, and no "x"/,
  );
});

test("one that its restart policy starts again may still get ready", async (box) => {
  Deno.mkdirSync(box.path("gate"));
  const script = "echo start; [ -e /gate/open ] || exit 1; echo ready; sleep 3210";
  await sh(box, "c1", script, "-v", `${box.path("gate")}:/gate`, "--restart", "on-failure");
  await using waiting = box.spawn`wait --for ready c1`;
  await until("it was started again", async () => (await box.inspect("c1")).RestartCount >= 2);
  box.path("gate/open", "");
  assertEquals((await waiting.end()).code, 0);
  await box.ok`kill c1`;
});

test("what can't be waited for is said before anything is looked for", async (box) => {
  for (const spec of ["port:x", "port:0", "port:70000", "port:", "port:8 0", ""]) {
    const { code, stdout, stderr } = await box.$`wait --for ${spec} nix`;
    assertEquals([code, stdout], [125, ""]);
    assertMatch(
      stderr,
      spec === "" ? /^mydocker: --for: give a text/ : /: a TCP port is a number from 1 to 65535\n$/,
    );
  }
  assertEquals((await box.$`wait --wait-timeout -1 nix`).code, 125);
});
