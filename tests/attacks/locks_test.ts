// What any user of this host could hold on to, so that nobody's containers start any more.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, requires, test, words } from "../world/world.ts";

const NOBODY = 65534;

/** As a user who may nothing: takes whatever name or lock mydocker might want for bridges, and keeps it. */
const HOLD_ALL = `
import fcntl, os, socket, time
os.setgroups([]); os.setgid(${NOBODY}); os.setuid(${NOBODY})
def attempt(work):
  try: return work()
  except OSError as error: print(error)
taken = socket.socket(socket.AF_UNIX)
attempt(lambda: taken.bind("\\0mydocker-makes-a-bridge"))
for path in ["/run/mydocker", "/run/mydocker/networks"]: attempt(lambda: os.mkdir(path))
held = [attempt(lambda: os.open(path, os.O_RDONLY)) for path in ["/proc/self/ns/net", "/run", "/run/mydocker"]]
for fd in held:
  if fd is not None:
    attempt(lambda: fcntl.flock(fd, fcntl.LOCK_EX))
    attempt(lambda: fcntl.lockf(fd, fcntl.LOCK_SH))
print("ready")
time.sleep(1000)
`;

test("locks: a user who takes every name there is keeps nobody from making a bridge", async (box) => {
  await using attacker = box.start`python3 -uc ${HOLD_ALL}`;
  await attacker.expect("ready");
  const { code, stderr } = await box.$`run --rm busybox true`;
  assertEquals([code, stderr], [0, ""]);
}, await requires("python3"));

/** What may be at /run, where others can write there or nobody can. */
const RUNS: Record<string, string> = {
  "can't be written": "mount -t tmpfs -o ro none /run",
  "is no directory of files": "mount --bind /proc /run",
  "is everybody's, with a directory of theirs":
    `mount -t tmpfs -o mode=1777 none /run; mkdir /run/mydocker; chown ${NOBODY} /run/mydocker`,
  "is everybody's, with a directory that others can write to":
    "mount -t tmpfs -o mode=1777 none /run; mkdir -m 777 /run/mydocker",
  "is everybody's, with a link of theirs":
    "mount -t tmpfs -o mode=1777 none /run; mkdir -m 700 /run/target; ln -s target /run/mydocker",
};

for (const [what, script] of Object.entries(RUNS)) {
  test(`locks: a container has its network where /run ${what}`, async (box) => {
    const look = "find -L /run/mydocker /run/target -type f 2>/dev/null || true";
    const shell = `${script}; "$0" run --rm busybox ip addr show eth0; ${look}`;
    const { code, stdout, stderr } = await box.exec`unshare --mount sh -euc ${shell} ${BIN}`;
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /inet 172\./);
    assert(!stdout.includes("/run/"), `nothing is made there: ${stdout}`);
  });
}

test("locks: mydockers that can't see each other's lock choose different subnets all the same", async (box) => {
  const roots = Array.from({ length: 6 }, (_, n) => ({ env: { MYDOCKER_ROOT: box.path(`root${n}`) } }));
  for (const root of roots) await box.exec`cp -a ${box.root} ${root.env.MYDOCKER_ROOT}`;
  const shell = 'mount -t tmpfs -o mode=755 none /run; exec "$0" "$@"';
  const run = ["run", "-d", "--name", "one", "busybox", "sleep", "1000"];
  const started = await Promise.all(
    roots.map((root) => box.exec(words`unshare --mount sh -euc ${shell} ${BIN} ${run}`, root)),
  );
  for (const { code, stderr } of started) assertEquals([code, stderr], [0, ""]);
  const address = ["inspect", "-f", "{{.NetworkSettings.Gateway}}", "one"];
  const gateways = await Promise.all(roots.map((root) => box.ok(address, root)));
  assertEquals(new Set(gateways).size, roots.length, gateways.join(" "));
  for (const root of roots) await box.ok(words`rm -f one`, root);
});
