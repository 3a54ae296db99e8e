// Bridges and firewall rules of root directories that were removed with all that said whose they are.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, requires, test, until, words } from "../world/world.ts";
import { outputOf } from "../world/busy.ts";
import { interfaces } from "../world/netns.ts";

const bridges = () => interfaces().filter((name) => name.startsWith("md-"));
const tables = () => new TextDecoder().decode(outputOf("nft", { args: ["list", "tables"] }).stdout);

/**
 * Makes another root directory, and leaves of it a bridge with rules, as where it is removed right after `rm
 * -f`.
 */
async function forsake(box: Box, name: string, around: string[] = []): Promise<void> {
  const root = { env: { MYDOCKER_ROOT: box.path(name) } };
  await box.exec`cp -a ${box.root} ${root.env.MYDOCKER_ROOT}`;
  const script = '"$0" run -d --name one busybox sleep 1000 >id && rm -rf "$MYDOCKER_ROOT"/networks && ' +
    '"$0" rm -f one && rm -rf "$MYDOCKER_ROOT"';
  const { code, stderr } = await box.exec(words`${around} sh -ec ${script} ${BIN}`, root);
  assertEquals([code, stderr], [0, ""]);
}

const needs = await requires("nft", "ip");

test("networks of a root directory that is gone go with the next bridge that comes up", async (box) => {
  await forsake(box, "gone");
  assertEquals(bridges().length, 1, "the test makes one");
  const [left] = bridges();
  assertMatch(tables(), /mydocker_/);
  const alias = new TextDecoder().decode(outputOf("ip", { args: ["link", "show", left] }).stdout);
  assert(alias.includes(` of ${box.dir}/gone (`), alias);
  await box.ok`run --rm busybox true`;
  assert(!bridges().includes(left), "it went");
}, needs);

test("networks of another root directory that is there stay, whether a container runs or not", async (box) => {
  const root = { env: { MYDOCKER_ROOT: box.path("other") } };
  await box.exec`cp -a ${box.root} ${root.env.MYDOCKER_ROOT}`;
  await box.ok(words`run -d --name one busybox sleep 1000`, root);
  const [other] = bridges();
  await box.ok`run --rm busybox true`;
  assert(bridges().includes(other));
  Deno.renameSync(`${box.dir}/other`, `${box.dir}/moved`);
  await box.ok`run --rm busybox true`;
  assert(bridges().includes(other), "its container still runs");
  Deno.renameSync(`${box.dir}/moved`, `${box.dir}/other`);
  await box.ok(words`rm -f one`, root);
});

test("networks of another mount namespace's root directory stay, until their subnets are needed", async (box) => {
  const elsewhere = ["unshare", "--mount"];
  await forsake(box, "gone", elsewhere);
  const [left] = bridges();
  await box.ok`run --rm busybox true`;
  assert(bridges().includes(left), "it can't be told whether that directory is gone");
  await until("its own bridge is gone", () => bridges().length === 1);
  // All of docker's pools but the one that is forsaken.
  const route = (subnet: string) => outputOf("ip", { args: ["route", "add", "blackhole", subnet] });
  for (let n = 17; n < 32; n++) route(`172.${n}.0.0/16`);
  for (let n = 0; n < 256; n += 16) route(`192.168.${n}.0/20`);
  await box.ok`run --rm busybox true`;
  assert(!bridges().includes(left));
  await until("its own bridge is gone", () => bridges().length === 0);
  for (let n = 17; n < 19; n++) route(`172.${n}.0.0/16`);
  const { code, stderr } = await box.$`run --rm busybox true`;
  assertEquals(code, 125);
  assertMatch(stderr, /could not find an available, non-overlapping IPv4 address pool/);
  outputOf("ip", { args: ["route", "flush", "type", "blackhole"] });
});
