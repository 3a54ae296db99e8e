// Starting a process where others are already: in the PID namespace of another container, whose programs are
// hostile, and beside a command of its own (--init).

import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeAttack } from "./attacker.ts";
import { BIN, requires, test, until } from "../world/world.ts";
import { startWatching } from "./watcher.ts";
import { AT_FDCWD, O_RDONLY } from "../../ffi/file.ts";

const RUN = ["run", "--rm", "--network", "none"];

test("--pid container: the other one never sees what mydocker has, and a container has not", async (box) => {
  const outcome = await startWatching(box);
  for (let n = 0; n < 40 && outcome() === undefined; n++) {
    const flags = n % 2 ? ["--init"] : [];
    await box.$`${RUN} --pid container:c1 --cap-add SYS_PTRACE ${flags} busybox true`;
  }
  assertEquals(outcome(), undefined);
  await box.ok`rm -f c1`;
}, { seconds: 120 });

test("--pid container: whatever the other one has made of its /proc, this one's is a whole one or none", async (box) => {
  await box.ok`run -d --network none --name c1 --privileged busybox sleep 1000`;
  const join = (...command: string[]) => box.$`${RUN} --pid container:c1 busybox ${command}`;
  // What covers parts of it is its own affair.
  await box.ok`exec c1 mount -t tmpfs x /proc/sys`;
  const look = "ls /proc/sys; cat /proc/1/comm; wc -c </proc/keys; echo x >/proc/sys/vm/swappiness";
  const { stdout, stderr } = await join("sh", "-c", look);
  assertMatch(stdout, /^kernel\n(.*\n)*sleep\n0\n$/m);
  assertMatch(stderr, /Read-only file system/);
  await box.ok`exec c1 mkdir /p`;
  await box.ok`exec c1 mount -t proc p /p`;
  for (const made of ["mount -t tmpfs x /proc", "mount --bind /p/1 /proc", "mount --bind /etc /proc"]) {
    await box.ok`exec c1 ${made.split(" ")}`;
    const { code, stdout, stderr } = await join("cat", "/proc/1/comm");
    assertEquals([made, code, stdout], [made, 125, ""]);
    assertMatch(stderr, /the other container's \/proc/);
  }
  await box.ok`rm -f c1`;
});

/** strace delays a call of whatever mydocker starts by so many seconds. */
const delayed = (call: string, seconds: number) => [
  ...["strace", "-qq", "-f", "-o", "/dev/null", "-e", `trace=${call}`],
  ...["-e", `inject=${call}:delay_enter=${seconds * 1e6}`, BIN],
];

const strace = await requires("strace");

test(
  "--init: the command begins only once PID 1 is docker-init, which shares no memory with the keeper",
  async (box) => {
    makeAttack(box.path("look"), (p, call) => {
      const [fd, length, text, end] = [p.cell(), p.cell(), p.reserve(256), p.label()];
      p.onFailure(end);
      call("openat", [AT_FDCWD, p.string("/proc/1/cmdline"), O_RDONLY, 0], { store: fd });
      call("read", [fd, text, 256], { store: length });
      call("write", [1, text, length]);
      p.place(end);
    });
    const command = ["--init", "-v", `${box.dir}/look:/look:ro`, "busybox", "/look"];
    const { code, stdout } = await box.exec`${delayed("execveat", 1)} ${RUN} ${command}`;
    assertEquals([code, stdout], [0, "/sbin/docker-init\0--\0/look\0"]);
  },
  strace,
);

test("nobody gets into a container that is being started", async (box) => {
  await box.ok`${RUN} busybox true`;
  // Not a name of hex digits, which an image or a network could be found by before the container is there.
  const started = ["run", "-d", "--name", "guest", "--network", "none", "busybox", "sleep", "1000"];
  await using starting = box.start`${delayed("execve", 2)} ${started}`;
  await until("it is there", async () => (await box.$`inspect guest`).code === 0);
  const isCreated = async () => (await box.inspect("guest")).State.Status === "created";
  const tries = [
    ["exec", "guest", "true"],
    ...["pid", "ipc", "uts", "network"].map((
      kind,
    ) => ["run", "--rm", `--${kind}`, "container:guest", "busybox", "true"]),
  ];
  let refused = 0;
  while (await isCreated()) {
    for (const args of tries) {
      const { code, stderr } = await box.$(args);
      if (!await isCreated()) break;
      assert(code !== 0, args.join(" "));
      assertMatch(stderr, /not running|non running|non-shareable/);
      refused++;
    }
  }
  assert(refused > 0);
  // strace goes with the last of what it follows.
  await box.ok`rm -f guest`;
  await starting.end();
}, { ...strace, seconds: 60 });
