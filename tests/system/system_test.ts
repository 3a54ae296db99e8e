import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Box, test, words } from "../world/world.ts";

/** Bytes of 1000s, so that sums are known: base (busybox), mid = base + 3 kB, top = mid + 2 kB. */
async function makeImages(box: Box): Promise<Record<string, string>> {
  const ids: Record<string, string> = { base: (await box.inspect("busybox")).Id };
  for (const [name, from, size] of [["mid", "busybox", 3000], ["top", "mid", 2000]] as const) {
    await box.ok`run --name maker ${from} sh -c 'head -c ${size} /dev/zero >/${name}'`;
    ids[name] = await box.ok`commit -c 'LABEL is=${name}' maker ${name}`;
    await box.ok`rm maker`;
  }
  return ids;
}

test("system df: what images, containers and volumes take, and what would come free", async (box) => {
  await makeImages(box);
  await box.ok`run -d --name up -v used:/u top sh -c 'echo x >/u/f; exec sleep 1000'`;
  await box.ok`run --name ended busybox sh -c 'head -c 4000 /dev/zero >/x'`;
  await box.ok`volume create idle`;
  const rows =
    (await box.ok`system df --format '{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Size}}|{{.Reclaimable}}'`)
      .split("\n");
  assertMatch(rows[0], /^Images\|3\|2\|[\d.]+MB\|[\d.]+MB \(\d+%\)$/);
  assertEquals(rows.slice(1), [
    "Containers|2|1|4kB|4kB (100%)",
    "Local Volumes|2|1|2B|0B (0%)",
    "Build Cache|0|0|0B|0B",
  ]);
  const table = (await box.ok`system df`).split("\n");
  assertMatch(table[0], /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE$/);
  const each = JSON.parse(await box.ok`system df -v --format json`);
  assertEquals(Object.keys(each), ["Images", "Containers", "Volumes", "BuildCache"]);
  assertEquals(
    each.Images.map(({ Repository, UniqueSize, Containers }: Record<string, string>) =>
      `${Repository} ${UniqueSize} ${Containers}`
    ),
    ["top 2kB 1", "mid 0B 0", "busybox 0B 1"],
  );
  assertEquals(each.Containers.map(({ Names, Size }: Record<string, string>) => `${Names} ${Size}`), [
    "ended 4kB",
    "up 0B",
  ]);
  assertEquals(
    each.Volumes.map(({ Name, Links, Size }: Record<string, string>) => `${Name} ${Links} ${Size}`),
    [
      "idle 0 0B",
      "used 1 2B",
    ],
  );
  const text = await box.ok`system df -v`;
  const heads = text.split("\n").filter((line) => /^[A-Z ]+$/.test(line)).map((line) =>
    line.replace(/ {2,}/g, "|")
  );
  assertEquals(heads, [
    "REPOSITORY|TAG|IMAGE ID|CREATED|SIZE|SHARED SIZE|UNIQUE SIZE|CONTAINERS",
    "CONTAINER ID|IMAGE|COMMAND|LOCAL VOLUMES|SIZE|CREATED|STATUS|NAMES",
    "VOLUME NAME|LINKS|SIZE",
    "CACHE ID|CACHE TYPE|SIZE|CREATED|LAST USED|USAGE|SHARED",
  ]);
  await box.ok`rm -f up ended`;
});

test("image prune -a: what a container has keeps all its names; what it was made from loses them", async (box) => {
  await box.ok`tag busybox other:1`;
  await box.ok`create --name user busybox true`;
  assertEquals(await box.ok`image prune -af`, "Total reclaimed space: 0B");
  assertEquals((await box.ok`images --format {{.Repository}}`).split("\n").sort(), [
    "busybox",
    "other",
  ]);
  await box.ok`rm user`;
  await box.ok`create --name user other:1 true`;
  await box.ok`commit user child`;
  await box.ok`rm user`;
  await box.ok`create --name user child true`;
  await box.ok`image prune -af`;
  assertEquals((await box.ok`images --format {{.Repository}}`).split("\n"), ["child"]);
  await box.ok`rm user`;
});

test("image prune: dangling ones, all unused ones with -a, and filters", async (box) => {
  const ids = await makeImages(box);
  await box.ok`run --name maker busybox sh -c 'echo 123 >/dangling'`;
  const dangling = await box.ok`commit maker`;
  await box.ok`rm maker`;
  const refused = await box.$(words`image prune`, { stdin: "n\n" });
  assertEquals([refused.code, refused.stdout], [
    0,
    "WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] " +
    "Total reclaimed space: 0B\n",
  ]);
  assertEquals(await box.ok`image prune -f --filter until=1h`, "Total reclaimed space: 0B");
  const pruned = (await box.ok(words`image prune`, { stdin: "y\n" })).split("continue? [y/N] ")[1].split(
    "\n",
  );
  assertEquals(pruned.slice(0, 2), ["Deleted Images:", `deleted: ${dangling}`]);
  assertEquals(pruned.slice(-2), ["", "Total reclaimed space: 4B"]);
  assertEquals(await box.ok`image prune -f`, "Total reclaimed space: 0B");
  await box.ok`create --name user mid sh`;
  assertEquals(
    await box.ok`image prune -af --filter label=is=other`,
    "Total reclaimed space: 0B",
  );
  const all = await box.ok`image prune -af --filter label!=is=base`;
  assertMatch(all, new RegExp(`^Deleted Images:\nuntagged: top:latest\ndeleted: ${ids.top}\n`));
  assertMatch(all, /Total reclaimed space: 2kB$/);
  assertEquals(await box.ok`images --format {{.Repository}} mid`, "mid");
  await box.ok`run --rm mid test -s /mid`;
  const bad = await box.$`image prune -f --filter bad=1`;
  assertEquals(bad.code, 1);
  assertMatch(bad.stderr, /Invalid filter 'bad'/);
});

test("system prune: stopped containers, unused networks and unneeded images, volumes only if told to", async (box) => {
  await makeImages(box);
  await box.ok`run -d --name up mid sleep 1000`;
  await box.ok`run --name ended -v /anonymous -v named:/n busybox sh -c 'echo abc >/x'`;
  const ended = (await box.inspect("ended")).Id;
  await box.ok`network create --label keep=1 used`;
  await box.ok`network create unused`;
  await box.ok`network create --label keep=1 kept`;
  await box.ok`network connect used up`;
  const refused = await box.$(words`system prune -a --volumes --filter label=x`, {
    stdin: "n\n",
  });
  assertEquals(refused.stdout.split("\n"), [
    "WARNING! This will remove:",
    "  - all stopped containers",
    "  - all networks not used by at least one container",
    "  - all anonymous volumes not used by at least one container",
    "  - all images without at least one container associated to them",
    "",
    "  Items to be pruned will be filtered with:",
    "  - label=x",
    "",
    "Are you sure you want to continue? [y/N] ",
  ]);
  const conflict = await box.$`system prune -f --volumes --filter until=1h`;
  assertEquals([conflict.code, conflict.stderr], [
    1,
    'mydocker: The "until" filter is not supported with "--volumes"\n',
  ]);
  assertEquals(
    await box.ok`system prune -f --filter label!=keep`,
    `Deleted Containers:\n${ended}\n\nDeleted Networks:\nunused\n\nTotal reclaimed space: 4B`,
  );
  assertEquals(
    await box.ok`system prune -f`,
    "Deleted Networks:\nkept\n\nTotal reclaimed space: 0B",
  );
  const prunes = [
    "events",
    "--since",
    "1h",
    "--until",
    "0s",
    "--filter",
    "event=prune",
    "--format",
    "{{.Type}}",
  ];
  const once = ["container", "network", "image"];
  assertEquals((await box.ok(prunes)).split("\n"), [...once, ...once]);
  assertEquals((await box.ok`volume ls -q`).split("\n").length, 2);
  const all = await box.ok`system prune -af --volumes`;
  assertMatch(all, /^Deleted Volumes:\n[0-9a-f]{64}\n\nDeleted Images:\nuntagged: top:latest\n/);
  assertEquals(await box.ok`volume ls -q`, "named");
  assert(!all.includes("mid"), all);
  assertEquals((await box.inspect("up")).State.Status, "running");
  await box.ok`rm -f up`;
});

test("images --filter, rmi: what there is, and what is said of the rest", async (box) => {
  await makeImages(box);
  const listed = async (...filters: string[]) => {
    const flags = filters.flatMap((filter) => ["--filter", filter]);
    return (await box.ok`images --format {{.Repository}} ${flags}`).split("\n").join(" ");
  };
  assertEquals(await listed("before=top"), "mid busybox");
  assertEquals(await listed("since=busybox"), "top mid");
  assertEquals(await listed("since=busybox", "before=top"), "mid");
  assertEquals(await listed("label=is=mid"), "mid");
  assertEquals(await listed("label=is"), "top mid");
  assertEquals(await listed("reference=t*"), "top");
  assertEquals(await listed("dangling=true"), "");
  for (
    const [filter, code, message] of [
      ["bad=1", 1, /Invalid filter 'bad'/],
      ["bad", 125, /invalid argument "bad" for "-f, --filter" flag/],
      ["dangling=perhaps", 1, /Invalid filter 'dangling=\[perhaps\]'/],
      ["before=nosuch", 1, /No such image: nosuch:latest/],
    ] as const
  ) {
    const result = await box.$`images --filter ${filter}`;
    assertEquals(result.code, code, filter);
    assertMatch(result.stderr, message);
  }
  const gone = await box.$`image rm nosuch`;
  assertEquals([gone.code, gone.stderr], [1, "mydocker: No such image: nosuch:latest\n"]);
});
