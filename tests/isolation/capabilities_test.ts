// --cap-add, --cap-drop, --privileged, --group-add: what a container's process may do, as the kernel says it
// in there.

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { type Box, test } from "../world/world.ts";

/** Numbers of capabilities(7). */
const [CHOWN, NET_ADMIN, SYS_ADMIN, MKNOD] = [0, 12, 21, 27];
const DOCKERS = 0xa80425fbn;
const bit = (number: number) => 1n << BigInt(number);

/** All this machine has to give: a container can't get more. */
const BOUNDING = field(Deno.readTextFileSync("/proc/self/status"), "CapBnd");

function field(status: string, name: string): bigint {
  return BigInt(`0x${new RegExp(`^${name}:\\s*(\\w+)$`, "m").exec(status)![1]}`);
}

/** Bounding and effective set of a process in the container. */
async function sets(box: Box, ...flags: string[]): Promise<{ bounding: bigint; effective: bigint }> {
  const status = await box.ok`run --rm ${flags} busybox cat /proc/self/status`;
  return { bounding: field(status, "CapBnd"), effective: field(status, "CapEff") };
}

test("run --cap-add, --cap-drop: docker's sets, in any case, with and without CAP_", async (box) => {
  for (
    const [flags, expected] of [
      ["", DOCKERS],
      ["--cap-add net_admin", DOCKERS | bit(NET_ADMIN)],
      ["--cap-add CAP_NET_ADMIN --cap-add Sys_Admin", DOCKERS | bit(NET_ADMIN) | bit(SYS_ADMIN)],
      ["--cap-drop chown --cap-drop cap_mknod", DOCKERS & ~bit(CHOWN) & ~bit(MKNOD)],
      ["--cap-drop ALL", 0n],
      ["--cap-drop all --cap-add net_admin", bit(NET_ADMIN)],
      ["--cap-add chown --cap-drop chown", DOCKERS],
      ["--cap-add ALL", BOUNDING],
      ["--cap-add all --cap-drop sys_admin", BOUNDING & ~bit(SYS_ADMIN)],
      ["--cap-add ALL --cap-drop ALL", BOUNDING],
      ["--privileged", BOUNDING],
      ["--privileged --cap-drop ALL", BOUNDING],
    ] as const
  ) {
    const wanted = expected & BOUNDING;
    const got = await sets(box, ...flags.split(" ").filter(Boolean));
    assertEquals(got, { bounding: wanted, effective: wanted }, flags);
  }
});

test("run --cap-add -u: another user has none, but could get it", async (box) => {
  const { bounding, effective } = await sets(box, "-u", "1000", "--cap-add", "sys_admin");
  assertEquals([bounding, effective], [(DOCKERS | bit(SYS_ADMIN)) & BOUNDING, 0n]);
});

test("run --cap-drop: what it allowed is refused, and --cap-add allows more", async (box) => {
  const chown = ["busybox", "chown", "7", "/tmp"];
  assertEquals((await box.$`run --rm ${chown}`).code, 0);
  const refused = await box.$`run --rm --cap-drop chown ${chown}`;
  assertEquals(refused.code, 1);
  assertMatch(refused.stderr, /Operation not permitted/);
  const link = ["busybox", "ip", "link", "set", "lo", "mtu", "1400"];
  assertNotEquals((await box.$`run --rm ${link}`).code, 0);
  await box.ok`run --rm --cap-add net_admin ${link}`;
});

test("exec: the container's capabilities, and all with --privileged", async (box) => {
  await box.ok`run -d --name main --cap-drop ALL --cap-add chown busybox sleep 1000`;
  const inside = async (...flags: string[]) => await box.ok`exec ${flags} main cat /proc/self/status`;
  const plain = await inside();
  assertEquals([field(plain, "CapBnd"), field(plain, "CapEff")], [bit(CHOWN), bit(CHOWN)]);
  assertEquals(field(await inside("--privileged"), "CapEff"), BOUNDING);
  assertEquals(field(await inside("-u", "1000"), "CapEff"), 0n);
  await box.ok`rm -f main`;
  await box.ok`run -d --name all --privileged busybox sleep 1000`;
  assertEquals(field(await box.ok`exec all cat /proc/self/status`, "CapEff"), BOUNDING);
  await box.ok`rm -f all`;
});

test("run --privileged: nothing is masked, /sys and /proc/sys can be written to", async (box) => {
  const script = `
    cut -d ' ' -f 2 /proc/mounts | grep -e ^/proc/ -e ^/sys/firmware
    grep -e ' /sys ' /proc/mounts | cut -d ' ' -f 4 | cut -d , -f 1
    if (: >>/proc/sys/kernel/domainname) 2>/dev/null; then echo writable; fi`;
  assertEquals(await box.ok`run --rm --privileged busybox sh -c ${script}`, "rw\nwritable");
  const masked = await box.ok`run --rm busybox sh -c ${script}`;
  assertMatch(masked, /^\/proc\/sys$/m);
  assert(!masked.includes("writable") && !/^rw$/m.test(masked), masked);
});

test("run --privileged --read-only: the root stays read-only, /dev and /proc work", async (box) => {
  for (const flags of [[], ["--privileged"]]) {
    const script = "touch /x; echo ok >/dev/shm/x && echo >/dev/null && cat /dev/shm/x && touch /dev/x /t/x";
    const shown = await box.$`${[
      "run",
      "--rm",
      "--read-only",
      "--tmpfs",
      "/t",
      ...flags,
      "busybox",
      "sh",
      "-c",
      script,
    ]}`;
    assertEquals([shown.code, shown.stdout], [0, "ok\n"], shown.stderr);
    assertMatch(shown.stderr, /\/x: Read-only file system/);
  }
});

test("run --cap-add: unknown ones are refused in docker's words", async (box) => {
  const message = 'mydocker: invalid CapAdd: unknown capability: "CAP_NOSUCH"\n';
  for (const command of ["run", "create"]) {
    const { code, stderr } = await box.$`${command} --cap-add nosuch busybox true`;
    assertEquals([code, stderr], [125, message]);
  }
  const drop = await box.$`run --cap-drop CAP_ALL busybox true`;
  assertEquals([drop.code, drop.stderr], [125, 'mydocker: invalid CapDrop: unknown capability: "CAP_ALL"\n']);
  assertEquals(await box.ok`ps -aq`, "");
});

test("inspect: capabilities as docker writes them", async (box) => {
  const flags = ["--cap-add", "net_admin", "--cap-add", "all", "--cap-drop", "mknod", "--group-add", "5"];
  await box.ok`create --name some ${flags} --privileged busybox true`;
  const { CapAdd, CapDrop, GroupAdd, Privileged, MaskedPaths, ReadonlyPaths } =
    (await box.inspect("some")).HostConfig;
  assertEquals([CapAdd, CapDrop, GroupAdd], [["ALL", "CAP_NET_ADMIN"], ["CAP_MKNOD"], ["5"]]);
  assertEquals([Privileged, MaskedPaths, ReadonlyPaths], [true, null, null]);
});

test("run --group-add: by number and by the image's names, also for exec", async (box) => {
  const groups = (...flags: string[]) => box.ok`run --rm ${flags} busybox id -G`;
  const usual = (await groups()).split(" ");
  const more = (await groups("--group-add", "5", "--group-add", "root")).split(" ");
  assertEquals(more.sort(), [...usual, "5"].sort());
  assertEquals(await groups("-u", "7:8", "--group-add", "5"), "8 5");
  await box.ok`run -d --name main --group-add 44 busybox sleep 1000`;
  assertEquals(await box.ok`exec -u 12345 main id -G`, "0 44");
  await box.ok`rm -f main`;
  const unknown = await box.$`run --rm --group-add nosuch busybox true`;
  assertEquals(
    [unknown.code, unknown.stderr],
    [125, "mydocker: Unable to find group nosuch: no matching entries in group file\n"],
  );
});
