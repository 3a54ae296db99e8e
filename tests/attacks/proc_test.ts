// The kernel's settings and the host's devices, as files: a container can't open for writing what concerns
// others. Nothing is written where it can be opened.

import { assert, assertEquals } from "@std/assert";
import { opening, present, SETTINGS, SYSFS, writing } from "./calls.ts";
import { attack, type Call, type Outcome } from "./attacker.ts";
import { type Box, type Requirements, test } from "../world/world.ts";
import { host } from "../world/images.ts";
import { S_IFBLK, S_IFCHR } from "../../ffi/file.ts";

const all = (paths: string[], outcome: Outcome) => paths.map(() => outcome);

test("settings of the kernel and its triggers can't be opened for writing", async (box) => {
  assert(SETTINGS.length > 0 && SYSFS.length > 0);
  const open = (flags: string[]) => attack(box, [...SETTINGS, ...SYSFS].map(writing), flags);
  assertEquals(await open(["--privileged"]), all([...SETTINGS, ...SYSFS], "done"));
  assertEquals(await open([]), all([...SETTINGS, ...SYSFS], "EROFS"));
  assertEquals(await open(["--security-opt", "systempaths=unconfined"]), [
    ...all(SETTINGS, "done"),
    ...all(SYSFS, "EROFS"),
  ]);
});

test(
  "of all files of /sys and of those of /proc that are no process's, a container can write to none",
  async (box) => {
    // As >>, which neither truncates nor makes anything here; what nobody can write is passed over.
    const script = `find /proc /sys -type f ! -path '/proc/[0-9]*' -perm /222 | while read -r file; do
      true 3>>"$file" && echo "$file"; done 2>/dev/null; echo all`;
    const open = (await box.ok`run --rm busybox sh -c ${script}`).split("\n");
    // Left by docker, too: a trigger of whoever opens it, a switch of the kernel log, and one that wants
    // CAP_SYS_ADMIN.
    const left = /^\/proc\/(pressure\/\w+|dynamic_debug\/control|mtrr)$/;
    assertEquals(open.filter((path) => !left.test(path)), ["all"]);
  },
  { seconds: 90 },
);

test("no cgroup's release_agent can be reached", async (box) => {
  const find = "find / -name release_agent -o -name notify_on_release -path '/sys/*' 2>/dev/null";
  const found = (await box.ok`run --rm busybox sh -c '${find}; echo all'`).split("\n");
  assertEquals(found.filter((path) => path.endsWith("release_agent")), []);
  const mounting = (type: string): Call[] => [
    ["mount", type, "/mnt", type, 0, type === "cgroup" ? "memory" : 0],
    writing("/mnt/release_agent"),
    writing("/mnt/cgroup.procs"),
  ];
  for (const type of ["cgroup", "cgroup2"]) {
    assertEquals(await attack(box, mounting(type)), ["EPERM", "ENOENT", "ENOENT"]);
  }
});

test("a block device's node can be made, and not opened", async (box) => {
  // For local use, by what no machine here has: where opening is allowed, there is nothing.
  const node = opening(S_IFBLK, 120, 1);
  const rule = ["--device-cgroup-rule", "b 120:* rwm"];
  assertEquals(await attack(box, node, rule), ["done", "ENXIO", "ENXIO"]);
  assertEquals(await attack(box, node, ["--privileged"]), ["done", "ENXIO", "ENXIO"]);
  assertEquals(await attack(box, node), ["done", "EPERM", "EPERM"]);
  for (const flags of [["--tmpfs", "/tmp"], ["-v", "data:/tmp"], ["-v", `${box.dir}:/tmp`]]) {
    const [made, ...opened] = await attack(box, node, flags);
    assertEquals([made, opened.includes("done")], ["done", false], flags.join(" "));
  }
  await Deno.remove(box.path("node"));
  assertEquals(await attack(box, node, ["--cap-drop", "MKNOD"]), ["EPERM", "ENOENT", "ENOENT"]);
});

test("the machine's memory, ports and kernel log are no container's devices", async (box) => {
  // mem, port, kmsg, tty0, loop-control, fuse
  for (const [major, minor] of [[1, 1], [1, 4], [1, 11], [4, 0], [10, 237], [10, 229]]) {
    assertEquals(
      await attack(box, opening(S_IFCHR, major, minor)),
      ["done", "EPERM", "EPERM"],
      `${major}:${minor}`,
    );
  }
});

test("a device that is allowed for reading only can't be opened for writing, nor the other way round", async (box) => {
  // For local use, as above.
  const node = opening(S_IFCHR, 120, 1);
  const rule = (access: string) => attack(box, node, ["--device-cgroup-rule", `c 120:1 ${access}`]);
  assertEquals(await rule("rw"), ["done", "ENXIO", "ENXIO"]);
  assertEquals(await rule("r"), ["done", "ENXIO", "EPERM"]);
  assertEquals(await rule("w"), ["done", "EPERM", "ENXIO"]);
});

test("docker's default devices can be opened, whoever made their nodes", async (box) => {
  // null, zero, full, random, urandom, console
  for (const [major, minor] of [[1, 3], [1, 5], [1, 7], [1, 8], [1, 9], [5, 1]]) {
    assertEquals(
      await attack(box, opening(S_IFCHR, major, minor)),
      ["done", "done", "done"],
      `${major}:${minor}`,
    );
  }
  // tty, ptmx, a terminal, net/tun: not there for these nodes, but that is not the rules' doing.
  for (const [major, minor] of [[5, 0], [5, 2], [136, 9999], [10, 200]]) {
    const [made, ...opened] = await attack(box, opening(S_IFCHR, major, minor));
    assertEquals([made, opened.includes("EPERM")], ["done", false], `${major}:${minor}`);
  }
});

/** Loop devices are not there in each container that a test may run in. */
const loop: Requirements = {
  missing: present("/dev/loop-control").length ? undefined : "needs loop devices",
  optional: true,
};

/** A loop device with a file of the test's, while `work` is done with its path. */
async function withLoop(
  box: Box,
  work: (path: string, major: number, minor: number) => Promise<void>,
): Promise<void> {
  const file = box.path("disk", "of the host".padEnd(1 << 20));
  const path = (await host("losetup", "--find", "--show", file)).trim();
  try {
    const { rdev } = Deno.statSync(path);
    await work(path, Number(rdev) >> 8, Number(rdev) & 255);
  } finally {
    await host("losetup", "--detach", path);
  }
}

test("a disk of the host's can't be read by its number, in run and exec", async (box) => {
  await withLoop(box, async (path, major, minor) => {
    const read = `mknod /disk b ${major} ${minor}; head -c 11 /disk; true`;
    assertEquals(await box.ok`run --rm --device ${path} busybox sh -c ${read}`, "of the host");
    const { stdout, stderr } = await box.$`run --rm busybox sh -c ${read}`;
    assertEquals([stdout, stderr], ["", "head: /disk: Operation not permitted\n"]);
    await box.ok`run -d --name c1 busybox sleep 1000`;
    for (const flags of [[], ["--privileged"]]) {
      const inside = await box.$`exec ${flags} c1 sh -c 'rm -f /disk; ${read}'`;
      assertEquals([inside.stdout, inside.stderr], ["", "head: /disk: Operation not permitted\n"]);
    }
    // What exec gives a command without stdin is opened in the container.
    await box.ok`exec c1 sh -c 'rm /dev/null; mknod -m 666 /dev/null b ${major} ${minor}'`;
    assertEquals(await box.ok`exec c1 head -c 11`, "");
    await box.ok`rm -f c1`;
  });
}, loop);
