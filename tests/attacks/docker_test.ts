// The same attacks in containers of docker's: what is refused here is refused there, with the same errno.

import { assertEquals } from "@std/assert";
import { ALL_OF_KERNEL, MOUNTING, opening, SETTINGS, SYSFS, TICK, writing } from "./calls.ts";
import { attack, attackInDocker, type Call } from "./attacker.ts";
import { withDocker } from "../world/docker.ts";
import { type Box, requires, test } from "../world/world.ts";
import { S_IFBLK, S_IFCHR } from "../../ffi/file.ts";

const FILES = [...SETTINGS, ...SYSFS].map(writing);
const NODES: Call[] = [[S_IFBLK, 120, 1], [S_IFCHR, 1, 1], [S_IFCHR, 4, 0]].flatMap((
  [kind, major, minor],
) => [
  ...opening(kind, major, minor),
  ["unlinkat", 0, "/tmp/node", 0],
]);
const UNCONFINED = ["--security-opt", "seccomp=unconfined"];

/** Which calls with which flags; calls that change namespaces for those after them are last. */
const CASES: [calls: Call[], flags: string[][]][] = [
  [[...ALL_OF_KERNEL, TICK, ...FILES, ...NODES, ...MOUNTING], [[], UNCONFINED, ["--cap-drop", "ALL"], [
    "-u",
    "1000",
  ]]],
  [[...ALL_OF_KERNEL, TICK], [["--cap-add", "SYS_ADMIN"], ["--cap-add", "SYS_TIME"], [
    "--cap-add",
    "SYS_BOOT",
  ]]],
  [[...FILES, ...NODES], [["--device-cgroup-rule", "b 120:* rwm"], [
    "--security-opt",
    "systempaths=unconfined",
  ]]],
];

test("docker gives the same errnos, by default and with walls taken away", async (box) => {
  await withDocker(box, async (docker) => {
    for (const [calls, all] of CASES) for (const flags of all) await compare(box, docker, calls, flags);
  });
}, { ...await requires("dockerd"), seconds: 120 });

async function compare(box: Box, docker: string[], calls: Call[], flags: string[]): Promise<void> {
  const named = (outcomes: string[]) =>
    outcomes.map((outcome, index) => `${calls[index].slice(0, 3)}: ${outcome}`);
  const there = named(await attackInDocker(box, docker, calls, flags));
  assertEquals(named(await attack(box, calls, flags)), there, flags.join(" "));
}
