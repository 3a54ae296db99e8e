// What a command finds around itself: namespaces, file systems, rights, descriptors.

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { BIN, type Box, requires, test, until, words } from "../world/world.ts";
import { interfaces as interfacesHere } from "../world/netns.ts";

const NAMESPACES = ["mnt", "pid", "uts", "ipc", "net", "cgroup"];

/** Lines of a container's mount table: target → [options, type, super options]. */
function mountTable(
  text: string,
): Map<string, { options: string[]; type: string; data: string[]; root: string }> {
  const table = new Map();
  for (const line of text.trim().split("\n")) {
    const [before, after] = line.split(" - ");
    const [, , , root, target, options] = before.split(" ");
    const [type, , data] = after.split(" ");
    table.set(target, { options: options.split(","), type, data: data.split(","), root });
  }
  return table;
}

test("world: namespaces of its own, and the host's user and time namespace", async (box) => {
  const stdout = await box.ok`run --rm busybox
    sh -c 'cd /proc/self/ns && for ns in *; do readlink $ns; done'`;
  const inside = new Map(stdout.split("\n").map((link) => [link.split(":")[0], link]));
  for (const name of NAMESPACES) {
    assert(inside.has(name), `no ${name} namespace`);
    assertNotEquals(inside.get(name), Deno.readLinkSync(`/proc/self/ns/${name}`));
  }
  for (const name of ["user", "time"]) {
    assertEquals(inside.get(name), Deno.readLinkSync(`/proc/self/ns/${name}`));
  }
});

test("world: the command is PID 1, leads its session, and nothing else is there", async (box) => {
  const stdout = await box.ok`run --rm busybox cat /proc/self/stat`;
  const [pid, rest] = [stdout.split(" ")[0], stdout.slice(stdout.lastIndexOf(")") + 2).split(" ")];
  const [, parent, group, session, terminal] = rest;
  assertEquals({ pid, parent, group, session, terminal }, {
    pid: "1",
    parent: "0",
    group: "1",
    session: "1",
    terminal: "0",
  });
  const processes = await box.ok`run --rm busybox sh -c 'ls -d /proc/[0-9]*; true'`;
  assertEquals(processes, "/proc/1");
});

test("world: the host's processes, host name and IPC objects are out of sight", async (box) => {
  const stdout = await box.ok`run --rm busybox sh -c 'hostname; wc -l </proc/sysvipc/shm; ps -o pid='`;
  const [name, ipc, ...pids] = stdout.split("\n").map((line) => line.trim());
  assertNotEquals(name, Deno.hostname());
  assertMatch(name, /^[0-9a-f]{12}$/);
  assertEquals([ipc, pids.length], ["1", 1], "the title of an empty table, and ps itself");
});

test("world --network none: only loopback, and it is up", async (box) => {
  const none = ["run", "--rm", "--network", "none", "busybox"];
  assertEquals(await box.ok`${none} ls /sys/class/net`, "lo");
  const stdout = await box.ok`${none} ip addr show lo`;
  assertMatch(stdout, /LOOPBACK,UP/);
  assertMatch(stdout, /inet 127\.0\.0\.1\/8/);
  await box.ok`run --rm busybox sh -c 'nc -l -p 80 </dev/null & sleep 0.1; echo x | nc 127.0.0.1 80'`;
});

test("world --network host: the host's interfaces and name", async (box) => {
  const stdout = await box.ok`run --rm --network host busybox sh -c 'hostname; ls /sys/class/net'`;
  const [name, ...interfaces] = stdout.split("\n");
  assertEquals(name, Deno.hostname());
  assertEquals(interfaces, interfacesHere());
});

test("world: the cgroup namespace hides where it is", async (box) => {
  for (const line of (await box.ok`run --rm busybox cat /proc/self/cgroup`).split("\n")) {
    assertMatch(line, /:\/$/, line);
  }
});

test("world: mounts as docker has them", async (box) => {
  const mounts = mountTable(await box.ok`run --rm busybox cat /proc/self/mountinfo`);
  const expected: [string, string, string[]][] = [
    ["/", "overlay", ["rw"]],
    ["/proc", "proc", ["rw", "nosuid", "nodev", "noexec"]],
    ["/dev", "tmpfs", ["rw", "nosuid"]],
    ["/dev/pts", "devpts", ["rw", "nosuid", "noexec"]],
    ["/sys", "sysfs", ["ro", "nosuid", "nodev", "noexec"]],
    ["/dev/mqueue", "mqueue", ["rw", "nosuid", "nodev", "noexec"]],
    ["/dev/shm", "tmpfs", ["rw", "nosuid", "nodev", "noexec"]],
    ["/etc/hosts", mounts.get("/etc/hosts")!.type, ["rw"]],
    ["/etc/hostname", mounts.get("/etc/hostname")!.type, ["rw"]],
    ["/etc/resolv.conf", mounts.get("/etc/resolv.conf")!.type, ["rw"]],
  ];
  for (const [target, type, options] of expected) {
    const mount = mounts.get(target);
    assertEquals(mount?.type, type, target);
    assertEquals(
      options.filter((option) => !mount!.options.includes(option)),
      [],
      `${target}: ${mount!.options}`,
    );
  }
  assert(mounts.get("/dev")!.data.includes("size=65536k") && mounts.get("/dev")!.data.includes("mode=755"));
  assert(mounts.get("/dev/shm")!.data.includes("size=65536k"));
});

test("world: no mount is shared with the host or anyone else", async (box) => {
  const text = await box.ok`run --rm -v ${box.dir}:/host busybox cat /proc/self/mountinfo`;
  for (const line of text.split("\n")) assert(!/ shared:\d+| master:\d+/.test(line), line);
});

test("world: nothing of the host's tree can be reached", async (box) => {
  const mounts = mountTable(await box.ok`run --rm busybox cat /proc/self/mountinfo`);
  const kernel = ["overlay", "proc", "tmpfs", "devpts", "sysfs", "mqueue"];
  for (const [target, { type, root, options }] of mounts) {
    const isOwnGroup = type.startsWith("cgroup") && root === "/" && options.includes("ro");
    assert(
      kernel.includes(type) || isOwnGroup || /^\/etc\/(hosts|hostname|resolv.conf)$/.test(target),
      `${target} is ${type}`,
    );
  }
  const up = await box.ok`run --rm busybox sh -c 'cd /../../../..; ls -d tmp /proc/1/root/seed'`;
  assertEquals(up, "/proc/1/root/seed\ntmp");
});

/** Docker's published defaults (moby's oci/defaults.go), which the program has its own copy of. */
const MASKED =
  `/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug
  /proc/scsi /proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware`.split(/\s+/);
const READ_ONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split(" ");

test("world: masked paths are empty, and read-only ones refuse", async (box) => {
  await box.ok`create --name one busybox true`;
  const { HostConfig } = await box.inspect("one");
  assertEquals(HostConfig.MaskedPaths.toSorted(), MASKED);
  assertEquals(HostConfig.ReadonlyPaths.toSorted(), READ_ONLY);
  await box.ok`rm one`;

  const mounts = mountTable(await box.ok`run --rm busybox cat /proc/self/mountinfo`);
  const isThere = (path: string) => {
    try {
      return Deno.lstatSync(path) !== undefined;
    } catch {
      return false;
    }
  };
  for (const path of MASKED.filter(isThere)) assertEquals(mounts.get(path)?.type, "tmpfs", path);
  for (const path of READ_ONLY.filter(isThere)) assert(mounts.get(path)?.options.includes("ro"), path);
  const content = `for path in "$@"; do [ -d "$path" ] && ls -A "$path" || cat "$path"; done`;
  const masked = ["run", "--rm", "busybox", "sh", "-c", content, "sh", ...MASKED.filter(isThere)];
  assertEquals(await box.ok(masked), "");
  const script = "echo 1 >/proc/sys/kernel/panic; echo $?; mkdir /sys/x; echo $?";
  const { stdout, stderr } = await box.$`run --rm busybox sh -c ${script}`;
  assertEquals(stdout, "1\n1\n", stderr);
});

test("world: /dev has docker's nodes and links, and no more", async (box) => {
  const list = await box.ok`run --rm busybox ls /dev`;
  const docker = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero".split(
    " ",
  );
  assertEquals(list.split("\n"), docker);
  const nodes = "full null random tty urandom zero".split(" ").map((name) => `/dev/${name}`);
  const stat = await box.ok`run --rm busybox stat -c '%n %t,%T %a %F %u:%g' ${nodes}`;
  const numbers: Record<string, string> = {
    full: "1,7",
    null: "1,3",
    random: "1,8",
    tty: "5,0",
    urandom: "1,9",
    zero: "1,5",
  };
  const expected = Object.entries(numbers).map(([name, number]) =>
    `/dev/${name} ${number} 666 character special file 0:0`
  );
  assertEquals(stat.split("\n"), expected);
  const script = "for name in fd stdin stdout stderr; do readlink /dev/$name; done";
  const links = await box.ok`run --rm busybox sh -c ${script}`;
  assertEquals(links.split("\n"), ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"]);
});

test("world: /dev/null, /dev/zero, /dev/stdout and /dev/shm work, for any user", async (box) => {
  const script = "echo x >/dev/null && head -c 3 /dev/zero | wc -c && echo via >/dev/stdout && " +
    "echo err >/dev/stderr && echo in >/dev/shm/f && cat /dev/shm/f";
  for (const user of ["root", "app"]) {
    const { stdout, stderr } = await box.$`run --rm -u ${user} busybox sh -c ${script}`;
    assertEquals([stdout, stderr], ["3\nvia\nin\n", "err\n"], user);
  }
});

test("world: docker's capabilities for root, none for others", async (box) => {
  const script = "grep ^Cap /proc/self/status";
  const caps = async (...args: string[]) =>
    Object.fromEntries(
      (await box.ok`run --rm ${args} busybox sh -c ${script}`).split("\n").map((line) => line.split(":\t")),
    );
  const docker = "00000000a80425fb";
  const none = "0000000000000000";
  assertEquals(await caps(), { CapInh: none, CapPrm: docker, CapEff: docker, CapBnd: docker, CapAmb: none });
  assertEquals(await caps("-u", "1000"), {
    CapInh: none,
    CapPrm: none,
    CapEff: none,
    CapBnd: docker,
    CapAmb: none,
  });
});

test("world: what the missing capabilities would allow is refused", async (box) => {
  for (
    const command of ["mount -t tmpfs x /tmp", "hostname other", "ip link set lo down", "nice -n -5 true"]
  ) {
    const { code, stderr } = await box.$`run --rm -u 0 busybox sh -c ${command}`;
    assertNotEquals(code, 0, `${command}: ${stderr}`);
  }
  // CAP_CHOWN, DAC_OVERRIDE, SETUID and KILL are docker's defaults.
  await box.ok`run --rm busybox sh -c 'chown 5:5 /seed && su -s /bin/sh app -c id'`;
});

test("world: umask, signals, rlimits and oom score are a fresh process's", async (box) => {
  const script =
    "umask; grep -E '^(Sig(Blk|Ign|Cgt)|NoNewPrivs)' /proc/self/status; cat /proc/self/oom_score_adj";
  const stdout = await box.ok`run --rm busybox sh -c 'cat /proc/1/status >/dev/null; ${script}'`;
  const lines = stdout.split("\n");
  assertEquals(lines[0], "0022");
  assertEquals(lines.at(-1), Deno.readTextFileSync("/proc/self/oom_score_adj").trim());
  const status = await box.ok`run --rm busybox grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status`;
  for (const line of status.split("\n")) assertMatch(line, /:\t0{16}$/, status);
});

test("world: the caller's groups do not come along, to run and exec", async (box) => {
  await box.ok`run -d --name main busybox sleep 1000`;
  for (const user of ["1000:1000", "0"]) {
    for (const words of [["run", "--rm", "-u", user, "busybox"], ["exec", "-u", user, "main"]]) {
      const { stdout } = await box.exec`setpriv --groups 4242,4343 ${BIN} ${words} id -G`;
      assertMatch(stdout, /^(0|1000)\b/);
      assert(!stdout.includes("4242") && !stdout.includes("4343"), `${words.join(" ")}: ${stdout}`);
    }
  }
  await box.ok`rm -f main`;
});

test("world: the caller's umask and ignored signals do not come along", async (box) => {
  const script =
    `umask 077; trap '' INT TERM HUP; "$0" run --rm busybox sh -c 'umask; echo >/f; stat -c %a /f'; ` +
    `"$0" run --rm busybox grep SigIgn /proc/self/status`;
  assertEquals((await box.exec`sh -c ${script} ${BIN}`).stdout, `0022\n644\nSigIgn:\t${"0".repeat(16)}\n`);
});

test("world: no descriptor but 0, 1 and 2", async (box) => {
  const list = (stdout: string) => stdout.trim().split("\n").map(Number).filter((fd) => fd > 2);
  // ls has one open for what it lists.
  assertEquals(list(await box.ok`run --rm busybox ls /proc/self/fd`), [3]);
  assertEquals(
    list(await box.ok`run --rm -v vol:/v --tmpfs /t busybox ls /proc/1/fd`),
    [3],
  );
});

test("world: what the caller has open does not come along", async (box) => {
  const opened = Array.from({ length: 48 }, (_, i) => i + 3);
  const script = `import os, sys
for fd in range(3, 51): os.dup2(os.open("/etc/passwd", os.O_RDONLY), fd, inheritable=True)
os.execv(sys.argv[1], sys.argv[1:])`;
  const argv = ["run", "--rm", "busybox", "sh", "-c", "ls -l /proc/self/fd; ls /proc/1/fd"];
  const viaShell = opened.slice(0, 7).map((fd) => `${fd}</etc/passwd`).join(" ");
  const shell = await box.exec`bash -c 'exec ${viaShell} 20</etc 50</etc; exec "$0" "$@"' ${BIN} ${argv}`;
  assertEquals(shell.code, 0, shell.stderr);
  assert(!/passwd|\/etc/.test(shell.stdout), shell.stdout);
  const python = await box.exec`python3 -c ${script} ${BIN} ${argv}`;
  assert(!/passwd/.test(python.stdout) && python.code === 0, python.stdout + python.stderr);
}, await requires("python3"));

test("world: the keeper has nothing of the caller's open either", async (box) => {
  const script = `exec 7</etc/passwd 9>"$1"; exec "$0" run --rm busybox sleep 1000`;
  await using running = box.start`bash -c ${script} ${BIN} ${box.path("held", "")}`;
  const { keeper } = await keeperOf(box, running.pid);
  const held = () =>
    [...Deno.readDirSync(`/proc/${keeper}/fd`)].map(({ name }) =>
      Deno.readLinkSync(`/proc/${keeper}/fd/${name}`)
    );
  assert(!held().some((path) => path === "/etc/passwd" || path.endsWith("/held")), held().join(" "));
  await box.ok`rm -f ${await box.ok`ps -q`}`;
  await running.end();
});

/** The one running container's keeper: the parent of its first process. */
async function keeperOf(box: Box, client: number) {
  const id = await until("a container runs", async () => await box.ok`ps -q` || undefined);
  const init = await box.pidOf(id);
  const stat = Deno.readTextFileSync(`/proc/${init}/stat`);
  const keeper = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  assertNotEquals(keeper, client);
  return { id, init, keeper };
}

test("world: the keeper can be told by its name, and can't be looked into", async (box) => {
  await using running = box.spawn`run --name kept busybox sleep 1000`;
  const { init, keeper } = await keeperOf(box, running.pid);
  assertMatch(Deno.readTextFileSync(`/proc/${keeper}/cmdline`), /^mydocker: keeper of kept/);
  assertEquals(Deno.readTextFileSync(`/proc/${init}/cmdline`), "sleep\x001000\0");
  assertEquals(Deno.readTextFileSync(`/proc/${init}/comm`), "sleep\n");
  await box.ok`rm -f kept`;
  assertEquals((await running.end()).code, 137);
});

test("world: the hosts, hostname and resolv.conf files are the container's", async (box) => {
  const script = "cat /etc/hostname; hostname; cat /etc/hosts; echo --; cat /etc/resolv.conf";
  const stdout = await box.ok`run --rm -h called busybox sh -c ${script}`;
  const [before, after] = stdout.split("\n--\n");
  assertMatch(before, /^called\ncalled\n127\.0\.0\.1\tlocalhost\n/);
  assertEquals(after.trim(), Deno.readTextFileSync("/etc/resolv.conf").trim());
  const write = "echo '1.2.3.4 there' >>/etc/hosts; grep -c there /etc/hosts";
  assertEquals(await box.ok`run --rm busybox sh -c ${write}`, "1");
});

test("world: the image's own hosts file stays in its layer", async (box) => {
  await box.ok`run --name one busybox sh -c 'echo changed >/etc/hosts'`;
  const [layer] = [...Deno.readDirSync(`${box.root}/layers`)].filter(({ name }) => !name.startsWith("."));
  const inLayer = [...Deno.readDirSync(`${box.root}/layers/${layer.name}/diff/etc`)].map(({ name }) => name)
    .sort();
  assertEquals(inLayer, ["group", "passwd"]);
});

test("world: /.dockerenv is there and empty", async (box) => {
  assertEquals(await box.ok`run --rm busybox stat -c '%s %a' /.dockerenv`, "0 755");
});

test("world: / has the mode and owner that the image says", async (box) => {
  const { tar } = await import("../world/images.ts");
  const archive = tar([{ name: "./", type: "5", mode: 0o711, uid: 7, gid: 8 }]);
  await box.ok(words`import - odd`, { stdin: archive });
  await box.$`run --name odd-one odd /none`;
  const listing = await box.exec`sh -c '"$0" export odd-one | tar tvf - --numeric-owner' ${BIN}`;
  assertEquals(listing.code, 0, listing.stderr);
  const upper = [...Deno.readDirSync(`${box.root}/containers`)].find(({ name }) => !name.startsWith("."))!;
  const { mode, uid, gid } = Deno.statSync(`${box.root}/containers/${upper.name}/upper`);
  assertEquals([mode! & 0o7777, uid, gid], [0o711, 7, 8]);
});

test("world: an image with nothing in it gets all its mount points", async (box) => {
  const { tar } = await import("../world/images.ts");
  const busybox = Deno.realPathSync("/bin/busybox");
  await box.ok(words`import - empty`, { stdin: tar([]) });
  const args = [
    "run",
    "--rm",
    "-v",
    `${busybox}:/deep/er/busybox:ro`,
    "empty",
    "/deep/er/busybox",
    "ls",
    "/",
  ];
  assertEquals((await box.ok(args)).split("\n"), ["deep", "dev", "etc", "proc", "sys"]);
});
