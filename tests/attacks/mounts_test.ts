// Ways to other directories than a container's own: mount points that are swapped with symlinks while a
// container starts (CVE-2021-30465), a root left by chroot, mounting, and files opened by their number (the
// "shocker").

import { assert, assertEquals } from "@std/assert";
import { MOUNTING } from "./calls.ts";
import {
  attack,
  attackCarelessly,
  attackOutside,
  type Call,
  carelessly,
  ints,
  makeAttack,
} from "./attacker.ts";
import { outputOf } from "../world/busy.ts";
import { type Box, test, until } from "../world/world.ts";
import { AT_FDCWD, O_RDONLY } from "../../ffi/file.ts";

const RENAME_EXCHANGE = 2;

/** An executable that swaps two files as fast as it can, until it is killed. */
function makeSwapper(path: string, one: string, other: string): void {
  makeAttack(path, (p, call) => {
    const again = p.label();
    p.place(again);
    const args = [AT_FDCWD, p.string(one), AT_FDCWD, p.string(other), RENAME_EXCHANGE];
    call("renameat2", args, { negative: again, zero: again });
  });
}

/** A directory of the host's, and what is in it. */
function makeDecoy(box: Box): { path: string; names: () => string[] } {
  const path = box.path("decoy");
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(`${path}/secret`, "of the host");
  return { path, names: () => [...Deno.readDirSync(path)].map(({ name }) => name).sort() };
}

test("CVE-2021-30465: a runtime that looks first and mounts then mounts on the host's directories", async (box) => {
  const decoy = makeDecoy(box);
  makeSwapper(box.path("swapper"), `${box.dir}/careless/v/a`, `${box.dir}/careless/v/b`);
  const script = `mkdir -p "$1/v/a" source; touch source/mounted; ln -s "$2" "$1/v/b"; ./swapper & swapper=$!
    end=$(($(date +%s) + 25)); while [ $(date +%s) -lt $end ]; do
      [ -L "$1/v/a" ] || mount --bind source "$1/v/a" 2>/dev/null
      [ ! -e "$2/mounted" ] || { echo out; break; }
      # It may have changed its name meanwhile, and keeps it until nothing is mounted on it.
      for name in a b; do [ ! -e "$1/v/$name/mounted" ] || umount "$1/v/$name" 2>/dev/null; done
    done; kill $swapper`;
  const { stdout, stderr } = await carelessly(box, script, decoy.path);
  assertEquals(stdout, "out\n", stderr);
});

/** A container in which /v/a is by turns a directory and a link to `target`. */
async function startSwapping(box: Box, target: string): Promise<void> {
  makeSwapper(box.path("swapper"), "/v/a", "/v/b");
  const script = `mkdir -p /v/a/old; ln -s ${target} /v/b; exec /swapper`;
  const mounts = ["-v", "shared:/v", "-v", `${box.dir}/swapper:/swapper:ro`];
  await box.ok`run -d --name evil ${mounts} busybox sh -c ${script}`;
  await until("it swaps", async () => (await box.ok`top evil`).includes("/swapper"));
}

const ROUNDS = 25;

test("CVE-2021-30465: whatever a container swaps, another one's mounts are its own", async (box) => {
  const decoy = makeDecoy(box);
  await startSwapping(box, decoy.path);
  const flags = [
    ["-v", "data:/v/a"],
    ["-v", "data:/v/a/new/deep"],
    ["--tmpfs", "/v/a/new"],
    ["-v", `${box.path("file", "given")}:/v/a/file`],
    ["-v", "data:/v/a/old", "-w", "/v/a/made"],
  ];
  const seen = { ran: 0, refused: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const script = "cat /v/a/secret /v/a/*/secret 2>/dev/null; true";
    const { code, stdout } = await box.$`${[
      "run",
      "--rm",
      "-v",
      "shared:/v",
      ...flags[round % flags.length],
      "busybox",
      "sh",
      "-c",
      script,
    ]}`;
    assertEquals(stdout, "");
    seen[code === 0 ? "ran" : "refused"]++;
  }
  assert(seen.ran > 0, JSON.stringify(seen));
  assertEquals(decoy.names(), ["secret"]);
  await box.ok`rm -f evil`;
}, { seconds: 90 });

test("a root that was left by chroot leads to the container's own", async (box) => {
  const decoy = makeDecoy(box);
  const calls: Call[] = [
    ["mkdirat", AT_FDCWD, "/jail", 0o755],
    ["chroot", "/jail"],
    ["chdir", "../".repeat(40)],
    ["chroot", "."],
    ["openat", AT_FDCWD, `${decoy.path}/secret`, O_RDONLY, 0],
  ];
  const left = ["done", "done", "done", "done"];
  assertEquals(await attackCarelessly(box, calls), [...left, "done"]);
  assertEquals(await attack(box, calls), [...left, "ENOENT"]);
});

/** The struct file_handle of a file (open_by_handle_at(2)). */
function handleOf(box: Box, path: string): Uint8Array {
  makeAttack(box.path("naming"), (p, call) => {
    const handle = p.bytes(new Uint8Array([...ints(128, 0), ...new Uint8Array(128)]));
    call("name_to_handle_at", [AT_FDCWD, p.string(path), handle, p.reserve(8), 0]);
    call("write", [1, handle, 136]);
  });
  return outputOf(box.path("naming"), {}).stdout;
}

test("a file outside can't be opened by its number", async (box) => {
  const decoy = makeDecoy(box);
  const handle = handleOf(box, `${decoy.path}/secret`);
  // That is on the same file system; a container's root is not.
  const calls = (path: string): Call[] => [
    ["openat", AT_FDCWD, path, O_RDONLY, 0],
    ["open_by_handle_at", { of: 0 }, handle, O_RDONLY],
  ];
  assertEquals(attackOutside(box, calls(box.dir)), ["done", "done"]);
  const inside = calls("/etc/hostname");
  assertEquals(await attack(box, inside, ["--cap-add", "DAC_READ_SEARCH"]), ["done", "done"]);
  assertEquals(await attack(box, inside), ["done", "EPERM"]);
  assertEquals(await attack(box, inside, ["--security-opt", "seccomp=unconfined"]), ["done", "EPERM"]);
});

const [CLONE_NEWNS, CLONE_NEWUSER] = [0x20000, 0x10000000];

test("nothing is mounted or unmounted, nor the root changed, from inside", async (box) => {
  const harmless = ["openat", "chdir"];
  const unconfined = ["--security-opt", "seccomp=unconfined"];
  const free = ["--cap-add", "SYS_ADMIN", ...unconfined];
  assertEquals(await attack(box, MOUNTING, free), MOUNTING.map(() => "done"));
  const refused = MOUNTING.map(([name]) => harmless.includes(name) ? "done" : "EPERM");
  assertEquals(await attack(box, MOUNTING), refused);
  // Two walls: the filter, and that the right is not there.
  assertEquals(await attack(box, MOUNTING, unconfined), refused);
  // With a user namespace of its own, a process would have the right in it.
  const namespace: Call[] = [["unshare", CLONE_NEWUSER | CLONE_NEWNS], MOUNTING[0]];
  assertEquals(await attack(box, namespace, unconfined), ["done", "done"]);
  assertEquals(await attack(box, namespace), ["EPERM", "EPERM"]);
  assertEquals(await attack(box, [["clone", CLONE_NEWUSER | 17, 0, 0, 0, 0]]), ["EPERM"]);
});
