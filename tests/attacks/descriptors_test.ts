// What of the host's a container could hold on to: the descriptors its processes inherit, and the directory
// they start in (CVE-2024-21626). See escape_test.ts for working directories and mount points that are
// descriptors.

import { assertEquals, assertMatch } from "@std/assert";
import { carelessly } from "./attacker.ts";
import { BIN, type Box, test, until } from "../world/world.ts";

/**
 * The mode of a /dev/null that stands in for the host's, after `attack`, a shell script in which $0 is
 * mydocker.
 */
async function modeOfNull(box: Box, attack: string): Promise<string> {
  const nodes = "mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/zero c 1 5; mknod -m 666 /dev/urandom c 1 9";
  const script = `mount -t tmpfs dev /dev; ${nodes}; ${attack}; stat -c %a /dev/null`;
  const { code, stdout, stderr } = await box.exec`unshare --mount sh -ec ${script} ${BIN}`;
  assertEquals([code, stderr], [0, ""]);
  return stdout.trim();
}

test("a container without stdin can't close the host's /dev/null to others", async (box) => {
  const close = "chmod 600 /proc/self/fd/0";
  assertEquals(await modeOfNull(box, `sh -c '${close}' </dev/null`), "600");
  assertEquals(await modeOfNull(box, `"$0" run --rm busybox ${close}`), "666");
  assertEquals(await modeOfNull(box, `"$0" run --rm --init busybox ${close}`), "666");
  assertEquals(await modeOfNull(box, `"$0" run -d --name c1 busybox sleep 1000 >name`), "666");
  assertEquals(await modeOfNull(box, `"$0" exec c1 ${close}`), "666");
  await box.ok`rm -f c1`;
});

test("without stdin, there is nothing to be read, whatever /dev/null is in the container", async (box) => {
  const look = ["sh", "-c", "cat; readlink /proc/self/fd/0"];
  assertEquals(await box.ok`run --rm -v devices:/dev busybox ${look}`, "/dev/null");
  await box.ok`run -d --name c1 busybox sleep 1000`;
  assertEquals(await box.ok`exec c1 ${look}`, "/dev/null");
  await box.ok`exec c1 rm /dev/null`;
  assertEquals(await box.ok`exec c1 ${look}`, "/memfd:null (deleted)");
  assertEquals(await box.ok`exec -d c1 ${look}`, "");
  // What is no such device is not opened.
  await box.ok`exec c1 mkfifo /dev/null`;
  assertEquals(await box.ok`exec c1 readlink /proc/self/fd/0`, "/memfd:null (deleted)");
  await box.ok`rm -f c1`;
});

/** A directory of the host's that no container has a right to. */
function makeDecoy(box: Box): string {
  const decoy = box.path("decoy");
  Deno.mkdirSync(`${decoy}/sub`, { recursive: true });
  Deno.writeTextFileSync(`${decoy}/secret`, "of the host");
  return `${decoy}/sub`;
}

/** What is tried with a directory that may be open as 7, or as any other number. */
const READ = "for n in $(seq 3 60); do cat /proc/self/fd/$n/../secret /proc/1/fd/$n/../secret; done; true";

test("CVE-2024-21626: a descriptor that the caller left open is not the container's", async (box) => {
  const decoy = makeDecoy(box);
  const careless = await carelessly(box, `exec 7<"$2"; chroot "$1" sh -c '${READ}' 2>&-`, decoy);
  assertEquals(careless.stdout.slice(0, 11), "of the host");
  const tries = [
    `"$0" run --rm busybox sh -c '${READ}'`,
    `"$0" run --rm -i --init -v "$1:/sub" busybox sh -c '${READ}'`,
    `"$0" run -d --name c1 busybox sh -c '${READ}; exec sleep 1000'`,
    `"$0" exec c1 sh -c '${READ}'`,
    `"$0" exec -d c1 sh -c '(${READ}) >/proc/1/fd/1'`,
    `"$0" restart -t 0 c1; "$0" logs c1; "$0" rm -f c1`,
  ];
  for (const line of tries) {
    const { code, stdout } = await box.exec`sh -c 'exec 7<"$1"; ${line} 2>/dev/null' ${BIN} ${decoy}`;
    assertEquals([code, stdout.includes("of the host")], [0, false], line);
  }
});

test("CVE-2024-21626: a working directory that is a descriptor of the host's is refused", async (box) => {
  const decoy = makeDecoy(box);
  const leave = `cd /proc/self/fd/7 && cat ../secret`;
  const careless = await carelessly(box, `exec 7<"$2"; chroot "$1" sh -c '${leave}'`, decoy);
  assertEquals([careless.code, careless.stdout], [0, "of the host"]);
  await box.ok`run -d --name c1 busybox sleep 1000`;
  for (const command of [["run", "--rm", "busybox"], ["exec", "c1"]]) {
    const [name, ...rest] = command;
    const line = `exec 7<"$1"; shift; exec "$0" "$@"`;
    const into = [name, "-w", "/proc/self/fd/7", ...rest, "cat", "../secret"];
    const { code, stdout, stderr } = await box.exec`sh -c ${line} ${BIN} ${decoy} ${into}`;
    assertEquals([code, stdout], [name === "run" ? 125 : 126, ""]);
    assertMatch(stderr, /^mydocker: can't .*: chdir \/proc\/self\/fd\/7: no such file or directory\n$/);
  }
  await box.ok`rm -f c1`;
});

test("what its processes have open is what a container's user gave it", async (box) => {
  // 3 is that of ls itself.
  assertEquals(await box.ok`run --rm busybox ls /proc/self/fd`, "0\n1\n2\n3");
  for (const flags of [[], ["--init"], ["-t"], ["-i", "--privileged"], ["--pid", "host", "--init"]]) {
    const name = await box.ok`run -d ${flags} busybox sleep 1000`;
    // Docker-init comes to be just after the command.
    const first = ["exec", name, "ls", `/proc/${flags.includes("host") ? await box.pidOf(name) : 1}/fd`];
    const expected = flags.includes("host") ? "0\n1\n2\n3" : "0\n1\n2";
    await until(`${flags} has nothing else`, async () => await box.ok(first) === expected);
    assertEquals(await box.ok`exec ${name} ls /proc/self/fd`, "0\n1\n2\n3");
    await box.ok`rm -f ${name}`;
  }
});
