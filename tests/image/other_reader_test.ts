// Archives that mydocker writes, read by somebody else's reader: each has in it what the directory has.

import { assert, assertEquals } from "@std/assert";
import { type Box, requires, test } from "../world/world.ts";
import { readArchive, readDirectory } from "../world/tar_reader.ts";

/** Whatever an entry can be, and be called; what only a writer of PAX headers can write is among it. */
const TREE = `
  mkdir -p tree/sub/empty; cd tree
  echo content >file; ln file sub/hard; ln file 'a first name'; ln -s ../file sub/soft; ln -s /nowhere dangling
  ln dangling sub/hard-to-link; mkfifo -m 600 fifo; mknod null c 1 3; mknod disk b 259 70000
  : >nothing; head -c 1500001 /dev/urandom >random; truncate -s 3M holes; printf end >>holes
  d=$(printf 'd%.0s' $(seq 120)); mkdir -p $d/$d/$d; echo deep >$d/$d/$d/$(printf 'f%.0s' $(seq 200))
  ln -s $(printf 'x/%.0s' $(seq 150)) long-link; ln $d/$d/$d/f* long-hard
  n=$(printf 'n%.0s' $(seq 99)); echo 100 >"$n"1; echo 101 >"$n"12; mkdir "$n"d; echo split >"$n"d/"$n"1
  echo u >'ünï'; echo n >"$(printf 'new\\nline')"; echo b >"$(printf 'bytes\\377\\376z')"; echo s >' spaces  '
  chown 12:34 sub; chown -h 5:6 long-link; chown 3000000:4000000 nothing; chmod 4755 random; chmod 2775 sub
  chmod 1777 sub/empty; chmod 0 holes
  setfattr -n user.plain -v 'a = b % c' file; setfattr -n trusted.long -v "$d$d" sub
  setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 random
  touch -d '1969-12-31 23:00:00.25 UTC' file; touch -d '2500-01-01 UTC' fifo; touch -hd @1000000001.000000001 dangling
  touch -d @7 $d sub/empty`;

async function makeTree(box: Box): Promise<string> {
  const { code, stderr } = await box.exec`bash -ec ${TREE}`;
  assertEquals([code, stderr], [0, ""]);
  return box.path("tree");
}

const needs = await requires("setfattr");

test("another reader finds in cp's and export's archives all that is in the directory", async (box) => {
  const tree = await makeTree(box);
  const wanted = await readDirectory(tree);
  assert(wanted.size > 20, `${wanted.size}`);
  await box.ok`create --name odd busybox true`;
  await box.ok`cp -a ${tree} odd:/tree`;
  const copied = await box.$`cp -a odd:/tree -`;
  assertEquals(await readArchive(copied.out, "tree/"), wanted);
  await box.ok`export -o ${box.path("odd.tar")} odd`;
  assertEquals(await readArchive(Deno.readFileSync(box.path("odd.tar")), "tree/"), wanted);
}, needs);

test(
  "another reader finds in a committed layer, and in a saved image, all that is in the directory",
  async (box) => {
    const tree = await makeTree(box);
    const wanted = await readDirectory(tree);
    await box.ok`create --name odd busybox true`;
    await box.ok`cp -a ${tree} odd:/tree`;
    await box.ok`commit odd made`;
    await box.ok`save -o ${box.path("made.tar")} made`;
    const unpacked = await box.exec`sh -ec 'mkdir image; tar -C image -xf made.tar; cat image/manifest.json'`;
    const [{ Layers: layers }] = JSON.parse(unpacked.stdout);
    const layer = Deno.readFileSync(box.path(`image/${layers.at(-1)}`));
    assertEquals(await readArchive(layer, "tree/"), wanted);
    const saved = await readArchive(Deno.readFileSync(box.path("made.tar")));
    const named = new Map([...await readDirectory(box.path("image"))]);
    assertEquals([...saved.keys()], [...named.keys()]);
    for (const [name, text] of saved) {
      assertEquals(
        text.split(",").slice(-2),
        named.get(name)!.split(",").slice(-2),
        name,
      );
    }
  },
  needs,
);
