// What of the host's a container could hold on to: the descriptors its processes inherit, and the directory they start
// in (CVE-2024-21626). See escape_test.ts for working directories and mount points that are descriptors.

// @ts-types="./assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { attack, type Call, carelessly } from "./attacker.ts";
import { BIN, type Box, test } from "./helpers.ts";

/** The mode of a /dev/null that stands in for the host's, after `attack`, a shell script in which $0 is mydocker. */
async function modeOfNull(box: Box, attack: string): Promise<string> {
  const nodes = "mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/zero c 1 5; mknod -m 666 /dev/urandom c 1 9";
  const script = `mount -t tmpfs dev /dev; ${nodes}; ${attack}; stat -c %a /dev/null`;
  const { code, stdout, stderr } = await box.exec(["unshare", "--mount", "sh", "-ec", script, BIN]);
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
  await box.ok(["rm", "-f", "c1"]);
});

test("without stdin, there is nothing to be read, whatever /dev/null is in the container", async (box) => {
  const look = ["sh", "-c", "cat; readlink /proc/self/fd/0"];
  assertEquals(await box.ok(["run", "--rm", "-v", "devices:/dev", "busybox", ...look]), "/dev/null");
  await box.ok(["run", "-d", "--name", "c1", "busybox", "sleep", "1000"]);
  assertEquals(await box.ok(["exec", "c1", ...look]), "/dev/null");
  await box.ok(["exec", "c1", "rm", "/dev/null"]);
  assertEquals(await box.ok(["exec", "c1", ...look]), "/memfd:null (deleted)");
  assertEquals(await box.ok(["exec", "-d", "c1", ...look]), "");
  // Its other end would be kept waiting by a reader, or keep one waiting.
  await box.ok(["exec", "c1", "mkfifo", "/dev/null"]);
  assertEquals(await box.ok(["exec", "c1", "readlink", "/proc/self/fd/0"]), "/dev/null");
  await box.ok(["rm", "-f", "c1"]);
});
