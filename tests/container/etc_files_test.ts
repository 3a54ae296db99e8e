// /etc/hostname, /etc/hosts and /etc/resolv.conf, which every container has of its own.

import { assertEquals } from "@std/assert";
import { test } from "../world/world.ts";

const FILES = ["hostname", "hosts", "resolv.conf"];
const TRY = FILES.map((name) => `(echo x >>/etc/${name}) 2>/dev/null && echo ${name}`).join("; ") + "; true";

test("run --read-only: none of them can be written, but for a file that is mounted there", async (box) => {
  assertEquals(await box.ok`run --rm busybox sh -c ${TRY}`, FILES.join("\n"));
  for (const network of ["none", "host", "bridge"]) {
    const run = ["run", "--rm", "--read-only", "--network", network];
    assertEquals(await box.ok`${run} busybox sh -c ${TRY}`, "", network);
    const own = box.path("own", "");
    assertEquals(await box.ok`${run} -v ${own}:/etc/hosts busybox sh -c ${TRY}`, "hosts");
  }
});

test("run --read-only: those of the container whose network it shares, too", async (box) => {
  await box.ok`run -d --name writable --network none busybox sleep 1000`;
  const run = ["run", "--rm", "--read-only", "--network", "container:writable", "busybox"];
  assertEquals(await box.ok`${run} sh -c ${TRY}`, "");
  assertEquals(await box.ok`exec writable sh -c ${TRY}`, FILES.join("\n"));
  await box.ok`rm -f writable`;
});

test("start: all of them are as new, whatever the container made of them", async (box) => {
  const spoil = FILES.map((name) => `echo spoilt >/etc/${name}; chmod 0 /etc/${name}`).join("; ");
  const show = FILES.map((name) => `stat -c "%a %u" /etc/${name}; cat /etc/${name}`).join("; ");
  for (const network of ["none", "host", "bridge"]) {
    const run = ["run", "--name", network, "--network", network, "--add-host", "friend:10.1.2.3"];
    const first = await box.ok`${run} busybox sh -c '${show}; ${spoil}'`;
    assertEquals(first.split("\n").filter((line) => line === "644 0").length, 3);
    assertEquals(await box.ok`start -a ${network}`, first, network);
    await box.ok`rm ${network}`;
  }
});
