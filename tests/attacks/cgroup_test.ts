// Ways out of a container's cgroup: what is made in a hierarchy without controllers, as systemd's is, groups
// that stay when the container is gone, and processes that move to the group of somebody else.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeName } from "../../ffi/bytes.ts";
import { AT_FDCWD } from "../../ffi/file.ts";
import { BIN, type Box, test, until } from "../world/world.ts";
import { cgroups } from "../world/leaks.ts";
import { type Call, makeCalls, outcomes } from "./attacker.ts";

/** Where the host's hierarchies are mounted. */
const hierarchies = () =>
  Deno.readTextFileSync("/proc/self/mountinfo").split("\n").filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(" ")[4]);

/** Whether a line of /proc/PID/cgroup is of a hierarchy that is mounted: the others can't be reached. */
function isMounted(line: string): boolean {
  const [, names] = line.split(":");
  const table = Deno.readTextFileSync("/proc/self/mountinfo");
  return names === ""
    ? table.includes(" - cgroup2 ")
    : new RegExp(` - cgroup .*\\b${names}$`, "m").test(table);
}

/**
 * Runs a shell script that has $mydocker, and at $named a hierarchy of its own, $name, without controllers as
 * systemd's is.
 */
async function withNamed(box: Box, script: string): Promise<string> {
  const before = `mydocker=$1; named=$2/named; name=$3
    mkdir -p "$named"; mount -t cgroup -o none,name=$name none "$named"\n`;
  // The kernel gives a hierarchy up when it is unmounted, but only once it has forgotten the groups that were
  // in it.
  const after = `find "$1" -mindepth 1 -depth -type d -exec rmdir {} +
    umount "$1"; sleep 0.1; ! grep -q "name=$2:" /proc/self/cgroup || mount -t cgroup -o none,name=$2 none "$1"`;
  const name = `mydocker-test-${crypto.randomUUID()}`;
  const named = box.path("named");
  const run = (script: string, ...args: string[]) => box.exec`unshare --mount sh -euc ${script} sh ${args}`;
  try {
    const { code, stdout, stderr } = await run(before + script, BIN, box.dir, name);
    assertEquals([code, stderr], [0, ""]);
    return stdout;
  } finally {
    await until("the hierarchy is gone", async () => {
      if (!Deno.readTextFileSync("/proc/self/cgroup").includes(`name=${name}:`)) return true;
      await run(`mount -t cgroup -o none,name=$2 none "$1"; ${after}`, named, name);
      return false;
    });
  }
}

test("a container has a group of its own in every hierarchy, with controllers or not", async (box) => {
  await box.ok`run -d --name one --network none busybox sleep 1000`;
  const [{ Id }, pid] = [await box.inspect("one"), await box.pidOf("one")];
  const paths = hierarchies();
  assert(paths.length > 0);
  for (const path of paths) {
    assertEquals(Deno.readTextFileSync(`${path}/mydocker-${Id}/cgroup.procs`), `${pid}\n`, path);
  }
  const inside = await box.ok`exec one cat /proc/self/cgroup`;
  // Where it is the top, for a command that joins, too.
  for (const line of inside.split("\n").filter(isMounted)) assertMatch(line, /^\d+:[^/]*:\/$/);
  await box.ok`rm -f one`;
});

test("groups made in a hierarchy without controllers are the container's, and go with it", async (box) => {
  const stdout = await withNamed(
    box,
    `script='set -e
      mkdir -p /mnt; mount -t cgroup -o none,name=$name none /mnt
      mkdir -p /mnt/init.scope /mnt/system.slice/cron.service
      echo 1 >/mnt/init.scope/cgroup.procs
      sleep 1000 & echo $! >/mnt/system.slice/cron.service/cgroup.procs
      grep -o "[^:]*$" /mnt/../proc/self/cgroup | grep scope; find /mnt -type d'
    run() { "$mydocker" run --privileged --network none -e name="$name" "$@" busybox sh -c "$script"; }
    run --rm; find "$named" -mindepth 1 -type d
    echo kept; run --name kept | tail -n 1; find "$named" -mindepth 1 -type d
    "$mydocker" start -a kept | tail -n 1
    "$mydocker" rm kept >/dev/null`,
  );
  const made = ["/mnt", "/mnt/init.scope", "/mnt/system.slice", "/mnt/system.slice/cron.service"];
  assertEquals(stdout.trimEnd().split("\n"), ["/init.scope", ...made, "kept", made[3], made[3]]);
});

test("two containers that name their groups alike do not share them", async (box) => {
  const stdout = await withNamed(
    box,
    `script='mkdir -p /mnt; mount -t cgroup -o none,name=$name none /mnt; mkdir /mnt/system.slice
      echo 1 >/mnt/system.slice/cgroup.procs; touch /ready; exec sleep 1000'
    for one in first second; do
      "$mydocker" run -d --privileged --network none --name $one -e name="$name" busybox sh -c "$script" >/dev/null
      until "$mydocker" exec $one test -e /ready; do sleep 0.05; done
    done
    "$mydocker" exec second cat /mnt/system.slice/cgroup.procs
    find "$named" -name system.slice | wc -l
    "$mydocker" rm -f first second >/dev/null
    find "$named" -mindepth 1 -type d`,
  );
  assertEquals(stdout, "1\n2\n");
});

/** Groups in groups, until a path to them is longer than the kernel takes, and with names that mislead. */
function nested(top: string): Call[] {
  const names = ["-rf", "*", "a b", "\udcff\udcfe", "mydocker-", ...Array(40).fill("x".repeat(200))];
  return [
    ["chdir", top],
    ["mkdirat", AT_FDCWD, "beside", 0o755],
    ...names.flatMap((
      name,
    ): Call[] => [["mkdirat", AT_FDCWD, encodeName(name + "\0"), 0o755], ["chdir", encodeName(name + "\0")]]),
  ];
}

test("groups in a container's group go with it, however deep and whatever their names", async (box) => {
  const names = (await box.ok`run --rm --network none busybox ls /sys/fs/cgroup`).split(
    "\n",
  );
  const isSecond = names.includes("cgroup.procs");
  const tops = isSecond ? ["/sys/fs/cgroup"] : names.map((name) => `/sys/fs/cgroup/${name}`);
  const calls = tops.flatMap(nested);
  makeCalls(box.path("attacker"), calls);
  const flags = ["--privileged", "--network", "none", "-v", `${box.dir}/attacker:/attacker:ro`];
  for (const mode of [["--rm"], ["--name", "kept"]]) {
    const { code, out, stderr } = await box.$`run ${mode} ${flags} busybox /attacker`;
    assertEquals([code, stderr], [0, ""]);
    assertEquals(new Set(outcomes(calls, out)), new Set(["done"]));
    assertEquals(cgroups(box.root), [], mode.join(" "));
  }
  await box.ok`rm kept`;
});

test("a command joins a container that has handed its controllers down, as docker's in docker does", async (box) => {
  const script = `cd /sys/fs/cgroup; if [ -e cgroup.subtree_control ]; then
      mkdir init && echo 1 >init/cgroup.procs && echo +memory >cgroup.subtree_control || exit 1
    fi; touch /ready; exec sleep 1000`;
  await box.ok`run -d --privileged --network none --name one busybox sh -c ${script}`;
  await until("it is ready", async () => (await box.$`exec one test -e /ready`).code === 0);
  const places = (await box.ok`exec one sh -c 'cat /proc/self/cgroup; cat /proc/1/cgroup'`)
    .split("\n");
  assertEquals(places.slice(0, places.length / 2), places.slice(places.length / 2));
  await box.ok`rm -f one`;
});
