import { assertEquals } from "@std/assert";
import { test } from "../world/world.ts";

const CHANGES = [
  "rm /bin/vi",
  "rm -r /root && mkdir -m 700 /root && echo a >/root/a",
  "echo >>/etc/passwd && rm /etc/group",
  "mkdir -p /new/x && echo >/new/x/y",
  "chmod 700 /tmp",
  "ln -s /etc /lnk && mknod /pipe p",
  "rm /bin/awk && mkdir /bin/awk && touch /bin/awk/q",
  "mv /bin/ls /bin/list",
].join(" && ");

/** What docker 20.10 says of the same, in the order of names. */
const SHOWN = [
  "C /bin",
  "C /bin/awk",
  "A /bin/awk/q",
  "A /bin/list",
  "D /bin/ls",
  "D /bin/vi",
  "A /data",
  "C /etc",
  "D /etc/group",
  "C /etc/passwd",
  "A /lnk",
  "A /new",
  "A /new/x",
  "A /new/x/y",
  "A /pipe",
  "C /root",
  "A /root/a",
  "C /tmp",
];

test("diff: added, changed and deleted, of a container that has ended", async (box) => {
  await box.ok`run --name one -v vol:/data busybox sh -c ${CHANGES}`;
  assertEquals((await box.ok`diff one`).split("\n"), SHOWN);
  assertEquals((await box.ok`container diff one`).split("\n"), SHOWN);
});

test("diff: what a start leaves behind is no change, and a running container can be looked at", async (box) => {
  await box.ok`run -d --name one -w / busybox sleep 1000`;
  assertEquals(await box.ok`diff one`, "");
  await box.ok`exec one sh -c 'echo >/etc/new; touch /bin/busybox.old'`;
  assertEquals(await box.ok`diff one`, "C /bin\nA /bin/busybox.old\nC /etc\nA /etc/new");
  await box.ok`exec one rm /etc/new`;
  assertEquals(await box.ok`diff one`, "C /bin\nA /bin/busybox.old");
  await box.ok`rm -f one`;
});

test("diff: a directory made anew says what of the old one is gone", async (box) => {
  await box.ok`create --name one busybox sh -c exit`;
  assertEquals(await box.ok`diff one`, "");
  const script = `mkdir -p /srv/a/b && touch /srv/a/b/c /srv/keep`;
  await box.ok`run --name base busybox sh -c ${script}`;
  await box.ok`commit base based`;
  const again = "rm -r /srv && mkdir /srv && touch /srv/keep && mkdir /srv/new";
  await box.ok`run --name two based sh -c ${again}`;
  const shown = await box.ok`diff two`;
  assertEquals(shown, "C /srv\nD /srv/a\nC /srv/keep\nA /srv/new");
});

test("diff: what has another owner, group or mode and nothing else", async (box) => {
  const script = "touch /own /grp /bits /same && mkdir /dir-own /dir-grp && ln -s x /link";
  await box.ok`run --name base busybox sh -c ${script}`;
  await box.ok`commit base based`;
  const change =
    "chown 7 /own /dir-own && chgrp 7 /grp /dir-grp && chmod 4711 /bits && chown -h 7 /link && chown 0:0 /same";
  await box.ok`run --name two based sh -c ${change}`;
  const changed = ["/bits", "/dir-grp", "/dir-own", "/grp", "/link", "/own"].map((path) => `C ${path}`);
  const shown = (await box.ok`diff two`).split("\n");
  assertEquals(shown.filter((line) => line !== "C /same"), changed);
});

test("diff: errors", async (box) => {
  const missing = await box.$`diff nosuch`;
  assertEquals([missing.code, missing.stderr], [1, "mydocker: No such container: nosuch\n"]);
  assertEquals((await box.$`diff`).code, 1);
});
