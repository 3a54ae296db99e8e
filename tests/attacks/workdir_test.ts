// A working directory that an image, or a container, lets lead out of it through another process's root
// directory (the class of CVE-2024-21626): where processes of others are seen, in --pid host and --pid
// container:, or in a /proc that is mounted from the host.

import { assertEquals, assertMatch } from "@std/assert";
import { type Box, test } from "../world/world.ts";

/** A directory of the host's that is closed to all but root, and its path by way of a process outside. */
function makeDecoy(box: Box): string {
  const decoy = box.path("decoy");
  Deno.mkdirSync(decoy, { mode: 0o700 });
  Deno.writeTextFileSync(`${decoy}/secret`, "of the host");
  return `${Deno.pid}/root${decoy}`;
}

/** An image in which /wd leads to `target`. */
async function commitLink(box: Box, target: string): Promise<void> {
  await box.ok`run --name t1 --network none busybox ln -s ${target} /wd`;
  await box.ok`commit t1 evil`;
  await box.ok`rm t1`;
}

const STEAL = "cat secret; pwd; echo x >written; mkdir made";

async function refused(box: Box, args: string[]): Promise<void> {
  const { code, stdout, stderr } = await box.$`${args} sh -c ${STEAL}`;
  assertEquals([args, code, stdout], [args, args[0] === "exec" ? 126 : 125, ""]);
  assertMatch(stderr, /chdir \/wd\S*: too many levels of symbolic links/);
  assertEquals([...Deno.readDirSync(box.path("decoy"))].map(({ name }) => name), ["secret"]);
}

test("--pid host: a working directory is no way to the root of a process outside", async (box) => {
  await commitLink(box, `/proc/${makeDecoy(box)}`);
  const run = ["run", "--rm", "--network", "none", "--pid", "host"];
  for (const flags of [[], ["--init"], ["-u", "1000"], ["-t"]]) {
    // What is missing would be made.
    for (const path of ["/wd", "/wd/", "/wd/.", "/wd/new", "/wd/new/sub"]) {
      await refused(box, [...run, ...flags, "-w", path, "evil"]);
    }
  }
  await box.ok`run -d --name c1 --network none --pid host evil sleep 1000`;
  for (const flags of [[], ["-u", "1000"], ["--privileged"]]) {
    for (const path of ["/wd", "/wd/."]) await refused(box, ["exec", ...flags, "-w", path, "c1"]);
  }
  await box.ok`rm -f c1`;
}, { seconds: 90 });

test("an image's WORKDIR is no way there, either, nor by a /proc of the host's that is mounted", async (box) => {
  await commitLink(box, `/host/proc/${makeDecoy(box)}`);
  await box.ok`run --name t1 --network none evil true`;
  await box.ok`commit -c 'WORKDIR /wd' t1 evil`;
  await box.ok`rm t1`;
  for (const flags of [[], ["--init"]]) {
    await refused(box, ["run", "--rm", "--network", "none", ...flags, "-v", "/proc:/host/proc:ro", "evil"]);
  }
});

test("a mount point is no way there by a /proc of the host's that is mounted: nothing is made", async (box) => {
  await commitLink(box, `/host/proc/${makeDecoy(box)}`);
  const run = ["run", "--rm", "--network", "none", "-v", "/proc:/host/proc:ro"];
  for (const source of ["data", box.path("file", "x")]) {
    for (const target of ["/wd", "/wd/new", "/wd/new/sub"]) {
      // Refused, or made in the directory that the /proc covers.
      await box.$`${run} -v ${source}:${target} evil true`;
      assertEquals([...Deno.readDirSync(box.path("decoy"))].map(({ name }) => name), ["secret"]);
    }
  }
});

test("--pid container: a working directory is no way into the other container", async (box) => {
  makeDecoy(box);
  const donor = ["run", "-d", "--name", "donor", "--network", "none", "-v", `${box.dir}/decoy:/decoy`];
  await box.ok`${donor} busybox sleep 1000`;
  await commitLink(box, "/proc/1/root/decoy");
  for (const flags of [[], ["--init"]]) {
    const run = ["run", "--rm", "--network", "none", "--pid", "container:donor", ...flags];
    await refused(box, [...run, "-w", "/wd", "evil"]);
    await refused(box, [...run, "-w", "/wd/new", "evil"]);
  }
  await box.ok`rm -f donor`;
});

test("a working directory is made where it is missing, through links that stay inside", async (box) => {
  await commitLink(box, "/home/app");
  const pwd = (path: string, ...flags: string[]) =>
    box.ok`run --rm --network none ${flags} -w ${path} evil sh -c 'pwd -P; stat -c %a .'`;
  assertEquals(await pwd("/wd"), "/home/app\n755");
  assertEquals(await pwd("/wd/new/sub"), "/home/app/new/sub\n755");
  assertEquals(await pwd("/a/b/c", "--init"), "/a/b/c\n755");
  assertEquals(await pwd("/wd/x", "--pid", "host"), "/home/app/x\n755");
});
