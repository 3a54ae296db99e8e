// What a container may use, seen by what becomes of who wants more.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { BIN, type Box, test, until, words } from "../world/world.ts";
import { cgroups } from "../world/leaks.ts";

/** Goes on wanting more memory than there is. */
const HUNGRY = "tail /dev/zero";
const SPIN = "while :; do :; done";

const eventsOf = (box: Box, name: string) =>
  box.ok`events --since 10m --until 0s --filter container=${name} --format {{.Action}}`;

/** Where a process of the host is, a line for each hierarchy. */
const groupOf = (pid: number) => Deno.readTextFileSync(`/proc/${pid}/cgroup`);

test("limits: a process is killed at its memory limit, and that is told", async (box) => {
  const { code } = await box.$`run --name oo -m 10m busybox sh -c 'exec ${HUNGRY}'`;
  assertEquals(code, 137);
  const { State, HostConfig } = await box.inspect("oo");
  assertEquals([State.OOMKilled, State.ExitCode], [true, 137]);
  assertEquals([HostConfig.Memory, HostConfig.MemorySwap], [10 << 20, 20 << 20]);
  assertEquals((await eventsOf(box, "oo")).split("\n"), ["create", "attach", "start", "oom", "die"]);
  await box.ok`rm oo`;
});

test("limits: a number that no record may have is refused; docker's largest is none of them", async (box) => {
  const TOO_LARGE = "99999999999999999999";
  await box.ok`create --name c1 --network none busybox true`;
  for (
    const flags of [
      ...[["--memory", TOO_LARGE], ["--memory-reservation", TOO_LARGE], ["--shm-size", "10000000p"]],
      ...[["--log-opt", `max-size=${TOO_LARGE}`], ["--restart", `on-failure:${TOO_LARGE}`]],
      ...[["--device-read-bps", `/dev/null:${TOO_LARGE}`], ["--ulimit", `memlock=${TOO_LARGE}`]],
    ]
  ) {
    const { code, stderr } = await box.$`create --network none ${flags} busybox true`;
    assertEquals([flags, code, stderr.includes("damaged")], [flags, 125, false]);
    if (flags[0] === "--memory" || flags[0] === "--restart") {
      assertEquals([flags, (await box.$`update ${flags} c1`).code === 0], [flags, false]);
    }
  }
  const LARGEST = "9223372036854775807";
  const flags = ["--ulimit", `memlock=${LARGEST}`, "--memory", LARGEST, "--shm-size", "9007199254740993"];
  await box.ok`create --name c2 --network none ${flags} busybox true`;
  const run = ["run", "--rm", "--network", "none", ...flags.slice(2), "busybox", "echo", "in"];
  assertEquals(await box.ok(run), "in");
  await box.ok`inspect c1 c2`;
  await box.ok`rm c1 c2`;
});

test("limits: a child that is killed counts, and the next start forgets it", async (box) => {
  const script = `if [ -e /was ]; then exit 3; fi; touch /was; ${HUNGRY}; echo "child: $?"`;
  assertEquals(
    await box.ok`run --name oo -m 10m busybox sh -c ${script}`,
    "child: 137",
  );
  assertEquals((await box.inspect("oo")).State.OOMKilled, true);
  assertEquals((await box.$`start -a oo`).code, 3);
  assertEquals((await box.inspect("oo")).State.OOMKilled, false);
  await box.ok`rm oo`;
});

test("limits: with memory enough, nothing is killed", async (box) => {
  await box.ok`run --name oo -mem 60m busybox
    sh -c ${"head -c 20m /dev/zero | tr '\\0' a | fold | sort | wc -c"}`;
  assertEquals((await box.inspect("oo")).State.OOMKilled, false);
  await box.ok`rm oo`;
});

test("limits: fork is refused at the limit of processes, for exec, too", async (box) => {
  const script = "for i in 1 2 3 4 5 6; do sleep 1000 & done; wait";
  const { stderr } = await box.$`run --rm --pids-limit 4 busybox sh -c ${script}`;
  assertStringIncludes(stderr, "can't fork: Resource temporarily unavailable");
  await box.ok`run -d --name full --pids-limit 2 busybox sh -c 'sleep 1000 & wait'`;
  await until("both are there", async () => (await box.ok`top full`).split("\n").length === 3);
  const refused = await box.$`exec full sh -c 'true & wait'`;
  assert(refused.code !== 0, refused.stdout);
  await box.ok`update --pids-limit 20 full`;
  await box.ok`exec full sh -c 'true & wait'`;
  await box.ok`rm -f full`;
});

/** How much of one processor a process uses, over so many seconds. */
async function usage(pid: number, seconds: number): Promise<number> {
  const used = () => Number(Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ")[0]) / 1e9;
  const [before, begin] = [used(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  return (used() - before) / ((performance.now() - begin) / 1000);
}

/** How often the container has been throttled, as its control file says. */
async function throttled(box: Box, name: string): Promise<number> {
  const files = "cat /sys/fs/cgroup/cpu.stat /sys/fs/cgroup/*/cpu.stat 2>/dev/null";
  const { stdout } = await box.$`exec ${name} sh -c ${files}`;
  return Number(/^nr_throttled (\d+)$/m.exec(stdout)?.[1]);
}

/**
 * On a busy machine it may get less for as long as that pleases; more than its share it never gets, and it is
 * throttled.
 */
async function hasAtMost(box: Box, name: string, share: number): Promise<void> {
  const before = await throttled(box, name);
  const used = await usage(await box.pidOf(name), 2);
  assert(used < share * 1.15, `${share} of a processor allowed, used: ${used}`);
  await until("it is throttled", async () => await throttled(box, name) > before);
}

test("limits: processor time is throttled, and can be while it runs", async (box) => {
  await box.ok`run -d --name spin --cpus 0.1 busybox sh -c ${SPIN}`;
  await hasAtMost(box, "spin", 0.1);
  await box.ok`update --cpus 0.2 spin`;
  await hasAtMost(box, "spin", 0.2);
  const pid = await box.pidOf("spin");
  await until("it gets more than before", async () => await usage(pid, 2) > 0.12, 35);
  assertEquals((await box.inspect("spin")).HostConfig.NanoCpus, 2e8);
  await box.ok`rm -f spin`;
});

test("limits: a quota with its period", async (box) => {
  const flags = ["--cpu-period", "50000", "--cpu-quota", "10000"];
  await box.ok`run -d --name spin ${flags} busybox sh -c ${SPIN}`;
  await hasAtMost(box, "spin", 0.2);
  await box.ok`rm -f spin`;
});

test("limits: a set of processors is all that is seen, also once it is changed", async (box) => {
  assertEquals(await box.ok`run --rm --cpuset-cpus 0 busybox nproc`, "1");
  assertEquals(await box.ok`run --rm -cpuset=0 --cpuset-mems 0 busybox nproc`, "1");
  await box.ok`run -d --name any busybox sh -c 'sleep 1000 & sleep 1000'`;
  const allowed = async () =>
    /^Cpus_allowed_list:\s*(.*)$/m.exec(
      Deno.readTextFileSync(`/proc/${await box.pidOf("any")}/status`),
    )![1];
  assert(await allowed() !== "0");
  await box.ok`update --cpuset-cpus 0 any`;
  assertEquals(await allowed(), "0");
  assertEquals(await box.ok`exec any nproc`, "1");
  await box.ok`rm -f any`;
});

test("limits: a container's processes are in its cgroup, exec's too, and see it as the top", async (box) => {
  await box.ok`run -d --name one busybox sh -c 'sleep 1000 & sleep 1000'`;
  const { Id } = await box.inspect("one");
  await using added = box.spawn`exec one sh -c 'echo ready; exec sleep 1000'`;
  await added.expect("ready");
  const first = await box.pidOf("one");
  const members = cgroups(box.root).find((path) => /freezer|^\/sys\/fs\/cgroup\/mydocker/.test(path))!;
  const pids = Deno.readTextFileSync(`${members}/cgroup.procs`).trim().split("\n").map(Number);
  assertEquals(pids.length, 3);
  assert(pids.includes(first));
  for (const pid of pids) assertMatch(groupOf(pid), new RegExp(`:/mydocker-${Id}$`, "m"));
  const seen = await box.ok`exec one cat /proc/self/cgroup`;
  assertEquals(seen.split("\n").filter((line) => !line.endsWith(":/")), []);
  await box.ok`rm -f one`;
  await added.end();
});

test("limits: a container finds its limits where programs look for them, and can't change them", async (box) => {
  const look = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null";
  const change =
    "mkdir /sys/fs/cgroup/memory/x || mkdir /sys/fs/cgroup/x || mount -o remount,rw /sys/fs/cgroup";
  assertEquals(
    await box.ok`run --rm -m 100m busybox sh -c '${look}; ! (${change}) 2>/dev/null'`,
    String(100 << 20),
  );
  // What --privileged makes there is its own, and goes with it.
  const inside = "mkdir /sys/fs/cgroup/memory/x 2>/dev/null || mkdir /sys/fs/cgroup/x";
  await box.ok`run --rm --privileged busybox sh -c ${inside}`;
});

test("limits: --cgroup-parent, which stays", async (box) => {
  const parent = `md-test-${crypto.randomUUID().slice(0, 8)}`;
  await box.ok`run -d --name one --cgroup-parent /${parent}/below busybox sleep 1000`;
  const { Id, HostConfig } = await box.inspect("one");
  assertEquals(HostConfig.CgroupParent, `/${parent}/below`);
  assertMatch(groupOf(await box.pidOf("one")), new RegExp(`:/${parent}/below/mydocker-${Id}$`, "m"));
  await box.ok`exec one true`;
  await box.ok`pause one`;
  await box.ok`unpause one`;
  await box.ok`rm -f one`;
  const removed = [...Deno.readDirSync("/sys/fs/cgroup")].map(({ name }) => `/sys/fs/cgroup/${name}`)
    .concat("/sys/fs/cgroup").filter((top) => {
      try {
        for (const path of [`${top}/${parent}/below`, `${top}/${parent}`]) Deno.removeSync(path);
        return true;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
        throw error;
      }
    });
  assert(removed.length > 0);
});

/** Runs mydocker where the mount table is another: `prepare` is a shell's words. */
const elsewhere = (box: Box, prepare: string, args: string[]) =>
  box.exec(words`unshare -m sh -c '${prepare}; exec "$@"' sh ${BIN} ${args}`, {
    cwd: Deno.cwd(),
  });

test("limits: a host without cgroups runs what has no limits, and says of the others what is missing", async (box) => {
  const hosts = {
    none: "umount -R /sys/fs/cgroup",
    "read-only":
      `for m in $(grep -o '/sys/fs/cgroup[^ ]*' /proc/mounts | sort -u); do mount -o remount,bind,ro $m; done`,
  };
  for (const [what, prepare] of Object.entries(hosts)) {
    assertEquals(
      (await elsewhere(box, prepare, ["run", "--rm", "busybox", "echo", "hi"])).stdout,
      "hi\n",
      what,
    );
    const refused = await elsewhere(box, prepare, ["run", "--rm", "-m", "20m", "busybox", "true"]);
    assertEquals(refused.code, 125, what);
    assertMatch(refused.stderr, /^mydocker: --memory needs cgroup controller memory with .*\n$/);
    assertEquals(
      (await elsewhere(box, prepare, ["run", "-d", "--name", "one", "busybox", "sleep", "1000"])).code,
      0,
    );
    const paused = await elsewhere(box, prepare, ["pause", "one"]);
    assertEquals(paused.code, 1);
    assertMatch(paused.stderr, /has no cgroup that can be frozen/);
    const { stdout } = await elsewhere(box, prepare, ["info"]);
    assertMatch(stdout, /cgroups.*: containers have no limits there, and root in them may open any device/);
    await box.ok`exec one true`;
    await box.ok`rm -f one`;
  }
});

test("limits: what a killed keeper left is gone with start and with rm", async (box) => {
  for (const after of [["start", "one"], ["rm", "one"]]) {
    await box.ok`run -d --name one busybox sleep 1000`;
    const first = await box.pidOf("one");
    const [, keeper] = /^PPid:\s*(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${first}/status`))!;
    Deno.kill(Number(keeper), "SIGKILL");
    await until("it has ended", async () => (await box.inspect("one")).State.Status === "exited");
    assert(cgroups(box.root).length > 0);
    await box.ok(after);
    if (after[0] === "start") await box.ok`rm -f one`;
    assertEquals(cgroups(box.root), []);
  }
});

test("limits: a block device that was made inside can't be opened", async (box) => {
  // No driver has this number: an open that is allowed finds nothing there.
  const look = ["exec", "one", "sh", "-c", "[ -b /b ] || mknod /b b 240 77; cat /b"];
  await box.ok`run -d --name one busybox sleep 1000`;
  assertEquals((await box.$(look)).stderr, "cat: can't open '/b': Operation not permitted\n");
  const works = "head -c 4 /dev/zero | wc -c; echo >/dev/null; mknod /n c 1 3; echo >/n; echo";
  assertMatch(await box.ok`exec one sh -c ${works}`, /^4\n/);
  const [group] = cgroups(box.root).filter((path) => path.includes("/devices/"));
  if (group) {
    Deno.writeTextFileSync(`${group}/devices.allow`, "a");
    assertEquals((await box.$(look)).stderr, "cat: can't open '/b': No such device or address\n");
  }
  await box.ok`rm -f one`;
});

test("limits: docker's refusals", async (box) => {
  const cpus = navigator.hardwareConcurrency;
  const refused: [string, string][] = [
    ["-m 5m", "Minimum memory limit allowed is 6MB"],
    ["-m x", `invalid argument "x" for "-m, --memory" flag: invalid size: 'x'`],
    ["-m 10m --memory-swap 9m", "Minimum memoryswap limit should be larger than memory limit, see usage"],
    ["--memory-swap 9m", "You should always set the Memory limit when using Memoryswap limit, see usage"],
    ["--memory-reservation 5m", "Minimum memory reservation allowed is 6MB"],
    [
      "-m 10m --memory-reservation 20m",
      "Minimum memory limit can not be less than memory reservation limit, see usage",
    ],
    ["--cpus 1000", `Range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`],
    ["--cpus x", `invalid argument "x" for "--cpus" flag: failed to parse x as a rational number`],
    ["--cpus 0.0000000001", `invalid argument "0.0000000001" for "--cpus" flag: value is too precise`],
    ["--cpus 1 --cpu-quota 5000", "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
    ["--cpus 1 --cpu-period 5000", "Conflicting options: Nano CPUs and CPU Period cannot both be set"],
    [
      "--cpu-period 5",
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    ],
    ["--cpu-quota 5", "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
    ["-c 1", "the minimum allowed cpu-shares is 2"],
    ["--cpuset-cpus 0,1-", "Invalid value 0,1- for cpuset cpus: invalid format: 0,1-"],
    ["--cpuset-mems 99", "Requested memory nodes are not available - requested 99, available: 0"],
    ["--blkio-weight 5", "Range of blkio weight is from 10 to 1000"],
    ["--blkio-weight-device x", `invalid argument "x" for "--blkio-weight-device" flag: bad format: x`],
    [
      "--device-read-bps x:1",
      `invalid argument "x:1" for "--device-read-bps" flag: bad format for device path: x:1`,
    ],
    [
      "--device-write-iops /dev/x:-5",
      'invalid argument "/dev/x:-5" for "--device-write-iops" flag: invalid rate for device: /dev/x:-5. ' +
      "The correct format is <device-path>:<number>. Number must be a positive integer",
    ],
  ];
  for (const [flags, message] of refused) {
    const { code, stderr } = await box.$`run --rm ${flags.split(" ")} busybox true`;
    assertEquals([code, stderr], [125, `mydocker: ${message}\n`], flags);
  }
  assertEquals(await box.ok`ps -aq`, "");
  assertEquals((await box.$`create -m 5m busybox true`).code, 125);
});

test("limits: what is 0 is none, and what goes together is kept", async (box) => {
  await box.ok`create --name none -m 0 --pids-limit -1 --cpus 0 busybox true`;
  const none = (await box.inspect("none")).HostConfig;
  assertEquals([none.Memory, none.MemorySwap, none.PidsLimit, none.NanoCpus], [0, 0, null, 0]);
  await box.ok`create --name all -m 20m --memory-swap -1 -c 512 busybox true`;
  const all = (await box.inspect("all")).HostConfig;
  assertEquals([all.Memory, all.MemorySwap, all.CpuShares], [20 << 20, -1, 512]);
  await box.ok`rm none all`;
});

/** Flags of run; v1's control files and v2's, each with what is to be read there. A device is "DISK". */
const WRITTEN: [flags: string[], first: string[][], second: string[][]][] = [
  [["-m", "64m"], [["memory/memory.limit_in_bytes", "67108864"]], [["memory.max", "67108864"]]],
  [["--memory-reservation", "32m"], [["memory/memory.soft_limit_in_bytes", "33554432"]], [[
    "memory.low",
    "33554432",
  ]]],
  [["--cpu-shares", "512"], [["cpu/cpu.shares", "512"]], [["cpu.weight", "20"]]],
  [["--cpus", "0.5"], [["cpu/cpu.cfs_quota_us", "50000"], ["cpu/cpu.cfs_period_us", "100000"]], [[
    "cpu.max",
    "50000 100000",
  ]]],
  [["--cpuset-cpus", "0"], [["cpuset/cpuset.cpus", "0"]], [["cpuset.cpus", "0"]]],
  [["--cpuset-mems", "0"], [["cpuset/cpuset.mems", "0"]], [["cpuset.mems", "0"]]],
  [["--pids-limit", "77"], [["pids/pids.max", "77"]], [["pids.max", "77"]]],
];

/** The same of a disk of the machine's, whose limits are so high that nothing notices them. */
const OF_DISK: [flag: string, first: string, second: string, value: string][] = [
  ["--device-read-bps", "blkio/blkio.throttle.read_bps_device", "rbps", "9111222333"],
  ["--device-write-bps", "blkio/blkio.throttle.write_bps_device", "wbps", "9222333444"],
  ["--device-read-iops", "blkio/blkio.throttle.read_iops_device", "riops", "911122"],
  ["--device-write-iops", "blkio/blkio.throttle.write_iops_device", "wiops", "922233"],
];

/** A whole disk with a node in /dev, and its number; undefined on a machine without. */
function someDisk(): { path: string; number: string } | undefined {
  for (const { name } of Deno.readDirSync("/sys/block")) {
    const path = `/dev/${name}`;
    try {
      const number = Deno.readTextFileSync(`/sys/block/${name}/dev`).trim();
      if (Deno.statSync(path).isBlockDevice) return { path, number };
    } catch { /* Without a node here. */ }
  }
  return undefined;
}

test("limits: each is what its control file says", async (box) => {
  const disk = someDisk();
  const flags = WRITTEN.flatMap(([flags]) => flags);
  if (disk) { for (const [flag, , , value] of OF_DISK) flags.push(flag, `${disk.path}:${value}`); }
  await box.ok`run -d --name all ${flags} busybox sleep 1000`;
  const { Id } = await box.inspect("all");
  const groups = cgroups(box.root);
  const alone = groups.includes(`/sys/fs/cgroup/mydocker-${Id}`);
  const read = (file: string) => {
    const path = alone ? `${groups[0]}/${file}` : `/sys/fs/cgroup/${file.replace("/", `/mydocker-${Id}/`)}`;
    return Deno.readTextFileSync(path).trim();
  };
  for (const [flags, first, second] of WRITTEN) {
    for (const [file, value] of alone ? second : first) assertEquals(read(file), value, `${flags}: ${file}`);
  }
  for (const [flag, first, second, value] of disk ? OF_DISK : []) {
    if (alone) assertStringIncludes(` ${read("io.max")} `, ` ${second}=${value} `, flag);
    else assertEquals(read(first), `${disk!.number} ${value}`, flag);
  }
  await box.ok`rm -f all`;
});
