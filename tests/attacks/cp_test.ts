// The two known attacks on docker cp. CVE-2018-15664: a container swaps a directory with a symlink between
// the moment a path is looked at and the moment it is used, so that the host's files are read or written.
// CVE-2019-14271: the copy enters the container and loads its libraries there, with the host's rights.

import { assert, assertEquals } from "@std/assert";
import { type Box, requires, test, until, words } from "../world/world.ts";

const SWAPPER = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/syscall.h>
int main(int count, char **paths) {
  for (;;) syscall(SYS_renameat2, AT_FDCWD, paths[1], AT_FDCWD, paths[2], 2 /* RENAME_EXCHANGE */);
}`;

/** A container in which /swap/a is by turns a directory and a symlink to `target`, as fast as it can. */
async function startSwapping(box: Box, target: string, options: string[] = []): Promise<void> {
  const made = await box.exec`gcc -static -O2 -o ${box.path("swapper")} ${box.path("swapper.c", SWAPPER)}`;
  assertEquals(made.code, 0, made.stderr);
  const script =
    `mkdir -p /swap/a/inner && echo container >/swap/a/secret && echo container >/swap/a/inner/f &&
    ln -s ${target} /swap/b && exec /swapper /swap/a /swap/b`;
  const mounts = ["-v", `${box.path("swapper")}:/swapper:ro`, ...options];
  await box.ok`run -d --name evil ${mounts} busybox sh -c ${script}`;
  await until("it swaps", async () => (await box.ok`top evil`).includes("/swapper"));
}

/** A directory of the host that nothing may touch, and what is in it. */
function makeDecoy(box: Box): { path: string; look: () => string } {
  const path = box.path("host-decoy");
  Deno.mkdirSync(`${path}/inner`, { recursive: true });
  Deno.writeTextFileSync(`${path}/secret`, "of the host");
  Deno.writeTextFileSync(`${path}/inner/f`, "of the host");
  const look = () =>
    ["", "/secret", "/inner", "/inner/f"].map((name) => {
      const { mode, uid, gid, mtime, ino, nlink } = Deno.lstatSync(path + name);
      return [name, mode, uid, gid, mtime?.getTime(), ino, nlink].join(" ");
    }).concat([...Deno.readDirSync(path)].map(({ name }) => name).sort()).join("\n");
  return { path, look };
}

const needs = { ...await requires("gcc"), seconds: 150 };
const ROUNDS = 100;

test("CVE-2018-15664: whatever a container swaps, cp reads nothing of the host", async (box) => {
  const { path: decoy, look } = makeDecoy(box);
  await startSwapping(box, decoy);
  const before = look();
  const seen = { copied: 0, refused: 0 };
  for (let i = 0; i < ROUNDS; i++) {
    const [file, all] = [box.path(`file-${i}`), box.path(`all-${i}`)];
    for (const args of [["-L", "evil:/swap/a/secret", file], ["evil:/swap", all], ["evil:/swap/a/.", all]]) {
      const { code } = await box.$`cp ${args}`;
      seen[code === 0 ? "copied" : "refused"]++;
    }
  }
  const { stdout } = await box.exec`sh -c 'grep -rls "of the host" file-* all-* | head'`;
  assertEquals(stdout, "");
  assert(seen.copied > 0, JSON.stringify(seen));
  assertEquals(look(), before);
  await box.ok`rm -f evil`;
}, needs);

test("CVE-2018-15664: whatever a container swaps, cp writes nothing to the host", async (box) => {
  const { path: decoy, look } = makeDecoy(box);
  await startSwapping(box, decoy);
  const before = look();
  const made = await box.exec`sh
    -ec
    ${`mkdir -p new/inner/deep; echo new >new/secret; echo new >new/inner/f; ln new/secret new/inner/hard; mkfifo new/fifo
     chmod 4777 new/secret; chmod 1777 new/fifo new/inner; chown -R 99:99 new; tar -cf new.tar new`}`;
  assertEquals(made.code, 0, made.stderr);
  const seen = { copied: 0, refused: 0 };
  for (let i = 0; i < ROUNDS; i++) {
    for (const args of [["new/secret", "evil:/swap/a/secret"], ["-a", "new/.", "evil:/swap/a"]]) {
      const { code } = await box.$`cp ${args}`;
      seen[code === 0 ? "copied" : "refused"]++;
    }
  }
  const stream = Deno.readFileSync(box.path("new.tar"));
  for (let i = 0; i < 20; i++) await box.$(words`cp - evil:/swap/a`, { stdin: stream });
  assert(seen.copied > 0, JSON.stringify(seen));
  assertEquals(look(), before);
  await box.ok`rm -f evil`;
}, needs);

test("symlinks that lead out of a stopped container lead nowhere", async (box) => {
  const { path: decoy, look } = makeDecoy(box);
  const before = look();
  const up = "../".repeat(20);
  const links = `ln -s ${decoy} /abs; ln -s ${up}${
    decoy.slice(1)
  } /rel; ln -s /proc/self/root /magic; ln -s ${decoy}/secret /file`;
  await box.ok`run --name evil busybox sh -c ${links}`;
  await box.exec`sh -c 'echo new >secret'`;
  for (const path of ["/abs/secret", "/rel/secret", `/magic${decoy}/secret`, `/${up}${decoy}/secret`]) {
    const read = await box.$`cp -L evil:${path} -`;
    assertEquals([read.code, read.stdout], [1, ""], path);
    assertEquals((await box.$`cp secret evil:${path}`).code, 1, path);
  }
  assertEquals((await box.$`cp -L evil:/file -`).code, 1);
  await box.$`cp secret evil:/file`;
  assertEquals(look(), before);
});

test("a named pipe or device that takes a file's place does not hold cp up", async (box) => {
  const script = "mkfifo /pipe; mknod /watchdog c 10 130; ln -s /pipe /link; exec sleep 1000";
  await box.ok`run -d --name evil busybox sh -c ${script}`;
  await until("it is made", async () => (await box.$`exec evil test -h /link`).code === 0);
  await box.ok(words`cp -L evil:/link pipe`, { timeout: 10 });
  assert(Deno.lstatSync(box.path("pipe")).isFifo);
  await box.ok(words`cp evil:/watchdog node`, { timeout: 10 });
  assert(Deno.lstatSync(box.path("node")).isCharDevice);
  await box.ok`rm -f evil`;
});

test("CVE-2019-14271: cp loads and runs nothing of the container's", async (box) => {
  const traced = await box.exec`sh
    -c
    ${`echo '#include <fcntl.h>
    __attribute__((constructor)) static void loaded(void) { open("/was-loaded", O_CREAT | O_WRONLY, 0644); }' >evil.c
    gcc -shared -fPIC -o evil.so evil.c`}`;
  assertEquals(traced.code, 0, traced.stderr);
  const names = [
    "libnss_files.so.2",
    "libnss_dns.so.2",
    "libnss_compat.so.2",
    "libc.so.6",
    "ld-linux-x86-64.so.2",
  ];
  await box.ok`run -d --name evil busybox sleep 1000`;
  for (const folder of ["lib", "lib64", "usr/lib", "lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"]) {
    await box.ok`exec evil mkdir -p /${folder}`;
    for (const name of names) await box.ok`cp evil.so evil:/${folder}/${name}`;
  }
  await box.exec`sh -c 'mkdir t; echo x >t/f; chown -R 4242:4242 t; tar -cf t.tar t'`;
  await box.ok`cp -a t evil:/`;
  await box.ok(words`cp - evil:/tmp`, { stdin: Deno.readFileSync(box.path("t.tar")) });
  await box.ok`cp evil:/etc back`;
  assertEquals(await box.ok`diff evil`.then((lines) => lines.includes("was-loaded")), false);
  await box.ok`rm -f evil`;
}, needs);
