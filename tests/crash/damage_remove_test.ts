// Records that say nothing any more: `info` names each, what prunes and `rm -f` removes it, and its name can
// be given again.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { BIN, type Box, requires, test, until, words } from "../world/world.ts";
import { interfaces } from "../world/netns.ts";

/** What a record may have become. */
const CONTENTS = ["[]", "{", "", '{"id": 1}', "null", '"text"'];

async function damaged(box: Box): Promise<string[]> {
  return JSON.parse(await box.ok`info --format '{{json .Damaged}}'`);
}

test(
  "damage: a network that is up and of which nothing is known can be removed once nobody is in it",
  async (box) => {
    for (const content of CONTENTS) {
      await box.ok`network create net`;
      await box.ok`run -d --name one --network net busybox sleep 1000`;
      Deno.writeTextFileSync(`${box.root}/networks/net/network.json`, content);
      const [line] = await damaged(box);
      assertMatch(line, /^network.json of network net .* mydocker network rm -f net$/, content);
      assert((await box.ok`info`).includes(`\n Damaged:\n  ${line}`));
      const run = ["run", "--rm", "--network", "net", "busybox", "true"];
      for (const args of [["network", "inspect", "net"], ["network", "rm", "net"], run]) {
        assertMatch(
          (await box.$(args)).stderr,
          /network.json of network net is missing or damaged/,
          args.join(" "),
        );
      }
      assertMatch((await box.$`network rm -f net`).stderr, /has active endpoints/, content);
      await box.ok`rm -f one`;
      assertEquals(await box.ok`network rm -f net`, "net", content);
      await until("its bridge is gone", () => !interfaces().some((name) => name.startsWith("md-")));
      assertEquals(await damaged(box), []);
    }
  },
  { seconds: 150 },
);

test("damage: prunes take what is damaged along, and a default network is made anew", async (box) => {
  for (const content of CONTENTS) {
    await box.ok`network create net`;
    await box.ok`run --rm busybox true`; // so that the default network has a record
    await box.ok`create --name one busybox true`;
    const id = (await box.inspect("one")).Id;
    for (
      const path of [
        "networks/net/network.json",
        "networks/bridge/network.json",
        `containers/${id}/config.json`,
      ]
    ) {
      Deno.writeTextFileSync(`${box.root}/${path}`, content);
    }
    Deno.mkdirSync(`${box.root}/names/folder`);
    Deno.symlinkSync("nowhere", `${box.root}/names/link`);
    Deno.mkdirSync(`${box.root}/tags/folder:latest`);
    Deno.symlinkSync("nowhere", `${box.root}/tags/link:latest`);
    const lines = (await damaged(box)).sort().map((line) =>
      line.replace(/ (leads|is missing) .*/, "").replace(id, "ID")
    );
    assertEquals(lines, [
      "config.json of container ID",
      "name folder",
      "name link",
      "network.json of network net",
      "tag folder:latest",
      "tag link:latest",
    ], content);
    await box.ok`run --rm busybox true`;
    await box.ok`container prune -f`;
    await box.ok`network prune -f`;
    await box.ok`image prune -f`;
    assertEquals(await damaged(box), [], content);
    assertEquals(await box.ok`images -q busybox` === "", false, "what is whole stays");
  }
}, { seconds: 150 });

test(
  "damage: two commands at once make the default network's record anew, and do not disturb each other",
  async (box) => {
    await box.ok`run --rm busybox true`;
    await until("its bridge is gone", () => !interfaces().some((name) => name.startsWith("md-")));
    const path = `${box.root}/networks/bridge/network.json`;
    const whole = JSON.parse(Deno.readTextFileSync(path));
    Deno.writeTextFileSync(path, "");
    // Each has written its file before either gives it its name.
    const slow = words`strace -qq -o /dev/null -e trace=fsync -e inject=fsync:delay_exit=1000000`;
    const both = [1, 2].map(() => box.exec`${slow} ${BIN} run --rm busybox true`);
    for (const { code, stderr } of await Promise.all(both)) assertEquals([code, stderr], [0, ""]);
    assertEquals(JSON.parse(Deno.readTextFileSync(path)).id, whole.id);
  },
  await requires("strace"),
);

test("damage: rmi -f removes a tag that is none, and the name can be given again", async (box) => {
  for (
    const make of [
      () => Deno.mkdirSync(`${box.root}/tags/mine:latest`),
      () => Deno.symlinkSync("x", `${box.root}/tags/mine:latest`),
    ]
  ) {
    make();
    assertEquals(await box.ok`rmi -f mine`, "Untagged: mine:latest");
    await box.ok`tag busybox mine`;
    await box.ok`rmi mine`;
  }
}, { seconds: 150 });
