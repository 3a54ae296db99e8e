// exec brings a process into a container whose programs are hostile: nothing of what mydocker holds comes
// within their reach, neither by what they put in its way nor by what they may look at (CAP_SYS_PTRACE).

import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeAttack } from "./attacker.ts";
import { type Box, test } from "../world/world.ts";
import { forEachProcess, startWatching } from "./watcher.ts";
import { AT_FDCWD, O_RDWR } from "../../ffi/file.ts";
import { MEMORY } from "../../ffi/program.ts";

/**
 * A container that runs, and a decoy of the host's beside the root directory, which mydocker has open all the
 * time.
 */
async function running(box: Box, ...flags: string[]): Promise<void> {
  box.path("secret", "of the host\n");
  await box.ok`run -d --name c1 ${flags} busybox sleep 1000`;
}

const shell = (box: Box, script: string, ...flags: string[]) => box.$`exec ${flags} c1 sh -c ${script}`;

test("a /dev/null that is a symlink does not lead through mydocker's descriptors", async (box) => {
  await running(box, "--network", "none");
  // Each time what was laid out the time before is tried.
  for (let n = 3; n < 60; n++) {
    const next = `rm -f /dev/null; ln -s /proc/self/fd/${n + 1}/../secret /dev/null`;
    const { stdout } = await shell(box, `cat <&0; echo written >&0; ${next}`);
    assertEquals([n, stdout], [n, ""]);
  }
  assertEquals(Deno.readTextFileSync(box.path("secret")), "of the host\n");
  await box.ok`rm -f c1`;
}, { seconds: 120 });

test("a /dev/null that is a symlink or another device gives nothing of the process that brings a command in", async (box) => {
  await running(box, "--network", "none");
  for (
    const target of [
      "/proc/self/mem",
      "/proc/self/environ",
      "/proc/self/exe",
      "/proc/1/mem",
      "/etc/passwd",
      ".",
    ]
  ) {
    await shell(box, `rm -rf /dev/null; ln -s ${target} /dev/null`, "-i");
    assertEquals(
      (await shell(box, "readlink /proc/self/fd/0; wc -c <&0")).stdout,
      "/memfd:null (deleted)\n0\n",
      target,
    );
  }
  // Zeros without end; and a disk that has the numbers of /dev/null.
  for (const node of ["c 1 5", "b 1 3", "p"]) {
    await shell(box, `rm -rf /dev/null; mknod /dev/null ${node}`, "-i");
    assertEquals(
      (await shell(box, "readlink /proc/self/fd/0; wc -c <&0")).stdout,
      "/memfd:null (deleted)\n0\n",
      node,
    );
  }
  await shell(box, "rm -rf /dev/null; mknod -m 600 /dev/null c 1 3", "-i");
  assertEquals((await shell(box, "readlink /proc/self/fd/0; wc -c <&0")).stdout, "/dev/null\n0\n");
  await box.ok`rm -f c1`;
});

/** Tries `exec true` often, as long as `won` says nothing. */
async function execOften(box: Box, won: () => string | undefined, times = 80): Promise<void> {
  for (let n = 0; n < times && won() === undefined; n++) await box.$`exec c1 true`;
}

test(
  "CAP_SYS_PTRACE: no process inside ever has what mydocker has, and the container has not",
  async (box) => {
    const outcome = await startWatching(box);
    await execOften(box, outcome);
    assertEquals(outcome(), undefined);
    await box.ok`rm -f c1`;
  },
  { seconds: 120 },
);

/** Overwrites a page of strings and one of data of each kernel program whose memory it can open, for ever. */
function makeOverwriter(box: Box, pids: number): void {
  makeAttack(box.path("overwriter"), (p, call) => {
    const again = p.label();
    const junk = p.bytes(new Uint8Array(PAGE).fill("A".charCodeAt(0)));
    p.place(again);
    for (let pid = 2; pid < pids; pid++) {
      const [fd, next] = [p.cell(), p.label()];
      call("openat", [AT_FDCWD, p.string(`/proc/${pid}/mem`), O_RDWR, 0], { store: fd, negative: next });
      for (const segment of [MEMORY.strings, MEMORY.data]) {
        const written = p.label();
        call("pwrite64", [fd, junk, PAGE, segment + 2 * PAGE], { negative: written });
        p.place(written);
      }
      call("close", [fd], { negative: next });
      p.place(next);
    }
    p.goto(again);
  });
}

const PAGE = 4096;

test("CAP_SYS_PTRACE: no memory inside is that of a process outside", async (box) => {
  makeOverwriter(box, 90);
  // What is noted at a command's end is in the memory of the process that brought it in: of the label the
  // most.
  await box.ok`${["run", "-d", "--name", "c1", "--network", "none", "--cap-add", "SYS_PTRACE"]} ${[
    "--label",
    `long=${"b".repeat(6 * PAGE)}`,
    "-v",
    `${box.dir}/overwriter:/overwriter:ro`,
  ]} ${["busybox", "/overwriter"]}`;
  const events = () =>
    Deno.readTextFileSync(`${box.root}/events`).includes("A".repeat(PAGE)) ? "overwritten" : undefined;
  await execOften(box, events);
  assertEquals(events(), undefined);
  await box.ok`rm -f c1`;
}, { seconds: 120 });

test("a container that stops what mydocker brings in can't keep it from ending", async (box) => {
  const stop = `read -r name <$p/comm && case $name in mydocker*) kill -STOP \${p#/proc/};; esac`;
  const script = `for i in 1 2; do while :; do ${forEachProcess(stop)}; done & done 2>/dev/null; wait`;
  await box.ok`run -d --name c1 --network none busybox sh -c ${script}`;
  for (let n = 0; n < 20; n++) {
    await using inside = box.spawn`exec c1 true`;
    const ended = inside.end();
    let over = false;
    ended.finally(() => over = true).catch(() => {});
    await Promise.race([ended, new Promise((done) => setTimeout(done, 500))]);
    if (over) continue;
    try {
      inside.kill("SIGINT");
    } catch { /* It has ended in this moment. */ }
    await ended;
  }
  // One that was executed already is the container's own, which may stop it.
  assert(!(await box.ok`top c1 -o pid,comm`).includes("mydocker"));
  await box.ok`rm -f c1`;
}, { seconds: 200 });

test("what a hostile /etc/passwd or /etc/group is, it is not opened, and -u 0 gets in", async (box) => {
  await running(box, "--network", "none");
  const bad = [
    ...["mknod /etc/passwd c 10 237", "mknod /etc/passwd c 5 0", "mkfifo /etc/passwd", "mkdir /etc/passwd"],
    ...[
      "ln -s /etc/passwd /etc/passwd",
      "ln -s /proc/1/mem /etc/passwd",
      "ln -s /proc/self/fd/3 /etc/passwd",
      // A regular file by its mode; to read it is to wait for the host's kernel to say something.
      "ln -s /proc/kmsg /etc/passwd",
    ],
  ];
  for (const line of bad) {
    await shell(
      box,
      `rm -rf /etc/passwd /etc/group; ${line}; ${line.replaceAll("passwd", "group")}`,
      "-u",
      "0",
    );
    const { code, stdout, stderr } = await shell(box, "echo in", "-u", "0");
    assertEquals([code, stdout, stderr], [0, "in\n", ""], line);
    const named = await shell(box, "true", "-u", "daemon");
    assertEquals([named.code, named.stdout], [126, ""], line);
    assertMatch(named.stderr, /unable to find user daemon: no matching entries in passwd file/);
  }
  await box.ok`rm -f c1`;
});
