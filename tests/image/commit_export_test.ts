import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { bare, BIN, type Box, requires, sandbox, test, words } from "../world/world.ts";
import { tar } from "../world/images.ts";

/** What every start makes anew, so that its time says nothing. */
const FRESH =
  /\d{4}-\S+ \S+ +((\.dockerenv|\.\/|etc\/|dev\/|etc\/(hosts|hostname|resolv\.conf|mtab -> .*)|dev\/console))$/;

/** What tar reads in an archive: every field of every entry, sorted by name. */
async function listing(box: Box, archive: string): Promise<string[]> {
  const script = `TZ=UTC tar -tvf "$0" --numeric-owner --full-time --xattrs --xattrs-include='*' | sort -k6`;
  const { code, stdout, stderr } = await box.exec`sh -c ${script} ${archive}`;
  assertEquals([code, stderr], [0, ""]);
  const lines = stdout.trim().split("\n").map((line) => line.replace(FRESH, "(time) $1"));
  // The columns' width depends on what stands above: a time with fewer digits of nanoseconds is padded from
  // then on.
  return lines.map((line) =>
    line.replace(/^(\S+) +(\S+) +/, "$1 $2 ").replace(/^(\S+ \S+ \S+ \d{4}-\S+ \S+) +/, "$1 ")
  );
}

/** That two listings are the same; shows only what differs. */
function assertSame(actual: string[], expected: string[], what?: string): void {
  const only = (one: string[], other: string[]) => {
    const known = new Set(other);
    return one.filter((line) => !known.has(line));
  };
  assertEquals(only(actual, expected), only(expected, actual), what);
  assertEquals(actual.length, expected.length, what);
}

/** Exports a container into a file of the sandbox. */
async function exported(box: Box, container: string, name = `${container}.tar`): Promise<string> {
  const path = box.path(name);
  await box.ok`export -o ${path} ${container}`;
  return path;
}

test("commit: what the container changed is in the image, and runs", async (box) => {
  const script =
    "echo new >/new; echo changed >/seed/file; rm -r /seed/sub; mkdir -p /made/deep; chmod 700 /home";
  await box.ok`run --name worker busybox sh -c ${script}`;
  const id = await box.ok`commit worker result:v1`;
  assertMatch(id, /^sha256:[0-9a-f]{64}$/);
  const look = "cat /new /seed/file; ls /seed; ls -d /made/deep; stat -c %a /home";
  const shown = await box.ok`run --rm result:v1 sh -c ${look}`;
  assertEquals(shown, "new\nchanged\nfile\n/made/deep\n700");
  assertEquals(await box.ok`run --rm busybox cat /seed/file`, "from the image");
});

test("commit: command, environment, labels and the like go along", async (box) => {
  const flags = ["-e", "A=1", "-l", "k=v", "-w", "/seed", "-u", "app"];
  await box.ok`run --name worker ${flags} busybox sh -c 'echo $A $(pwd) $(id -u)'`;
  await box.ok`commit worker result`;
  assertEquals(await box.ok`run --rm result`, "1 /seed 1000");
  assertEquals(await box.ok`run --rm -e A=2 result`, "2 /seed 1000");
  const { Config } = await box.inspect("result");
  assertEquals([Config.Labels, Config.Env.includes("A=1")], [{ k: "v" }, true]);
});

test("commit: an entrypoint stays one", async (box) => {
  await box.ok`run --name worker --entrypoint echo busybox default`;
  await box.ok`commit worker result`;
  assertEquals(await box.ok`run --rm result`, "default");
  assertEquals(await box.ok`run --rm result other`, "other");
});

test("commit -c, -m, -a: changes, message, author", async (box) => {
  await box.ok`run --name worker busybox true`;
  const changes = ["-c", 'CMD ["echo", "$GREETING"]', "-c", "ENV GREETING=hi", "--change", "WORKDIR /tmp"];
  await box.ok`commit ${changes} -m why -a who worker result`;
  const { Config, Comment, Author } = await box.inspect("result");
  assertEquals([Config.Cmd, Config.WorkingDir, Comment, Author], [
    ["echo", "$GREETING"],
    "/tmp",
    "why",
    "who",
  ]);
  const bad = await box.$`commit -c 'RUN x' worker bad`;
  assertEquals(bad.code, 1);
  assertMatch(bad.stderr, /run is not a valid change command/i);
});

const HEALTHCHECKS: [text: string, outcome: unknown][] = [
  ["CMD ls -l $X", { Test: ["CMD-SHELL", "ls -l $X"] }],
  ['--interval=1m30s --retries=3 CMD ["a", "b"]', { Test: ["CMD", "a", "b"], Interval: 9e10, Retries: 3 }],
  ["--start-period=3s --timeout=1.5h cmd x", { Test: ["CMD-SHELL", "x"], StartPeriod: 3e9, Timeout: 5.4e12 }],
  ["none", { Test: ["NONE"] }],
  ["", "HEALTHCHECK requires at least one argument"],
  ["CMD", "Missing command after HEALTHCHECK CMD"],
  ["NONE x", "HEALTHCHECK NONE takes no arguments"],
  ["FOO x", 'Unknown type "FOO" in HEALTHCHECK (try CMD)'],
  ["--foo=1 CMD x", "Unknown flag: foo"],
  ["--interval CMD x", "Missing a value on flag: interval"],
  ["--interval=1s --interval=2s CMD x", "Duplicate flag specified: interval"],
  ["--interval=1 CMD x", 'time: missing unit in duration "1"'],
  ["--interval=x CMD x", 'time: invalid duration "x"'],
  ["--interval=0 CMD x", 'Interval "interval" cannot be less than 1ms'],
  ["--retries=0 CMD x", "--retries must be at least 1 (not 0)"],
];

test("commit -c: HEALTHCHECK, as docker reads it", async (box) => {
  await box.ok`create --name worker busybox true`;
  for (const [text, outcome] of HEALTHCHECKS) {
    const { code, stderr } = await box.$`commit -c 'HEALTHCHECK ${text}' worker result`;
    if (typeof outcome === "string") assertEquals([code, stderr], [1, `mydocker: ${outcome}\n`], text);
    else assertEquals((await box.inspect("result")).Config.Healthcheck, outcome, text);
  }
});

test("commit -c: instructions without arguments, and those that can't be", async (box) => {
  await box.ok`create --name worker --entrypoint /a busybox b`;
  await box.ok`commit -c ENTRYPOINT -c CMD -c 'USER a b' worker result`;
  const { Config } = await box.inspect("result");
  assertEquals([Config.Entrypoint, Config.Cmd, Config.User], [null, ["/bin/sh", "-c"], "a b"]);
  const mistakes = {
    "USER": "USER requires exactly one argument",
    "VOLUME []": "VOLUME requires at least one argument",
    "EXPOSE 80/foo": "Invalid proto: foo",
    "ONBUILD FROM x": "FROM isn't allowed as an ONBUILD trigger",
    "ONBUILD ONBUILD RUN x": "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
  };
  for (const [change, words] of Object.entries(mistakes)) {
    const { code, stderr } = await box.$`commit -c ${change} worker bad`;
    assertEquals([code, stderr], [1, `mydocker: ${words}\n`], change);
  }
});

test("commit: of a running container", async (box) => {
  await using running = box.spawn`run --name runs busybox sh -c 'echo x >/f; echo on; sleep 1000'`;
  await running.expect("on");
  await box.ok`commit runs result`;
  assertEquals(await box.ok`run --rm result cat /f`, "x");
  await box.ok`rm -f runs`;
  await running.end();
});

test("commit: a container without changes adds no layer", async (box) => {
  await box.ok`run --name idle busybox true`;
  await box.ok`commit idle same`;
  assertEquals((await box.inspect("same")).RootFS.Layers, (await box.inspect("busybox")).RootFS.Layers);
});

test("commit: removed and replaced things, on several layers", async (box) => {
  const steps = [
    "mkdir /d && echo 1 >/d/one && echo 2 >/d/two && echo f >/f && ln -s d /l",
    "rm -r /d && mkdir /d && echo 3 >/d/three && rm /f && mkdir /f && rm /l && echo l >/l",
    "rm /d/three && rmdir /f && echo f >/f && rm /l && mkdir -p /l/x",
    "rm -rf /d /l && touch /d && echo again >/d",
  ];
  const look = "cd /; ls -d d d/* l l/* f f/* 2>/dev/null; cat d f 2>/dev/null; true";
  const expected = ["/d/one", "", "", ""];
  let image = "busybox";
  for (const [i, step] of steps.entries()) {
    await box.ok`run --name step${i} ${image} sh -c ${step}`;
    await box.ok`commit step${i} image${i}`;
    image = `image${i}`;
    const before = await box.exec`sh -c ${`"$0" export step${i} | tar t | grep -E '^(d|l|f)(/|$)' | sort`}
      ${BIN}`;
    await box.$`run --name check${i} ${image} sh -c ${look}`;
    const after = await box.exec`sh -c ${`"$0" export check${i} | tar t | grep -E '^(d|l|f)(/|$)' | sort`}
      ${BIN}`;
    assertEquals(after.stdout, before.stdout, `step ${i}`);
    assertNotEquals(after.stdout, expected[i]);
  }
  assertEquals(await box.ok`run --rm ${image} sh -c ${look}`, "d\nf\nagain\nf");
});

test("commit: mounts, volumes and the container's own files stay out", async (box) => {
  const flags = ["-v", "vol:/vol", "-v", `${box.dir}:/host`, "--tmpfs", "/t"];
  const script = "echo x >/vol/x; echo x >/t/x; echo x >>/etc/hosts; echo x >/dev/shm/x; echo x >/kept";
  await box.ok`run --name worker ${flags} busybox sh -c ${script}`;
  await box.ok`commit worker result`;
  const stdout = await box.ok`run --rm result sh -c 'ls /vol /t /host; cat /kept; grep -c ^x$ /etc/hosts'`
    .catch((e) => String(e));
  assert(!/\nx\n.*\nx\n/.test(stdout) && stdout.includes("x"), stdout);
  const archive = await exported(box, "worker");
  const names = (await box.exec`tar -tf ${archive}`).stdout;
  assert(!/^(vol|t|host)\/./m.test(names), names);
  assertMatch(names, /^kept$/m);
});

test("export: a plain tar of the whole root, as docker has it", async (box) => {
  await box.ok`run --name whole busybox sh -c 'echo new >/new; rm /noexec'`;
  const { stdout: names } = await box.exec`sh -c '"$0" export whole | tar t' ${BIN}`;
  const list = names.trim().split("\n");
  for (
    const name of [
      "new",
      ".dockerenv",
      "bin/busybox",
      "etc/passwd",
      "seed/sub/deep",
      "tmp/",
      "proc/",
      "sys/",
      "dev/",
    ]
  ) {
    assert(list.includes(name), `${name} is missing`);
  }
  assert(!list.includes("noexec") && !list.some((name) => /^(\.?\/|proc\/.|sys\/.)/.test(name)), names);
  assert(!list.some((name) => name.includes(".wh.")), names);
});

test("export -o: a private file, complete or not at all", async (box) => {
  await box.ok`run --name whole busybox true`;
  const archive = await exported(box, "whole");
  assertEquals(Deno.statSync(archive).mode! & 0o777, 0o600);
  const nowhere = await box.$`export -o /no/such/dir/x.tar whole`;
  assertEquals(nowhere.code, 1);
  assertMatch(nowhere.stderr, /\/no\/such\/dir/);
  const full = await box.exec`sh -c '"$0" export whole >/dev/full' ${BIN}`;
  assertNotEquals(full.code, 0);
  assertMatch(full.stderr, /no space left on device/i);
});

test("export: to a reader that goes away", async (box) => {
  await box.ok`run --name whole busybox true`;
  const { stderr } = await box.exec`bash -c '"$0" export whole | head -c 10 >/dev/null' ${BIN}`;
  assert(!/at .*\.ts/.test(stderr), stderr);
});

/** An image with one of everything that archives lose, and a container of it. */
async function oddities(box: Box): Promise<void> {
  const script = `
    cd / && mkdir -p odd && cd odd
    echo suid >suid && chown 3:4 suid && chmod 6755 suid
    echo hard >hard1 && ln hard1 hard2 && mkdir d && ln hard1 d/hard3
    ln -s hard1 soft && ln -s /nowhere/at/all dangling && chown -h 7:8 soft
    mknod null c 1 3 && mknod block b 7 200 && mkfifo fifo && chmod 622 fifo
    name=$(printf 'n%.0s' $(seq 1 255)); echo long >"$name"
    deep=d; for i in 1 2 3 4 5 6 7 8; do deep=$deep/$(printf 'p%.0s' $(seq 1 100)); done; mkdir -p "$deep"; echo deep >"$deep/f"
    ln "$deep/f" deep-link; ln -s "$deep/f" deep-soft
    echo x >'with space'; echo x >"$(printf 'new\\nline')"; echo x >'ümläut'; echo x >'back\\slash'; echo x >"$(printf 'bad\\377utf')"
    : >empty; mkdir emptydir sticky; chmod 1777 sticky; chmod 0 empty
    dd if=/dev/zero of=sparse bs=1 count=1 seek=3000000 2>/dev/null
    chown 2000000000:1999999999 d/hard3
    touch -d '2001-02-03 04:05:06' suid fifo emptydir; touch -d '1969-12-31 00:00:00' empty; touch -d '2050-01-01 00:00:00' soft`;
  await box.ok`run --name odd busybox sh -c ${script}`;
}

test("export | import: in a loop, the trees stay the same", async (box) => {
  await oddities(box);
  let archive = await exported(box, "odd");
  const first = await listing(box, archive);
  const wanted = [
    / -> hard1/,
    /^hrw.* link to /,
    /^c.* 1,3 /,
    /^b.* 7,200 /,
    /^p/,
    /^-rwsr-sr-x 3\/4/,
    /2000000000\/1/,
  ];
  for (const one of wanted) {
    assert(
      first.some((line) => one.test(line)),
      `${one} in\n${first.filter((line) => line.includes("odd/")).join("\n")}`,
    );
  }
  for (let round = 0; round < 3; round++) {
    await box.ok`import ${archive} round${round}`;
    await box.$`run --name round${round} round${round} true`;
    archive = await exported(box, `round${round}`);
    assertSame(await listing(box, archive), first, `round ${round}`);
  }
  const script =
    "cd /odd && cat hard2 deep-link deep-soft && stat -c %h hard1 && stat -c %s sparse && wc -c <sparse";
  assertEquals(
    await box.ok`run --rm round2 sh -c ${script}`,
    "hard\ndeep\ndeep\n3\n3000001\n3000001",
  );
});

test("import → commit → export: everything survives, from whichever layer", async (box) => {
  await oddities(box);
  await box.ok`commit odd odd`;
  await box.ok`run --name plain odd true`;
  await box.ok`run --name touched odd sh -c 'echo >/more'`;
  await box.ok`commit touched odd2`;
  await box.ok`run --name upper odd2 rm /more`;
  const only = async (container: string) =>
    (await listing(box, await exported(box, container))).filter((line) => / odd\//.test(line));
  const expected = await only("odd");
  assert(expected.length > 30);
  assertSame(await only("plain"), expected);
  assertSame(await only("upper"), expected);
});

test("import → commit → export: file capabilities and other extended attributes", async (box) => {
  const root = box.path("xattr");
  const script = `
    mkdir "$0" && cd "$0" && cp "$(readlink -f /bin/busybox)" busybox && setcap cap_net_raw+ep busybox && mkdir dir && : >plain
    setfattr -n user.note -v 'some text' plain && setfattr -n user.dir -v here dir
    setfattr -n trusted.own -v t plain && setfattr -n user.binary -v 0x00ff0a3d plain
    tar --xattrs --xattrs-include='*' -cf "$1" .`;
  const made = await box.exec`sh -c ${script} ${root} ${box.path("xattr.tar")}`;
  assertEquals(made.code, 0, made.stderr);
  await box.ok`import ${box.path("xattr.tar")} attributes`;
  await box.ok`run --name one attributes /busybox touch /new`;
  await box.ok`commit one two`;
  await box.ok`run --name three two /busybox chmod 700 /plain`;
  await box.ok`commit three four`;
  await box.ok`run --name five four /busybox true`;
  const archive = await exported(box, "five");
  const back = `mkdir "$0" && tar --xattrs --xattrs-include='*' -xpf "$1" -C "$0" && cd "$0" && ` +
    `getfattr -d -m - -e hex busybox plain dir | grep -v '^$'; getcap busybox`;
  const { stdout } = await box.exec`sh -c ${back} ${box.path("back")} ${archive}`;
  const original = await box.exec`sh
    -c ${`cd "$0" && getfattr -d -m - -e hex busybox plain dir | grep -v '^$'; getcap busybox`} ${root}`;
  assertEquals(stdout, original.stdout);
  assertMatch(stdout, /cap_net_raw[=+]ep/);
}, await requires("setcap", "setfattr", "getfattr"));

bare("export | import: a real Debian stays the same", async () => {
  await using box = await sandbox("debian");
  await box.ok`run --name one debian bash -c 'rm -r /usr/share/doc; echo x >/new; chown nobody /etc/motd'`;
  const first = await exported(box, "one");
  await box.ok`import ${first} two`;
  await box.ok`run --name two two true`;
  const second = await exported(box, "two");
  assertSame(await listing(box, second), await listing(box, first));
  await box.ok`commit one three`;
  await box.ok`run --name three three true`;
  assertSame(await listing(box, await exported(box, "three")), await listing(box, first));
}, { ...await requires("debian"), seconds: 120 });

bare("run: 120 layers are mounted", async () => {
  await using box = await sandbox("busybox");
  await stack(box, 119);
  const script = "cat /layer119 /layer1; ls / | grep -c ^layer; ls /removed* 2>/dev/null; cat /seed/file";
  assertEquals(await box.ok`run --rm tall sh -c ${script}`, "119\n1\n119\nfrom the image");
  await box.ok`run --name top tall sh -c 'rm /layer1; echo >/last'`;
  await box.ok`commit top taller`;
  assertEquals((await box.inspect("taller")).RootFS.Layers.length, 121);
  assertEquals(await box.ok`run --rm taller sh -c 'ls / | grep -c ^layer'`, "118");
}, { seconds: 450 });

/** Commits so many layers on top of each other, the last of which is "tall". */
async function stack(box: Box, count: number): Promise<void> {
  const script = `
    image=busybox; i=0
    while [ $((i = i + 1)) -le "$1" ]; do
      "$0" run --name c$i $image sh -c "echo $i >/layer$i" && "$0" commit c$i tall >/dev/null || exit
      image=tall
    done
    "$0" rm $("$0" ps -aq) >/dev/null`;
  const { code, stderr } = await box.exec(words`sh -c ${script} ${BIN} ${count}`, { timeout: 400 });
  assertEquals([code, stderr], [0, ""]);
}

test("commit: images stand on their parents, and go in order", async (box) => {
  await box.ok`run --name one busybox sh -c 'echo >/a'`;
  await box.ok`commit one child`;
  await box.ok`rm one`;
  await box.ok`rmi busybox`.catch(() => {});
  assertEquals(await box.ok`run --rm child ls /a`, "/a");
  await box.ok`rmi child`;
  for (const id of (await box.ok`images -q`).split("\n").filter(Boolean)) await box.ok`rmi ${id}`;
  assertEquals([...Deno.readDirSync(`${box.root}/layers`)].filter(({ name }) => !name.startsWith(".")), []);
});

test("import: names that tar escapes in other ways (pax, GNU long names)", async (box) => {
  const long = `${"x".repeat(120)}/${"y".repeat(200)}`;
  const script =
    `mkdir -p "$0/$1" && echo x >"$0/$1/f" && ln -s "$1/f" "$0/l" && ln "$0/$1/f" "$0/h" && tar -C "$0" --format=$2 -cf "$3" .`;
  for (const format of ["pax", "gnu", "posix"]) {
    const archive = box.path(`${format}.tar`);
    assertEquals((await box.exec`sh -c ${script} ${box.path(format)} ${long} ${format} ${archive}`).code, 0);
    await box.ok`import ${archive} ${format}`;
    await box.$`run --name ${format} ${format} /none`;
    const names = (await box.exec`tar -tf ${await exported(box, format, `${format}.out`)}`).stdout;
    assert(names.includes(`${long}/f\n`) && names.includes("\nh\n") && names.includes("\nl\n"), names);
  }
  assert(tar([]).length === 1024);
});
