// Processes outside of a container: it neither sees nor reaches them, and where it is let see them (--pid
// host), it can't look into them nor change what they do.

import { assertEquals, assertMatch } from "@std/assert";
import { attack, attackOutside, type Call, makeAttack, type Outcome, words } from "./attacker.ts";
import { type Box, type Running, test } from "../world/world.ts";
import { AT_FDCWD, O_PATH, O_RDONLY, O_RDWR } from "../../ffi/file.ts";
import { MEMORY } from "../../ffi/program.ts";

/** A process of the host's that waits; at MEMORY.strings it has what nobody should read. */
function startDecoy(box: Box): Running {
  makeAttack(box.path("decoy"), (p, call) => {
    p.string("of the host");
    call("ppoll", [0, 0, 0, 0, 8]);
  });
  return box.start([box.path("decoy")], { env: { SECRET: "of the host" } });
}

const [PTRACE_ATTACH, PTRACE_SEIZE] = [16, 0x4206];

/** Ways to a process; those of /proc only open. The last two change its state, until the attacker ends. */
const ways = (pid: number): Call[] => [
  ["kill", pid, 0],
  ["pidfd_open", pid, 0],
  ["pidfd_getfd", { of: 1 }, 0, 0],
  ...["environ", "mem", "maps"].map((
    name,
  ): Call => ["openat", AT_FDCWD, `/proc/${pid}/${name}`, O_RDONLY, 0]),
  ["openat", AT_FDCWD, `/proc/${pid}/mem`, O_RDWR, 0],
  ...["root/", "cwd/", "exe", "fd/0"].map((
    name,
  ): Call => ["openat", AT_FDCWD, `/proc/${pid}/${name}`, O_PATH, 0]),
  // Into the attacker's own memory, from the same address there.
  ["process_vm_readv", pid, words(MEMORY.zeroed, 8), 1, words(MEMORY.strings, 8), 1, 0],
  ["ptrace", PTRACE_SEIZE, pid, 0, 0],
  ["ptrace", PTRACE_ATTACH, pid, 0, 0],
];

test("a process outside can't be signalled, looked into or traced", async (box) => {
  await using decoy = startDecoy(box);
  const calls = ways(decoy.pid);
  // What is traced already is not traced again.
  const reached = calls.map((_, index): Outcome => index === calls.length - 1 ? "EPERM" : "done");
  assertEquals(attackOutside(box, calls), reached);
  assertEquals(await attack(box, calls), [
    ...["ESRCH", "ESRCH", "EPERM"],
    ...Array.from({ length: 8 }, () => "ENOENT"),
    ...["EPERM", "ESRCH", "ESRCH"],
  ]);
  const unconfined = ["--security-opt", "seccomp=unconfined"];
  assertEquals((await attack(box, calls, unconfined)).filter((outcome) => outcome === "done"), []);
});

test("--pid host: processes outside are seen, and closed to who has not CAP_SYS_PTRACE", async (box) => {
  await using decoy = startDecoy(box);
  const calls = ways(decoy.pid);
  const traced = await attack(box, calls, ["--pid", "host", "--cap-add", "SYS_PTRACE"]);
  assertEquals(traced, calls.map((_, index) => index === calls.length - 1 ? "EPERM" : "done"));
  const closed = [
    // Root may signal, as in docker.
    ...["done", "done", "EPERM"],
    ...Array.from({ length: 8 }, () => "EACCES"),
    ...["EPERM", "EPERM", "EPERM"],
  ];
  assertEquals(await attack(box, calls, ["--pid", "host"]), closed);
  assertEquals(await attack(box, calls, ["--pid", "host", "--security-opt", "seccomp=unconfined"]), closed);
  assertEquals((await attack(box, calls, ["--pid", "host", "-u", "1000"])).slice(0, 2), ["EPERM", "done"]);
});

test("kill of all processes reaches those of the container, and no others", async (box) => {
  await using decoy = startDecoy(box);
  await box.ok`run -d --name c1 busybox sleep 1000`;
  const count = "ps -o args >/tmp/ps; grep -c ^sleep /tmp/ps";
  const script =
    `sleep 1000 & sleep 1000 & until ${count} | grep 2; do :; done; kill -9 -1; wait; ${count}; true`;
  assertEquals(await box.ok`run --rm busybox sh -c ${script}`, "2\n0");
  assertMatch(Deno.readTextFileSync(`/proc/${decoy.pid}/status`), /^State:\tS/m);
  assertEquals((await box.inspect("c1")).State.Running, true);
  await box.ok`rm -f c1`;
});
