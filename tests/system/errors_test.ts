// When things go wrong: one clear line that names the thing, docker's exit code, and nothing left behind
// (which every sandbox proves at its end).

import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { BIN, type Box, type Result, test, until, words } from "../world/world.ts";
import { busyboxTar, tar } from "../world/images.ts";

/** One line, with mydocker's prefix. */
function assertOneLine({ stderr }: Result, wanted: string | RegExp): void {
  assertMatch(stderr, /^mydocker: [^\n]+\n$/, stderr);
  if (typeof wanted === "string") assertStringIncludes(stderr, wanted);
  else assertMatch(stderr, wanted);
  assert(!/\bat .*\.(ts|js):\d+|KernelError|undefined|\[object/.test(stderr), stderr);
}

async function assertFails(box: Box, args: string[], code: number, wanted: string | RegExp): Promise<void> {
  const result = await box.$(args);
  assertEquals(result.code, code, `${args.join(" ")}: ${result.stdout}${result.stderr}`);
  assertOneLine(result, wanted);
}

test("run: a command that is not there is 127", async (box) => {
  await assertFails(box, ["run", "busybox", "nosuch"], 127, /"nosuch".*executable file not found in \$PATH/);
  await assertFails(box, ["run", "busybox", "/no/such"], 127, /"\/no\/such".*no such file or directory/);
  for (const code of (await box.ok`ps -a --format {{.Status}}`).split("\n")) {
    assertEquals(code, "Created");
  }
});

test("run: a command that can't be executed is 126", async (box) => {
  await assertFails(box, ["run", "--rm", "busybox", "/noexec"], 126, /"\/noexec".*permission denied/);
  await assertFails(
    box,
    ["run", "--rm", "busybox", "/etc"],
    126,
    /"\/etc".*(permission denied|is a directory)/,
  );
  await assertFails(
    box,
    ["run", "--rm", "-e", "PATH=/", "busybox", "noexec"],
    126,
    /"noexec".*permission denied/,
  );
  await assertFails(box, ["run", "--rm", "-w", "/seed", "busybox", "./file"], 126, "permission denied");
});

test("run: a program for another machine, or no program at all, says so", async (box) => {
  const elf = new Uint8Array(Deno.readFileSync("/bin/busybox").slice(0, 4096));
  elf[18] = 243; // e_machine: RISC-V
  const entries = {
    riscv: elf,
    empty: new Uint8Array(),
    text: new TextEncoder().encode("echo no shebang\n"),
  };
  for (const [name, content] of Object.entries(entries)) {
    const volume = `${box.path(name, content, 0o755)}:/program`;
    const result = await box.$`run --rm -v ${volume} busybox /program`;
    assert([1, 126].includes(result.code), `${name}: ${result.code}`);
    assertMatch(result.stderr, /exec.*\/program.*exec format error/i);
  }
  const script = box.path("script", "#!/no/such/interpreter\n", 0o755);
  const missing = await box.$`run --rm -v ${script}:/program busybox /program`;
  assert([1, 127].includes(missing.code));
  assertMatch(missing.stderr, /\/program.*no such file or directory/);
});

test("errors: not root", async (box) => {
  await box.$`ps`;
  Deno.chmodSync(box.dir, 0o755);
  for (const args of [["run", "busybox", "true"], ["import", await busyboxTar(), "x"], ["ps"]]) {
    const env = { HOME: box.dir, MYDOCKER_CACHE: "" };
    const result = await box.exec(words`setpriv --reuid 65534 --regid 65534 --clear-groups ${BIN} ${args}`, {
      env,
    });
    assertNotEquals(result.code, 0);
    assertMatch(result.stderr, /root|permission/i);
    assert(!/\bat .*\.ts:\d+/.test(result.stderr), result.stderr);
    assertEquals(result.stderr.trim().split("\n").length, 1, result.stderr);
  }
});

test("errors: the root directory can't be used", async (box) => {
  const file = box.path("file", "");
  for (const root of [`${file}/root`, file, "/proc/nope", "/sys/nope"]) {
    const result = await box.$(["ps"], { env: { MYDOCKER_ROOT: root } });
    assertEquals(result.code, 125, root);
    assertOneLine(result, root);
    assertMatch(result.stderr, /--root|MYDOCKER_ROOT/);
  }
});

test("errors: the root directory is on a read-only file system", async (box) => {
  const script = `mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$0" "$@"`;
  for (const args of [["run", "--rm", "busybox", "true"], ["import", await busyboxTar(), "x"]]) {
    const result = await box.exec`unshare -m sh -c ${script} ${BIN} ${box.root} ${args}`;
    assert([1, 125].includes(result.code), result.stderr);
    assertOneLine(result, /read-only file system/i);
    assertStringIncludes(result.stderr, box.root);
  }
});

test("errors: unknown image", async (box) => {
  await assertFails(box, ["run", "--pull", "never", "nosuch", "true"], 125, /nosuch:latest/);
  await assertFails(box, ["run", "--pull", "never", "nosuch:v1", "true"], 125, /nosuch:v1/);
  await assertFails(
    box,
    ["run", "UPPER", "true"],
    125,
    /invalid reference format: repository name must be lowercase/,
  );
  await assertFails(box, ["run", "a b", "true"], 125, /invalid reference format/);
  await assertFails(box, ["tag", "nosuch", "x"], 1, /No such image: nosuch:latest/);
  await assertFails(box, ["rmi", "nosuch"], 1, /No such image: nosuch/);
  await assertFails(box, ["rmi", "0123456789ab"], 1, /No such image: 0123456789ab/);
});

test("errors: unknown container", async (box) => {
  for (const command of ["logs", "rm", "export"]) {
    await assertFails(box, [command, "nosuch"], 1, /No such container: nosuch/);
  }
  await assertFails(box, ["commit", "nosuch", "x"], 1, /No such container: nosuch/);
});

test("run --name: a name that is taken", async (box) => {
  await box.ok`run --name taken busybox true`;
  const { Id } = await box.inspect("taken");
  const message = `Conflict. The container name "/taken" is already in use by container "${Id}"`;
  await assertFails(box, ["run", "--name", "taken", "busybox", "true"], 125, message);
  await assertFails(box, ["run", "--rm", "--name", "/taken", "busybox", "true"], 125, message);
  assertEquals((await box.ok`ps -aq`).split("\n").length, 1);
});

test("errors: unknown commands and flags are one line with a suggestion", async (box) => {
  await assertFails(box, ["rnu"], 1, /'rnu' is not a mydocker command.*'run'/);
  await assertFails(box, ["volume", "craete"], 1, /'volume craete'.*'volume create'/);
  await assertFails(box, ["run", "--nmae", "x", "busybox"], 125, /--nmae.*--name/);
  await assertFails(box, ["ps", "-Z"], 125, /unknown shorthand flag: 'Z' in -Z/);
  await assertFails(box, ["run", "--name"], 125, /flag needs an argument: --name/);
  await assertFails(box, ["run", "-e"], 125, /flag needs an argument: 'e' in -e/);
  await assertFails(box, ["--nosuch", "ps"], 125, /unknown flag: --nosuch/);
  await assertFails(box, ["-Zx", "ps"], 125, /unknown shorthand flag: 'Z' in -Zx/);
  for (const args of ["run", "create", "rm", "tag x", "ps x", "logs", "commit", "volume rm", "exec c"]) {
    const result = await box.$(args.split(" "));
    assertEquals(result.code, 1, args);
    assertMatch(result.stderr, /requires|accepts/, args);
  }
});

test("errors: a group of commands says what it doesn't know, and looks for what was meant in itself", async (box) => {
  for (const group of ["container", "image", "network", "system", "volume"]) {
    const see = `See 'mydocker ${group} --help'.`;
    await assertFails(box, [group, "--bad=1", "ls"], 125, `unknown flag: --bad. ${see}`);
    await assertFails(box, [group, "-Z"], 125, `unknown shorthand flag: 'Z' in -Z. ${see}`);
    await assertFails(box, [group, "bad"], 1, `'${group} bad' is not a mydocker command. ${see}`);
  }
  await assertFails(box, ["container", "rnu"], 1, /Did you mean 'container run'\? See 'mydocker container/);
});

test("errors: what is far from every command is not taken for one", async (box) => {
  for (const command of ["push", "login", "swarm", "build"]) {
    await assertFails(box, [command], 1, `'${command}' is not a mydocker command. See 'mydocker --help'.`);
  }
});

test("errors: every command has --help", async (box) => {
  const overview = await box.ok`--help`;
  for (
    const command of "run ps logs rm commit export inspect images import rmi tag version info".split(" ")
  ) {
    assertMatch(overview, new RegExp(`^ +${command} `, "m"));
    const help = await box.ok`${command} --help`;
    assertMatch(help, new RegExp(`^Usage:\\s+mydocker ${command}`, "m"));
  }
  assertMatch(await box.ok`container ls --help`, /^Usage:\s+mydocker container ls/);
  assertMatch(
    (await box.$`container ls x`).stderr,
    /"mydocker container ls" accepts no arguments/,
  );
  const container = await box.ok`container --help`;
  for (const command of "run stop ls inspect prune".split(" ")) {
    assertMatch(container, new RegExp(`^ +${command} `, "m"));
  }
  for (const command of ["create", "ls", "inspect", "rm", "prune"]) {
    assertMatch(
      await box.ok`volume ${command} --help`,
      new RegExp(`Usage:\\s+mydocker volume ${command}`),
    );
  }
});

test("errors: the overview says of each command what its own --help says", async (box) => {
  const commands = (await box.ok`--help`).split("Management Commands")[0];
  const lines = [...commands.matchAll(/^ +([a-z]+) +(\S.*)$/gm)];
  assert(lines.length > 20, commands);
  for (const [, command, summary] of lines) {
    const [, own] = (await box.ok`${command} --help`).split("\n\n");
    assert(own.startsWith(summary), `${command}: ${own}`);
  }
});

test("import: archives that are cut off or none at all", async (box) => {
  const whole = Deno.readFileSync(await busyboxTar());
  const before = await box.ok`images -q`;
  const cases: [string, Uint8Array][] = [
    ["in a header", whole.slice(0, 20100)],
    ["in a file", whole.slice(0, 700_000)],
    ["words", new TextEncoder().encode("this is not a tar\n")],
    ["noise", crypto.getRandomValues(new Uint8Array(2000))],
  ];
  for (const [what, bytes] of cases) {
    const result = await box.$(words`import - bad`, { stdin: bytes });
    assertEquals(result.code, 1, what);
    assertOneLine(result, /./);
    const file = await box.$`import ${box.path("bad.tar", bytes)} bad`;
    assertEquals(file.code, 1, what);
    assertStringIncludes(file.stderr, "bad.tar");
  }
  assertEquals(await box.ok`images -q`, before);
});

test("import: compressed archives that are cut off", async (box) => {
  const gz = await gzip(Deno.readFileSync(await busyboxTar()));
  for (const bytes of [gz.slice(0, 5), gz.slice(0, gz.length / 2 | 0), gz.slice(0, gz.length - 4)]) {
    const result = await box.$(words`import - bad`, { stdin: bytes });
    assertEquals(result.code, 1);
    assertOneLine(result, /./);
  }
  const damaged = gz.slice();
  damaged[gz.length >> 1] ^= 255;
  assertEquals((await box.$(words`import - bad`, { stdin: damaged })).code, 1);
});

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

test("import: files that are not there, or no files", async (box) => {
  await assertFails(box, ["import", "/no/such.tar", "x"], 1, /\/no\/such\.tar.*no such file or directory/i);
  await assertFails(box, ["import", box.dir, "x"], 1, /is a directory/i);
  await assertFails(box, ["import", await busyboxTar(), "Bad:UPPER"], 1, /repository name must be lowercase/);
  await assertFails(box, ["import", await busyboxTar(), "foo:"], 1, /invalid reference format/);
});

test("import: no name leads out of the layer", async (box) => {
  const outside = box.path("outside");
  Deno.mkdirSync(outside);
  const deep = "../".repeat(20);
  const archives: Record<string, Parameters<typeof tar>[0]> = {
    "..": [{ name: `${deep}${outside.slice(1)}/evil`, data: "x" }],
    "absolute": [{ name: `${outside}/evil`, data: "x" }],
    "symlink, then a file through it": [{ name: "l", type: "2", link: outside }, {
      name: "l/evil",
      data: "x",
    }],
    "relative symlink": [{ name: "l", type: "2", link: deep + outside.slice(1) }, {
      name: "l/evil",
      data: "x",
    }],
    "symlink as a file": [{ name: "l", type: "2", link: `${outside}/evil` }, { name: "l", data: "x" }],
    "hard link out": [{ name: "h", type: "1", link: `${deep}etc/passwd` }],
    "hard link through a symlink": [{ name: "l", type: "2", link: "/etc" }, {
      name: "h",
      type: "1",
      link: "l/passwd",
    }],
    "directory over a symlink": [{ name: "l", type: "2", link: outside }, {
      name: "l",
      type: "5",
      mode: 0o777,
    }, {
      name: "l/evil",
      data: "x",
    }],
    "mode through a symlink": [{ name: "l", type: "2", link: outside, mode: 0o777, uid: 99 }],
    "chain": [{ name: "a", type: "2", link: "b" }, { name: "b", type: "2", link: outside }, {
      name: "a/evil",
      data: "x",
    }],
  };
  for (const [what, entries] of Object.entries(archives)) {
    const { code, stderr } = await box.$(words`import - evil`, { stdin: tar(entries) });
    assert(code === 0 || code === 1, `${what}: ${code}`);
    if (code === 1) assertMatch(stderr, /^mydocker: [^\n]+\n$/, what);
    assertEquals([...Deno.readDirSync(outside)], [], what);
    assertEquals([Deno.statSync(outside).mode! & 0o777, Deno.statSync(outside).uid], [0o755, 0], what);
    const passwd = Deno.statSync("/etc/passwd");
    for (const layer of Deno.readDirSync(`${box.root}/layers`)) {
      if (layer.name.startsWith(".")) continue;
      try {
        const linked = Deno.lstatSync(`${box.root}/layers/${layer.name}/diff/h`);
        assert(linked.ino !== passwd.ino, what);
      } catch (error) {
        assert(error instanceof Deno.errors.NotFound, String(error));
      }
    }
    if (code === 0) await box.ok`rmi -f evil`;
  }
});

test("import: a full disk in the middle of it", async (box) => {
  const big = tar([{ name: "a", data: "a".repeat(3_000_000) }, { name: "b", data: "b".repeat(3_000_000) }]);
  const archive = box.path("big.tar", big);
  const script = `
    mkdir -p "$1" && mount -t tmpfs -o mode=755,size=4m tmpfs "$1" && export MYDOCKER_ROOT="$1"
    "$0" import "$2" big; echo "rc=$?"
    "$0" images -q
    "$0" ps -a >/dev/null && "$0" import - small </dev/null >/dev/null; echo "next=$?"
    find "$1" -type f -size +100k; ls "$1/tmp" "$1/layers"; df "$1" | awk 'NR == 2 { print ($3 < 1000) ? "free" : $3 }'`;
  const result = await box.exec`unshare -m sh -c ${script} ${BIN} ${box.dir}/small ${archive}`;
  assertMatch(result.stdout, /^rc=1\nnext=0\n/, result.stdout + result.stderr);
  assertMatch(result.stdout, /free\n$/, result.stdout);
  assertOneLine(result, /no space left on device/i);
});

test("run: a full disk under the container", async (box) => {
  const script = `
    mkdir -p "$1" && mount -t tmpfs -o mode=755,size=8m tmpfs "$1" && export MYDOCKER_ROOT="$1"
    "$0" import "$2" busybox >/dev/null || exit 9
    head -c 100000000 /dev/zero >"$1/fill" 2>/dev/null
    "$0" run --name full busybox echo hi; echo "rc=$?"
    rm "$1/fill"; "$0" run --rm --name full busybox echo after; echo "rc=$?"; "$0" ps -a -q; ls "$1/tmp"`;
  const argv = ["unshare", "-m", "sh", "-c", script, BIN, `${box.dir}/small`, await busyboxTar()];
  const { stdout, stderr } = await box.exec(argv);
  assertEquals(stdout, "rc=125\nafter\nrc=0\n", stderr);
  assertMatch(stderr, /no space left on device/i);
});

test("run -v: relative and empty paths, odd modes, impossible targets", async (box) => {
  const cases: [string, RegExp][] = [
    ["rel/sub:/x", /"rel\/sub" includes invalid characters for a local volume name.*absolute path/],
    [":/x", /invalid/],
    ["/x:", /invalid/],
    ["/tmp:rel", /'?rel'? mount path must be absolute/],
    ["/tmp:/x:foo", /invalid mode: foo/],
    ["/tmp:/", /destination can't be '\/'/],
    ["a:/x", /volume name is too short/],
    ["/a:/b:ro:z", /invalid/],
  ];
  for (const [volume, message] of cases) {
    await assertFails(box, ["run", "--rm", "-v", volume, "busybox", "true"], 125, message);
  }
  await assertFails(
    box,
    ["run", "--rm", "-v", "/tmp:/x", "-v", "/var:/x", "busybox", "true"],
    125,
    /Duplicate mount point: \/x/,
  );
  const missing = ["run", "--rm", "--mount", "type=bind,source=/no/such,target=/x", "busybox", "true"];
  await assertFails(
    box,
    missing,
    125,
    /invalid mount config for type "bind": bind source path does not exist: \/no\/such/,
  );
  await assertFails(box, ["run", "--rm", "--mount", "type=nope,target=/x", "busybox", "true"], 125, /nope/);
  await assertFails(
    box,
    ["run", "--rm", "--mount", "type=bind,source=rel,target=/x", "busybox", "true"],
    125,
    /absolute/,
  );
  assertEquals(await box.ok`volume ls -q`, "");
});

test("run -v: a directory on a file, and a file on a directory", async (box) => {
  const file = box.path("file", "x");
  for (const volume of [`${box.dir}:/etc/passwd`, `${file}:/seed`]) {
    const { code, stderr } = await box.$`run --rm -v ${volume} busybox true`;
    assert([125, 126, 127].includes(code), `${volume}: ${code}`);
    assertMatch(stderr, /^mydocker: [^\n]+\n$/);
    assertStringIncludes(stderr, volume.split(":")[1]);
  }
});

test("run: a damaged store is said, not crashed over", async (box) => {
  await box.ok`run --name good busybox true`;
  await box.ok`run --name bad busybox true`;
  const { Id } = await box.inspect("bad");
  Deno.writeTextFileSync(`${box.root}/containers/${Id}/config.json`, '{"id": "tru');
  const list = await box.$`ps -a --format {{.Names}}`;
  assertEquals([list.code, list.stdout], [0, "good\n"]);
  assertMatch(list.stderr, /config\.json/);
  assertEquals((await box.$`rm bad`).code, 1);
  await box.ok`rm -f bad`;
  await box.ok`run --rm --name bad busybox true`;
  const [image] = [...Deno.readDirSync(`${box.root}/images`)].filter(({ name }) => name.endsWith(".json"));
  const config = Deno.readTextFileSync(`${box.root}/images/${image.name}`);
  Deno.writeTextFileSync(`${box.root}/images/${image.name}`, "");
  const broken = await box.$`run --rm busybox true`;
  assertEquals(broken.code, 125);
  assertOneLine(broken, /damaged/);
  Deno.writeTextFileSync(`${box.root}/images/${image.name}`, config);
  await box.ok`run --rm busybox true`;
});

test("rm: a container that runs is refused without -f", async (box) => {
  await using running = box.spawn`run --name busy busybox sleep 1000`;
  const pid = await box.pidOf("busy");
  const { Id } = await box.inspect("busy");
  await assertFails(box, ["rm", "busy"], 1, `cannot remove a running container ${Id}. Stop the container`);
  assertEquals(await box.ok`rm -f busy`, "busy");
  assertEquals((await running.end()).code, 137);
  await until("its process is gone", () => {
    try {
      Deno.statSync(`/proc/${pid}`);
      return false;
    } catch {
      return true;
    }
  });
});
