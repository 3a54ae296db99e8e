// --ulimit, --oom-score-adj, --shm-size and --sysctl: as a process in the container finds them.

import { assertEquals, assertMatch } from "@std/assert";
import { attack } from "../attacks/attacker.ts";
import { type Box, test, until } from "../world/world.ts";

const shell = (box: Box, flags: string[], script: string) =>
  box.ok`run --rm ${flags} busybox sh -c ${script}`;

test("run --ulimit: soft and hard, the last of a name; and exec has them, too", async (box) => {
  const flags = [
    "--ulimit",
    "nofile=5:6",
    "--ulimit",
    "nofile=100:200",
    "--ulimit",
    "core=0",
    "--ulimit",
    "cpu=77",
  ];
  const script = "ulimit -n; ulimit -Hn; ulimit -c; ulimit -Ht";
  assertEquals(await shell(box, flags, script), "100\n200\n0\n77");
  await box.ok`run -d --name main ${flags} busybox sleep 1000`;
  assertEquals(await box.ok`exec main sh -c ${script}`, "100\n200\n0\n77");
  assertEquals((await box.inspect("main")).HostConfig.Ulimits, [
    { Name: "core", Hard: 0, Soft: 0 },
    { Name: "cpu", Hard: 77, Soft: 77 },
    { Name: "nofile", Hard: 200, Soft: 100 },
  ]);
  await box.ok`rm -f main`;
});

test("run --ulimit: fewer descriptors than a start itself needs", async (box) => {
  for (const flags of [[], ["--init"], ["-t"]]) {
    const limited = ["--ulimit", "nofile=4", "--ulimit", "fsize=0", ...flags];
    assertMatch(await shell(box, limited, "ulimit -n"), /^4\s*$/);
  }
});

test("run --ulimit: it holds", async (box) => {
  const { code, stderr } = await box.$`${[
    "run",
    "--rm",
    "--ulimit",
    "nofile=4",
    "busybox",
    "sh",
    "-c",
    "exec 3</dev/null 4</dev/null",
  ]}`;
  assertEquals(code !== 0, true);
  assertMatch(stderr, /too many open files|Too many open files|bad file descriptor|Bad file descriptor/i);
});

test("run --ulimit: docker's words for what it can't be", async (box) => {
  for (
    const [value, why] of [
      ["nofile", "invalid ulimit argument: nofile"],
      ["nofile=", 'strconv.ParseInt: parsing "": invalid syntax'],
      ["nofile=1.5", 'strconv.ParseInt: parsing "1.5": invalid syntax'],
      ["nofile=99999999999999999999", 'strconv.ParseInt: parsing "99999999999999999999": value out of range'],
      ["nofile=200:100", "ulimit soft limit must be less than or equal to hard limit: 200 > 100"],
      [
        "nofile=-1:5",
        "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 5",
      ],
      ["nofile=1:2:3", "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"],
      ["toString=1", "invalid ulimit type: toString"],
      ["NOFILE=1", "invalid ulimit type: NOFILE"],
    ]
  ) {
    const { code, stderr } = await box.$`run --rm --ulimit ${value} busybox true`;
    assertEquals([code, stderr], [
      125,
      `mydocker: invalid argument "${value}" for "--ulimit" flag: ${why}\n`,
    ]);
  }
});

test("run --oom-score-adj: of all its processes, exec's too, and not of the keeper", async (box) => {
  const read = "cat /proc/self/oom_score_adj";
  assertEquals(await shell(box, ["--oom-score-adj", "777"], read), "777");
  await box.ok`run -d --name main --oom-score-adj 600 --init busybox sleep 1000`;
  assertEquals(await box.ok`exec main sh -c '${read}; cat /proc/1/oom_score_adj'`, "600\n600");
  const pid = await box.pidOf("main");
  const keeper = /^PPid:\s*(\d+)$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1];
  assertEquals(
    Deno.readTextFileSync(`/proc/${keeper}/oom_score_adj`),
    Deno.readTextFileSync("/proc/self/oom_score_adj"),
  );
  await box.ok`rm -f main`;
  const { code, stderr } = await box.$`run --rm --oom-score-adj 1001 busybox true`;
  assertEquals(
    [code, stderr],
    [125, "mydocker: Invalid value 1001, range for oom score adj is [-1000, 1000]\n"],
  );
});

test("run --shm-size: in docker's units, and full where it is full", async (box) => {
  const size = "df /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2";
  for (
    const [given, blocks] of [["1m", 1024], ["1.5M", 1536], ["64kb", 64], ["0", 65536], ["8192", 8]] as const
  ) {
    assertEquals(await shell(box, ["--shm-size", given], size), String(blocks), given);
  }
  const { stderr } = await box.$`${[
    "run",
    "--rm",
    "--shm-size",
    "64k",
    "busybox",
    "dd",
    "if=/dev/zero",
    "of=/dev/shm/x",
    "bs=1k",
    "count=65",
  ]}`;
  assertMatch(stderr, /No space left on device/);
  for (const given of ["-1", "abc", ""]) {
    const result = await box.$`run --rm --shm-size=${given} busybox true`;
    const why = `invalid argument "${given}" for "--shm-size" flag: invalid size: '${given}'`;
    assertEquals([result.code, result.stderr], [125, `mydocker: ${why}\n`]);
  }
});

test("run --sysctl: set in the container, and nowhere else", async (box) => {
  const before = Deno.readTextFileSync("/proc/sys/kernel/msgmax");
  const flags = [
    ...["--sysctl", "kernel.msgmax=1234", "--sysctl", "net.ipv4.ip_forward=1"],
    ...["--sysctl", "fs.mqueue.msg_max=21", "--sysctl", "kernel.sem=1 2 3 4"],
  ];
  const script = "cd /proc/sys; cat kernel/msgmax net/ipv4/ip_forward fs/mqueue/msg_max kernel/sem";
  assertEquals(await shell(box, flags, script), "1234\n1\n21\n1\t2\t3\t4");
  assertEquals(Deno.readTextFileSync("/proc/sys/kernel/msgmax"), before);
});

const PORT_START = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
const PING_GROUPS = "/proc/sys/net/ipv4/ping_group_range";

test("in a network namespace of its own, low ports and pings are free to all users, as docker has it", async (box) => {
  const look = ["busybox", "cat", PORT_START, PING_GROUPS];
  const free = ["0", "0\t2147483647"].join("\n");
  for (const flags of [[], ["--network", "none"], ["--network", "none", "--privileged"]]) {
    assertEquals(await box.ok`run --rm ${flags} ${look}`, free, flags.join(" "));
  }
  const given = [
    "--sysctl",
    "net.ipv4.ip_unprivileged_port_start=1000",
    "--sysctl",
    "net.ipv4.ping_group_range=5 6",
  ];
  await box.ok`run -d --name given --network none ${given} busybox sleep 1000`;
  assertEquals(await box.ok`exec given ${look.slice(1)}`, "1000\n5\t6");
  assertEquals(await box.ok`run --rm --network container:given ${look}`, "1000\n5\t6");
  await box.ok`rm -f given`;
  const before = [PORT_START, PING_GROUPS].map((path) => Deno.readTextFileSync(path)).join("");
  assertEquals(await box.ok`run --rm --network host ${look}` + "\n", before);
});

test("run -u: a user serves on port 80, and pings", async (box) => {
  const serve = ["busybox", "sh", "-c", "echo hello >/tmp/x; exec httpd -f -p 80 -h /tmp"];
  await box.ok`run -d --name server -u 1000:1000 ${serve}`;
  const get = ["exec", "-u", "1000:1000", "server", "wget", "-qO-", "http://127.0.0.1/x"];
  await until("it serves", async () => (await box.$(get)).stdout === "hello\n");
  await box.ok`rm -f server`;
  const [AF_INET, SOCK_DGRAM, IPPROTO_ICMP] = [2, 2, 1];
  const ping = await attack(box, [["socket", AF_INET, SOCK_DGRAM, IPPROTO_ICMP]], ["-u", "1000:1000"]);
  assertEquals(ping, ["done"]);
});

test("run --sysctl: nothing of the host's can be set", async (box) => {
  for (
    const value of [
      ...["kernel.hostname=x", "kernel.pid_max=5", "vm.swappiness=1", "kernel.msgmax", "=1", ""],
      ...["net/ipv4/ip_forward=1", "kernel.domainname=x", "msgmax=5", "kernel/msgmax=5"],
    ]
  ) {
    const { code, stderr } = await box.$`run --rm --sysctl ${value} busybox true`;
    const why = `invalid argument "${value}" for "--sysctl" flag: sysctl '${value}' is not allowed`;
    assertEquals([code, stderr], [125, `mydocker: ${why}\n`]);
  }
  for (
    const [flags, message] of [
      [
        ["--net", "host", "--sysctl", "net.ipv4.ip_forward=1"],
        'sysctl "net.ipv4.ip_forward" not allowed in host network namespace',
      ],
      [
        ["--ipc", "host", "--sysctl", "kernel.msgmax=1"],
        'sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace',
      ],
    ] as const
  ) {
    const { code, stderr } = await box.$`run --rm ${flags} busybox true`;
    assertEquals([code, stderr], [125, `mydocker: ${message}\n`]);
  }
  const escape = await box.$`run --rm --sysctl net./../kernel/msgmax=1 busybox true`;
  assertMatch(escape.stderr, /\/proc\/sys\/net\/+kernel\/msgmax: no such file or directory/);
});
