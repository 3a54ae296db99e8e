// Set-user-ID programs: those that a container makes are root's for its host, too, if somebody there can
// reach them. What they give inside, and --security-opt no-new-privileges, is in
// tests/isolation/seccomp_test.ts.

import { assertEquals } from "@std/assert";
import { type Box, test, until } from "../world/world.ts";
import { makeCaller, results } from "../isolation/seccomp_probe.ts";
import { systemCalls } from "../../lib/seccomp/numbers.ts";

/** Whether another user than root of this machine becomes root by a file. */
async function becomesRoot(box: Box, path: string): Promise<boolean> {
  const user = ["setpriv", "--reuid=4242", "--regid=4242", "--clear-groups", "--"];
  // setpriv itself keeps its capabilities until it has executed something.
  const { code, out } = await box.exec`${user} sh -c 'exec "$0"' ${path}`;
  return code === 0 && results(out)[0] === 0;
}

test("a set-user-ID program that a container makes is out of reach for the host's users", async (box) => {
  const calls = systemCalls(Deno.build.arch === "aarch64" ? "AARCH64" : "X86_64");
  makeCaller(box.path("who"), [[calls.get("geteuid")!]]);
  const make =
    "for place in / /data/; do cp /who ${place}suid; chmod 4755 ${place}suid; done; cat /who >/etc/hosts; chmod 4755 /etc/hosts";
  const mounts = ["-v", `${box.dir}/who:/who:ro`, "-v", "data:/data"];
  await box.ok`run -d --name c1 ${mounts} busybox sh -c '${make}; exec sleep 1000'`;
  const { Id } = await box.inspect("c1");
  const directory = `${box.root}/containers/${Id}`;
  await until("they are made", () => Deno.statSync(`${directory}/hosts`).mode! & 0o4000 ? true : false);
  const pid = await box.pidOf("c1");
  const paths = [`${directory}/upper/suid`, `${directory}/hosts`, `${box.root}/volumes/data/_data/suid`];
  await Deno.chmod(box.dir, 0o755);
  for (const path of [...paths, `/proc/${pid}/root/suid`]) {
    assertEquals(Deno.statSync(path).mode! & 0o7777, 0o4755, path);
    assertEquals(await becomesRoot(box, path), false, path);
  }
  await box.ok`stop -t 0 c1`;
  // As far as the way there is open, there is nothing else in it.
  for (const open of [box.root, `${box.root}/containers`, directory]) await Deno.chmod(open, 0o755);
  assertEquals(await becomesRoot(box, paths[0]), true);
  await box.ok`rm c1`;
});
