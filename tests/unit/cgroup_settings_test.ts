// Which control file each limit goes to, and in which numbers, on both versions of cgroups: as runc's
// documentation of the conversions and the kernel's (cgroup-v1/, cgroup-v2.rst) have it.

import { assertEquals, assertThrows } from "@std/assert";
import { Failure } from "../../lib/base/error.ts";
import type { Limits } from "../../lib/cgroup/limits.ts";
import { settings } from "../../lib/cgroup/settings.ts";

/** One block device that every machine knows the number of, without opening it. */
const disk = Deno.makeTempDirSync() + "/disk";
new Deno.Command("mknod", { args: [disk, "b", "7", "200"] }).outputSync();
globalThis.addEventListener("unload", () => Deno.removeSync(disk));

const on = (value: number) => [{ path: disk, value }];

/** "controller flag file=value", with all the files that would do. */
function lines(version: 1 | 2, limits: Limits): string[] {
  return settings(version, limits).map(({ controller, flag, choices, optional }) =>
    [
      controller,
      flag,
      ...choices.map(({ file, value }) => `${file}=${value}`),
      ...optional ? ["optional"] : [],
    ]
      .join(" ")
  );
}

const EACH: [limits: Limits, first: string[], second: string[]][] = [
  [{ memory: 1000 }, ["memory memory memory.limit_in_bytes=1000"], ["memory memory memory.max=1000"]],
  [
    { memory: 1000, memorySwap: 3000 },
    [
      "memory memory memory.limit_in_bytes=1000",
      "memory memory-swap memory.memsw.limit_in_bytes=3000 optional",
    ],
    ["memory memory memory.max=1000", "memory memory-swap memory.swap.max=2000 optional"],
  ],
  [
    { memory: 1000, memorySwap: -1 },
    [
      "memory memory memory.limit_in_bytes=1000",
      "memory memory-swap memory.memsw.limit_in_bytes=-1 optional",
    ],
    ["memory memory memory.max=1000", "memory memory-swap memory.swap.max=max optional"],
  ],
  [
    { memoryReservation: 500 },
    ["memory memory-reservation memory.soft_limit_in_bytes=500 optional"],
    ["memory memory-reservation memory.low=500 optional"],
  ],
  [{ oomKillDisable: true }, ["memory oom-kill-disable memory.oom_control=1"], []],
  [{ cpuShares: 2 }, ["cpu cpu-shares cpu.shares=2"], ["cpu cpu-shares cpu.weight=1"]],
  [{ cpuShares: 512 }, ["cpu cpu-shares cpu.shares=512"], ["cpu cpu-shares cpu.weight=20"]],
  [{ cpuShares: 1024 }, ["cpu cpu-shares cpu.shares=1024"], ["cpu cpu-shares cpu.weight=39"]],
  [{ cpuShares: 262144 }, ["cpu cpu-shares cpu.shares=262144"], ["cpu cpu-shares cpu.weight=10000"]],
  [
    { nanoCpus: 1.5e9 },
    ["cpu cpu-period cpu.cfs_period_us=100000", "cpu cpus cpu.cfs_quota_us=150000"],
    ["cpu cpus cpu.max=150000 100000"],
  ],
  [{ cpuQuota: 5000 }, ["cpu cpu-quota cpu.cfs_quota_us=5000"], ["cpu cpu-quota cpu.max=5000 100000"]],
  [{ cpuQuota: -1 }, ["cpu cpu-quota cpu.cfs_quota_us=-1"], ["cpu cpu-quota cpu.max=max 100000"]],
  [{ cpuPeriod: 5000 }, ["cpu cpu-period cpu.cfs_period_us=5000"], ["cpu cpu-period cpu.max=max 5000"]],
  [
    { cpuPeriod: 9000, cpuQuota: 4000 },
    ["cpu cpu-period cpu.cfs_period_us=9000", "cpu cpu-quota cpu.cfs_quota_us=4000"],
    ["cpu cpu-quota cpu.max=4000 9000"],
  ],
  [{ pidsLimit: 7 }, ["pids pids-limit pids.max=7"], ["pids pids-limit pids.max=7"]],
  [{ pidsLimit: -1 }, ["pids pids-limit pids.max=max"], ["pids pids-limit pids.max=max"]],
  [
    { cpusetCpus: "0-2,5", cpusetMems: "0" },
    ["cpuset cpuset-cpus cpuset.cpus=0-2,5", "cpuset cpuset-mems cpuset.mems=0"],
    ["cpuset cpuset-cpus cpuset.cpus=0-2,5", "cpuset cpuset-mems cpuset.mems=0"],
  ],
  [
    { blkioWeight: 10 },
    ["blkio blkio-weight blkio.weight=10 blkio.bfq.weight=10 optional"],
    ["blkio blkio-weight io.bfq.weight=10 io.weight=1 optional"],
  ],
  [
    { blkioWeight: 300 },
    ["blkio blkio-weight blkio.weight=300 blkio.bfq.weight=300 optional"],
    ["blkio blkio-weight io.bfq.weight=300 io.weight=2930 optional"],
  ],
  [
    { blkioWeight: 1000 },
    ["blkio blkio-weight blkio.weight=1000 blkio.bfq.weight=1000 optional"],
    ["blkio blkio-weight io.bfq.weight=1000 io.weight=10000 optional"],
  ],
  [
    { blkioWeightDevice: on(300) },
    ["blkio blkio-weight-device blkio.weight_device=7:200 300 blkio.bfq.weight_device=7:200 300 optional"],
    ["blkio blkio-weight-device io.bfq.weight=7:200 300 io.weight=7:200 2930 optional"],
  ],
  [
    { deviceReadBps: on(1), deviceWriteBps: on(2), deviceReadIops: on(3), deviceWriteIops: on(4) },
    [
      "blkio device-read-bps blkio.throttle.read_bps_device=7:200 1",
      "blkio device-write-bps blkio.throttle.write_bps_device=7:200 2",
      "blkio device-read-iops blkio.throttle.read_iops_device=7:200 3",
      "blkio device-write-iops blkio.throttle.write_iops_device=7:200 4",
    ],
    [
      "blkio device-read-bps io.max=7:200 rbps=1",
      "blkio device-write-bps io.max=7:200 wbps=2",
      "blkio device-read-iops io.max=7:200 riops=3",
      "blkio device-write-iops io.max=7:200 wiops=4",
    ],
  ],
];

for (const version of [1, 2] as const) {
  Deno.test(`cgroup v${version}: each limit's control file and value`, () => {
    for (const [limits, ...expected] of EACH) {
      assertEquals(lines(version, limits), expected[version - 1], JSON.stringify(limits));
    }
    assertEquals(lines(version, {}), []);
    for (const path of ["/nonexistent", "/dev/null", "/etc/passwd/x"]) {
      assertThrows(() => settings(version, { deviceReadBps: [{ path, value: 1 }] }), Failure, path);
    }
  });
}
