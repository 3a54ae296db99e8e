// -e, --env-file, -w, -u, --entrypoint, -h: what the command is told, and who it is.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Box, test, words } from "../world/world.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The container's environment as an object. */
async function environment(box: Box, args: string[], env: Record<string, string> = {}) {
  const stdout = await box.ok(words`run --rm ${args} busybox env`, { env });
  return Object.fromEntries(stdout.split("\n").map((line) => line.split(/=(.*)/s).slice(0, 2)));
}

test("run: docker's variables, and nothing of the caller's", async (box) => {
  const { HOSTNAME, ...rest } = await environment(box, [], { SECRET: "leaked", LANG: "xx" });
  assertMatch(HOSTNAME, /^[0-9a-f]{12}$/);
  assertEquals(rest, { PATH, HOME: "/root" });
});

test("run -e: sets, takes from the caller, and leaves out what the caller has not", async (box) => {
  const args = [
    "-e",
    "A=1",
    "-e",
    "B=with = and spaces",
    "-e",
    "FROM",
    "-e",
    "ABSENT",
    "-e",
    "EMPTY=",
    "-e",
    "A=2",
  ];
  const { A, B, FROM, ABSENT, EMPTY } = await environment(box, args, { FROM: "caller's\nvalue" });
  assertEquals({ A, B, ABSENT, EMPTY }, { A: "2", B: "with = and spaces", ABSENT: undefined, EMPTY: "" });
  assertEquals(FROM, "caller's");
});

test("run -e: names that mydocker's own launcher uses come from the caller, too", async (box) => {
  const own = { DENO_DIR: Deno.env.get("DENO_DIR") ?? "", HOME: Deno.env.get("HOME")! };
  const env = { ...(own.DENO_DIR ? { DENO_DIR: own.DENO_DIR } : {}), DENO_NO_UPDATE_CHECK: "mine" };
  const found = await environment(
    box,
    ["-e", "HOME", "-e", "DENO_NO_UPDATE_CHECK", "-e", "MYDOCKER_SELF"],
    env,
  );
  assertEquals([found.HOME, found.DENO_NO_UPDATE_CHECK], [own.HOME, "mine"]);
});

test("run -e: PATH, HOME and HOSTNAME can be set", async (box) => {
  const set = await environment(box, ["-e", "PATH=/bin:/x", "-e", "HOME=/h", "-e", "HOSTNAME=n"]);
  assertEquals(set, { PATH: "/bin:/x", HOME: "/h", HOSTNAME: "n" });
});

test("run --env-file: lines, comments, blanks, and names alone; -e wins", async (box) => {
  const file = box.path("env", '# comment\n\nA=1\n  B=two words  \nQUOTED="q"\nFROM\nGONE\nC=over\n');
  const { A, B, QUOTED, FROM, GONE, C } = await environment(box, ["-e", "C=ruled", "--env-file", file], {
    FROM: "here",
  });
  assertEquals({ A, B, QUOTED, FROM, GONE, C }, {
    ...{ A: "1", B: "two words  ", QUOTED: '"q"', FROM: "here", GONE: undefined, C: "ruled" },
  });
});

test("run --env-file: what is wrong with it is said", async (box) => {
  for (const [content, message] of [["A B=1\n", "whitespaces"], ["=1\n", "no variable name"]]) {
    const { code, stderr } = await box.$`run --rm --env-file ${box.path("env", content)} busybox env`;
    assertEquals(code, 125);
    assertStringIncludes(stderr, message);
  }
  const missing = await box.$`run --rm --env-file /no/such busybox env`;
  assert([125, 127].includes(missing.code));
  assertStringIncludes(missing.stderr, "/no/such");
});

test("run -w: an absolute directory, made where it is missing", async (box) => {
  assertEquals(await box.ok`run --rm -w /seed busybox pwd`, "/seed");
  const script = "pwd; stat -c '%a %u:%g' . ..";
  assertEquals(
    await box.ok`run --rm -u app -w /new/deep busybox sh -c ${script}`,
    "/new/deep\n755 0:0\n755 0:0",
  );
  const relative = await box.$`run --rm -w rel busybox pwd`;
  assertEquals(relative.code, 125);
  assertStringIncludes(
    relative.stderr,
    "the working directory 'rel' is invalid, it needs to be an absolute path",
  );
  const file = await box.$`run --rm -w /etc/passwd busybox pwd`;
  assertEquals(file.code, 125);
  assertStringIncludes(file.stderr, "/etc/passwd");
});

test("run -u: names and numbers from the image's files", async (box) => {
  const id = "id -u; id -g; id -G; echo $HOME";
  const cases: [string, string][] = [
    ["app", "1000\n1000\n1000 10 50\n/home/app"],
    ["1000", "1000\n1000\n1000 10 50\n/home/app"],
    ["app:staff", "1000\n50\n50\n/home/app"],
    ["1000:7", "1000\n7\n7\n/home/app"],
    ["4242", "4242\n0\n0\n/"],
    ["4242:4343", "4242\n4343\n4343\n/"],
    ["root", "0\n0\n0 10\n/root"],
    ["0", "0\n0\n0 10\n/root"],
    [":staff", "0\n50\n50\n/root"],
    ["nobody", "65534\n65534\n65534\n/nonexistent"],
  ];
  for (const [user, expected] of cases) {
    const stdout = await box.ok`run --rm -u ${user} busybox sh -c ${id}`;
    const sorted = (text: string) =>
      text.split("\n").map((line) => line.split(" ").sort().join(" ")).join("\n");
    assertEquals(sorted(stdout), sorted(expected), user);
  }
});

test("run -u: unknown names and impossible numbers are refused", async (box) => {
  const cases: [string, string][] = [
    ["nosuch", "unable to find user nosuch: no matching entries in passwd file"],
    ["app:nosuch", "unable to find group nosuch: no matching entries in group file"],
    ["2147483648", "uids and gids must be in range 0-2147483647"],
  ];
  for (const [user, message] of cases) {
    const { code, stderr } = await box.$`run --rm -u ${user} busybox true`;
    assertEquals(code, 125, user);
    assertStringIncludes(stderr, message);
  }
});

test("run -u: an image without passwd and group takes numbers", async (box) => {
  const { tar } = await import("../world/images.ts");
  await box.ok(words`import - bare`, { stdin: tar([]) });
  const volume = ["-v", `${Deno.realPathSync("/bin/busybox")}:/busybox`];
  assertEquals(
    await box.ok`run --rm ${volume} -u 5:6 bare /busybox id`,
    "uid=5 gid=6 groups=6",
  );
  assertEquals((await box.$`run --rm ${volume} -u root bare /busybox id`).code, 125);
});

test("run -u: a passwd that is a symlink to the host is read in the container", async (box) => {
  const { tar } = await import("../world/images.ts");
  const secret = box.path("passwd", "hostuser:x:77:77::/:/bin/sh\n");
  const entries = [
    { name: "etc/", type: "5" },
    { name: "etc/passwd", type: "2", link: secret },
    { name: "etc/group", type: "2", link: `../../../../../../..${secret}` },
  ];
  await box.ok(words`import - sly`, { stdin: tar(entries) });
  const { code, stderr } = await box.$`run --rm -u hostuser sly /x`;
  assertEquals(code, 125);
  assertStringIncludes(stderr, "unable to find user hostuser");
});

test("run -h: host name in the container", async (box) => {
  const script = "hostname; cat /etc/hostname; echo $HOSTNAME";
  assertEquals(await box.ok`run --rm -h one busybox sh -c ${script}`, "one\none\none");
  const dotted = await box.ok`run --rm --hostname a.b.c busybox sh -c ${script}`;
  assertEquals(dotted, "a.b.c\na.b.c\na.b.c");
});

test("run --entrypoint: goes before the arguments", async (box) => {
  assertEquals(await box.ok`run --rm --entrypoint echo busybox a b`, "a b");
  assertEquals(await box.ok`run --rm --entrypoint /bin/pwd busybox`, "/");
  const none = await box.$`run --rm --entrypoint '' busybox`;
  assertEquals(none.code, 125);
  assertMatch(none.stderr, /No command specified/i);
});

test("run: an image without a command needs one", async (box) => {
  const { code, stderr } = await box.$`run busybox`;
  assertEquals(code, 125);
  assertMatch(stderr, /No command specified/i);
  assertEquals(await box.ok`ps -aq`, "");
});

test("run --label: kept, from flags and files", async (box) => {
  const file = box.path("labels", "# no\nc=3\n");
  await box.ok`run --name marked -l a=1 --label b --label-file ${file} busybox true`;
  assertEquals((await box.inspect("marked")).Config.Labels, { a: "1", b: "", c: "3" });
});

test("run --cidfile: 64 digits and no more; never over a file that is there", async (box) => {
  const file = box.path("cid");
  await box.ok`run --name known --cidfile ${file} busybox true`;
  const id = Deno.readTextFileSync(file);
  assertMatch(id, /^[0-9a-f]{64}$/);
  assertEquals((await box.inspect("known")).Id, id);
  const again = await box.$`run --cidfile ${file} busybox true`;
  assertEquals(again.code, 125);
  assertMatch(again.stderr, /container ID file found/i);
  assertEquals(Deno.readTextFileSync(file), id);
  const nowhere = await box.$`run --cidfile /no/such/dir/cid busybox true`;
  assert([125, 127].includes(nowhere.code));
  assertStringIncludes(nowhere.stderr, "/no/such/dir/cid");
  assertEquals((await box.ok`ps -aq`).split("\n").length, 1);
});

test("run --read-only: the root refuses, mounts and /dev do not", async (box) => {
  const script = "echo >/f; echo rc=$?; echo >/tmp/t && echo >/vol/v && echo >/dev/shm/s && echo fine";
  const { stdout, stderr } = await box.$`${[
    "run",
    "--rm",
    "--read-only",
    "--tmpfs",
    "/tmp",
    "-v",
    "vol:/vol",
    "busybox",
    "sh",
    "-c",
    script,
  ]}`;
  assertEquals(stdout, "rc=1\nfine\n");
  assertMatch(stderr, /Read-only file system/);
});

test("run --name: letters, digits and _.- only", async (box) => {
  for (const name of ["a", "-a", "a/b", "a b", "ü1", "", "..", "a".repeat(300)]) {
    const { code, stderr } = await box.$`run --name ${name} busybox true`;
    if (name === "") continue;
    assertEquals(code, 125, name);
    assertMatch(stderr, /name/i);
  }
  for (const name of ["ab", "A.b_c-d", "0x"]) {
    await box.ok`run --rm --name ${name} busybox true`;
  }
});

test("run: without a name it gets one of two words", async (box) => {
  await box.ok`run busybox true`;
  assertMatch(await box.ok`ps -a --format {{.Names}}`, /^[a-z]+_[a-z]+\d?$/);
});
