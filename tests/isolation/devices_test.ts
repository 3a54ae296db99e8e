// --device, --device-cgroup-rule and --privileged: which of the host's devices a container sees.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Box, test } from "../world/world.ts";

/** A device that harms nobody: /dev/full's, under a name and with permissions of the test's own. */
async function makeDevice(box: Box, name: string, mode = "640"): Promise<string> {
  const path = box.path(name);
  const { success } = await new Deno.Command("mknod", { args: ["-m", mode, path, "c", "1", "7"] }).output();
  assert(success);
  await Deno.chown(path, 12, 34);
  return path;
}

/** How `ls` shows a path in the container, without the time. */
async function listed(box: Box, flags: string[], path: string): Promise<string> {
  const shown = await box.ok`run --rm ${flags} busybox ls -ln ${path}`;
  return shown.replace(/ +/g, " ").replace(/ [A-Z]\w\w \d.*$/, "");
}

test("run --device: the host's node, with its owner and permissions, where it is wanted", async (box) => {
  const device = await makeDevice(box, "full");
  assertEquals(await listed(box, ["--device", device], device), "crw-r----- 1 12 34 1, 7");
  for (const target of ["/dev/other", "/dev/a/b/c", "/x/y"]) {
    const flags = ["--device", `${device}:${target}:r`];
    assertEquals(await listed(box, flags, target), "crw-r----- 1 12 34 1, 7", target);
  }
  assertEquals(await listed(box, ["--device", `${device}:rw`], device), "crw-r----- 1 12 34 1, 7");
});

test("run --device: it works as a device, for who may open it", async (box) => {
  const device = await makeDevice(box, "full", "666");
  const write = ["busybox", "sh", "-c", "echo x >/dev/mine"];
  const { code, stderr } = await box.$`run --rm --device ${device}:/dev/mine ${write}`;
  assertEquals(code, 1);
  assertMatch(stderr, /No space left on device/);
});

test("run --device: a symlink is followed, docker's own nodes give way, and what the image has stays", async (box) => {
  const device = await makeDevice(box, "full");
  await Deno.symlink(device, box.path("link"));
  assertEquals(
    await listed(box, ["--device", `${box.path("link")}:/dev/l`], "/dev/l"),
    "crw-r----- 1 12 34 1, 7",
  );
  assertEquals(
    await listed(box, ["--device", `${device}:/dev/zero`], "/dev/zero"),
    "crw-r----- 1 12 34 1, 7",
  );
  assertEquals(
    await listed(box, ["--device", `${device}:/dev/stdin`], "/dev/stdin"),
    "crw-r----- 1 12 34 1, 7",
  );
  const passwd = await box.ok`run --rm --device ${device}:/etc/passwd busybox cat /etc/passwd`;
  assertMatch(passwd, /^root:/);
});

test("run --device: a directory stands for all devices in it", async (box) => {
  Deno.mkdirSync(box.path("many/deep"), { recursive: true });
  await makeDevice(box, "many/one");
  await makeDevice(box, "many/deep/two");
  box.path("many/file", "no device");
  const find = ["busybox", "find", "/dev/mine"];
  const found = await box.ok`run --rm --device ${box.path("many")}:/dev/mine ${find}`;
  assertEquals(found.split("\n").sort(), [
    "/dev/mine",
    "/dev/mine/deep",
    "/dev/mine/deep/two",
    "/dev/mine/one",
  ]);
});

test("run --device: what is no device, or not there, is said as docker does", async (box) => {
  const gathering = (path: string) =>
    `error gathering device information while adding custom device "${path}": `;
  Deno.mkdirSync(box.path("empty"));
  for (
    const [value, code, message] of [
      ["/dev/nosuch", 127, `${gathering("/dev/nosuch")}no such file or directory`],
      ["/etc/passwd", 125, `${gathering("/etc/passwd")}not a device node`],
      [box.path("empty"), 125, `${gathering(box.path("empty"))}not a device node`],
      ["", 125, "bad format for path: "],
      ["a:b:c:d", 125, "bad format for path: a:b:c:d"],
      ["/dev/full:/dev/x:rwx", 125, "bad mode specified: rwx"],
      ["/dev/full:/dev/x:rr", 125, "bad mode specified: rr"],
      ["/dev/full:", 125, " is not an absolute path"],
      ["dev/full", 125, "dev/full is not an absolute path"],
    ] as const
  ) {
    const result = await box.$`run --rm --device ${value} busybox true`;
    assertEquals([result.code, result.stderr], [code, `mydocker: ${message}\n`]);
  }
});

test("start: a device that has gone is missed, and found again", async (box) => {
  const device = await makeDevice(box, "full");
  await box.ok`create --name main --device ${device}:/dev/mine busybox test -c /dev/mine`;
  Deno.renameSync(device, `${device}.away`);
  const { code, stderr } = await box.$`start main`;
  assertEquals(code, 1);
  assertMatch(stderr, /no such file or directory/);
  Deno.renameSync(`${device}.away`, device);
  await box.ok`start -a main`;
});

test("run --privileged: the devices of the host, and a terminal of its own", async (box) => {
  const hosts = [...Deno.readDirSync("/dev")].flatMap(({ name }) => {
    const { isCharDevice, isBlockDevice } = Deno.lstatSync(`/dev/${name}`);
    return (isCharDevice || isBlockDevice) && name !== "console" ? [name] : [];
  });
  const run = (...flags: string[]) => box.ok`run --rm ${flags} busybox ls /dev`;
  const all = (await run("--privileged")).split("\n");
  assertEquals(hosts.filter((name) => !all.includes(name)), []);
  assert(hosts.some((name) => /^(loop\d|kmsg|mem)/.test(name)), "the host has something to show");
  assert(!/loop|kmsg/.test(await run()), "a plain container has none of it");
  const ptmx = await box.ok`run --rm --privileged busybox readlink /dev/ptmx`;
  assertEquals(ptmx, "pts/ptmx");
});

test("--device-cgroup-rule: docker's format, and in inspect", async (box) => {
  for (const rule of ["a", "c 1:3", "x 1:3 r", "c 1:3 rx", "c 1 r", "", " c 1:3 r", "c 1:3 rwmr"]) {
    const { code, stderr } = await box.$`create --device-cgroup-rule ${rule} busybox true`;
    const message =
      `invalid argument "${rule}" for "--device-cgroup-rule" flag: invalid device cgroup format '${rule}'`;
    assertEquals([code, stderr], [125, `mydocker: ${message}\n`]);
  }
  const rules = ["c 1:3 rwm", "a *:* r", "b 7:* mw"];
  const flags = rules.flatMap((rule) => ["--device-cgroup-rule", rule]);
  await box.ok`create --name some ${flags} --device /dev/full:/dev/f:r busybox true`;
  const { Devices, DeviceCgroupRules } = (await box.inspect("some")).HostConfig;
  assertEquals(DeviceCgroupRules, rules);
  assertEquals(Devices, [{ PathOnHost: "/dev/full", PathInContainer: "/dev/f", CgroupPermissions: "r" }]);
  await box.ok`start -a some`;
});
