// Mounts that would spread: from a container to the host, where all is shared as systemd has it (isolate in
// tests/world/netns.ts), and back.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Box, test, until } from "../world/world.ts";

/** What a container must have to mount at all. */
const MOUNTING = ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"];

/** A directory of the host's with something in it. */
function makeDecoy(box: Box, name: string): string {
  const path = box.path(name);
  Deno.mkdirSync(path);
  Deno.writeTextFileSync(`${path}/secret`, "of the host");
  return path;
}

const hostMounts = () => Deno.readTextFileSync("/proc/thread-self/mountinfo");

test("the tests' own mounts are shared, or none of what follows would be tried", () => {
  assertMatch(hostMounts(), / \/ \/ .*shared:/);
  return Promise.resolve();
});

test("what is mounted in a container is not on the host, and its removal goes nowhere", async (box) => {
  const decoy = makeDecoy(box, "precious");
  const before = hostMounts();
  const script = "mkdir /anon/p /named/p && mount --bind /p /anon/p && mount --bind /p /named/p && " +
    "mount -t tmpfs none /etc/hosts 2>/dev/null; mount --bind /p /dev/shm && echo mounted";
  const volumes = ["-v", "/anon", "-v", "named:/named", "-v", `${decoy}:/p`];
  assertEquals(
    await box.ok`run --rm ${MOUNTING} ${volumes} busybox sh -c ${script}`,
    "mounted",
  );
  assertEquals(hostMounts(), before);
  await box.ok`volume rm named`;
  assertEquals(Deno.readTextFileSync(`${decoy}/secret`), "of the host");
});

test("what is mounted in a container that others joined is not in theirs, nor on the host", async (box) => {
  const before = hostMounts();
  const spread = "mkdir -p /dev/shm/p /v/p; mount -t tmpfs none /dev/shm/p; mount -t tmpfs none /v/p; ";
  const flags = [...MOUNTING, "-v", "shared:/v", "--ipc", "shareable"];
  await box.ok`run -d --name evil ${flags} busybox sh -c ${spread + "sleep 1000"}`;
  await until(
    "it has mounted",
    async () => (await box.ok`exec evil cat /proc/mounts`).includes("/v/p"),
  );
  const joining = ["--ipc", "container:evil", "-v", "shared:/v"];
  const seen = await box.ok`run --rm ${joining} busybox cat /proc/mounts`;
  assert(!/ \/(v|dev\/shm)\/p /.test(seen), seen);
  assertEquals(hostMounts(), before);
  await box.ok`rm -f evil`;
});

test("no mount of a container's has peers or a master", async (box) => {
  const decoy = makeDecoy(box, "decoy");
  await box.ok`run -d --name other --ipc shareable busybox sleep 1000`;
  const lists = [
    ["-v", `${decoy}:/a`, "-v", "vol:/b:ro", "-v", `${decoy}/secret:/c`, "--tmpfs", "/d", "-v", "/sys:/e"],
    ["--mount", `type=bind,source=/dev,target=/a,bind-nonrecursive`, "--read-only"],
    ["--ipc", "host", "--pid", "host", "--uts", "host"],
    ["--ipc", "container:other", "--network", "container:other"],
    ["--privileged"],
    ["-t", "--init", "--cap-add", "ALL"],
  ];
  for (const flags of lists) {
    const table = await box.ok`run --rm ${flags} busybox cat /proc/self/mountinfo`;
    assertStringIncludes(table, " / / ");
    assert(!/shared:|master:|propagate_from:/.test(table), `${flags.join(" ")}:\n${table}`);
  }
  await box.ok`rm -f other`;
});

/**
 * Runs a script in a mount namespace of its own with a shared tmpfs at $1, with a mount on $1/sub; $0 is
 * mydocker.
 */
async function withSource(box: Box, script: string) {
  const { BIN } = await import("../world/world.ts");
  const before = `mount -t tmpfs none "$1" && mkdir "$1/sub" "$1/private" "$1/late" "$1/up" &&
    mount -t tmpfs none "$1/sub" && mount -t tmpfs none "$1/private" && mount --make-private "$1/private"
    mounts() { "$0" exec cc cat /proc/self/mountinfo | awk '$5 ~ "^/b(/|$)" { sub(":.*|-", "", $7); print $5, $7 }'; }
    `;
  const argv = ["unshare", "-m", "--propagation", "unchanged", "sh", "-ec", before + script];
  Deno.mkdirSync(box.path("source"));
  try {
    const { code, stdout, stderr } = await box.exec`${argv} ${BIN} ${box.path("source")}`;
    assertEquals([code, stderr], [0, ""]);
    return stdout;
  } finally {
    await box.$`rm -f cc`;
    // The namespace is a peer of this thread's.
    await box.exec`umount -R -l ${box.path("source")}`;
  }
}

const KINDS: [mode: string, mounts: string][] = [
  ["rw", "/b \n/b/sub \n/b/private \n"],
  ["private", "/b \n/b/sub master\n/b/private \n"],
  ["rprivate", "/b \n/b/sub \n/b/private \n"],
  ["slave", "/b master\n/b/sub master\n/b/private \n"],
  ["rslave", "/b master\n/b/sub master\n/b/private \n"],
  ["shared", "/b shared\n/b/sub shared\n/b/private \n"],
  ["rshared", "/b shared\n/b/sub shared\n/b/private shared\n"],
];

test("mounts propagate as they are asked to, and as docker's do", async (box) => {
  for (const [mode, mounts] of KINDS) {
    const flag = mode === "rw" ? "" : `,bind-propagation=${mode}`;
    const both = [`-v "$1:/b:${mode}"`, `--mount "type=bind,source=$1,target=/b${flag}"`];
    for (const mount of both) {
      assertEquals(
        await withSource(box, `"$0" run -d --name cc ${mount} busybox sleep 1000 >/dev/null; mounts`),
        mounts,
        mount,
      );
      Deno.removeSync(box.path("source"), { recursive: true });
    }
  }
}, { seconds: 120 });

test("a slave sees what is mounted on the host later, and the host does not see what it mounts", async (box) => {
  const script = `"$0" run -d --name cc ${
    MOUNTING.join(" ")
  } -v "$1:/b:ro,rslave" busybox sleep 1000 >/dev/null
    mount -t tmpfs none "$1/late" && touch "$1/late/seen"
    "$0" exec cc ls /b/late
    "$0" exec cc mount -t tmpfs none /b/up
    grep -c "$1/up" /proc/self/mountinfo || :`;
  assertEquals(await withSource(box, script), "seen\n0\n");
  await box.ok`create --name shown -v ${box.dir}:/b:ro,rslave busybox true`;
  const [{ Mode, RW, Propagation }] = (await box.inspect("shown")).Mounts;
  assertEquals([Mode, RW, Propagation], ["ro,rslave", false, "rslave"]);
});

test("what is mounted in a shared mount is on the host, too", async (box) => {
  const script = `"$0" run --rm ${MOUNTING.join(" ")} -v "$1:/b:rshared" busybox mount -t tmpfs made /b/up
    grep -c "$1/up .*- tmpfs made" /proc/self/mountinfo`;
  assertEquals(await withSource(box, script), "1\n");
});

test("what the source's mount can't do is refused in docker's words", async (box) => {
  const script = `for mode in shared rshared slave rslave; do
      "$0" run --rm -v "$1/private:/b:$mode" busybox true 2>&1 | sed "s,$1,SOURCE,g" || :
    done`;
  const refusal = (kind: string) =>
    `mydocker: path SOURCE/private is mounted on SOURCE/private but it is not a ${kind} mount\n`;
  assertEquals(
    await withSource(box, script),
    [...Array(2).fill("shared"), ...Array(2).fill("shared or slave")].map(refusal).join(""),
  );
});
