// Ways out of a container that once were open, here or elsewhere.

import { assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, requires, test } from "../world/world.ts";

/** Every number that a descriptor of the host's could have while the container is set up. */
const DESCRIPTORS = Array.from({ length: 45 }, (_, number) => number + 3);

test("run -w: no descriptor of the host's is a way out (CVE-2024-21626)", async (box) => {
  for (const number of DESCRIPTORS) {
    const { stdout } = await box.$`run --rm -w /proc/self/fd/${number} busybox pwd`;
    assertEquals(stdout, "", `descriptor ${number}`);
  }
}, { seconds: 120 });

test(
  "run: a link in the image to a descriptor is no way out, as working directory or mount point",
  async (box) => {
    const links = DESCRIPTORS.map((number) => `ln -s /proc/self/fd/${number} /l${number}`).join("; ");
    await box.ok`run --name c1 busybox sh -c ${links}`;
    await box.ok`commit c1 links`;
    for (const number of DESCRIPTORS) {
      const inside = await box.$`run --rm -w /l${number} links pwd`;
      assertEquals(inside.stdout, "", `descriptor ${number}`);
      await box.$`run --rm --tmpfs /l${number}/escaped/deep links true`;
    }
    for (const folder of ["", "containers", "tmp", "layers"]) {
      const names = [...Deno.readDirSync(`${box.root}/${folder}`)].map(({ name }) => name);
      assertEquals(names.filter((name) => name.startsWith("escaped")), []);
    }
  },
  { seconds: 120 },
);

/** An image like busybox's, changed by a script before it is packed. */
async function imageWith(box: Box, name: string, script: string): Promise<void> {
  const build =
    `set -e; cd "$1"; "$0" export c0 | tar xf -; ${script}; tar cf ../made.tar .; "$0" import ../made.tar ${name}`;
  const folder = `${box.root}.made/root`;
  await Deno.mkdir(folder, { recursive: true });
  try {
    const { code, stderr } = await box.exec`sh -c ${build} ${BIN} ${folder}`;
    assertEquals([code, stderr], [0, ""]);
  } finally {
    await Deno.remove(`${box.root}.made`, { recursive: true });
  }
}

test("run: an image whose /proc, /sys or /dev leads elsewhere is refused", async (box) => {
  await box.ok`run --name c0 busybox true`;
  for (const [name, target] of [["proc", "."], ["proc", "dev"], ["sys", "."], ["dev", "tmp"]]) {
    await imageWith(box, "evil", `rm -rf ${name}; ln -s ${target} ${name}`);
    const { code, stdout, stderr } = await box.$`run --rm evil echo inside`;
    assertEquals([code, stdout], [125, ""]);
    assertMatch(stderr, new RegExp(`/${name} of image evil is not a directory`));
  }
});

test("run -v: a volume over /dev takes no mask away", async (box) => {
  const script = "cat /proc/keys /proc/timer_list | wc -c";
  assertEquals(await box.ok`run --rm -v devices:/dev busybox sh -c ${script}`, "0");
});

test("run -v: a link in the image is followed, inside the container", async (box) => {
  await box.ok`run --name c0 busybox true`;
  await imageWith(box, "linked", "mkdir -p run var; ln -s /run var/run");
  await box.ok`run --rm -v data:/var/run linked touch /run/here`;
  assertEquals(await box.ok`run --rm -v data:/d busybox ls /d`, "here");
});

test("exec -w: no descriptor of the host's is a way out", async (box) => {
  await box.ok`run -d --name main busybox sleep 1000`;
  for (const number of DESCRIPTORS.filter((number) => number % 3 === 0 || number < 12)) {
    const { stdout } = await box.$`exec -w /proc/self/fd/${number} main pwd`;
    assertEquals(stdout, "", `descriptor ${number}`);
  }
  await box.ok`rm -f main`;
}, { seconds: 120 });

test(
  "exec: what will be the command shares memory with its helper, and is closed to the container",
  async (box) => {
    // Whatever is there that has not been executed yet is reported; that takes what ptrace takes (ptrace(2)).
    const watcher =
      'while :; do for p in /proc/[0-9]*; do case $(readlink $p/exe) in *memfd*) echo "open: $p";; esac; done; done';
    await box.ok`run -d --name main busybox sh -c '${watcher} 2>/dev/null'`;
    for (const flags of [[], ["-u", "1000"], ["--privileged"]]) {
      const slow = [
        "-qq",
        "-f",
        "-o",
        "/dev/null",
        "-e",
        "trace=execve",
        "-e",
        "inject=execve:delay_enter=300000",
      ];
      const { code, stdout } = await box.exec`strace ${slow} ${BIN} exec ${flags} main /bin/echo on`;
      assertEquals([code, stdout], [0, "on\n"]);
    }
    assertEquals(await box.ok`logs main`, "");
    await box.ok`rm -f main`;
  },
  { ...await requires("strace"), seconds: 60 },
);
