// The self-extracting form, packed here with a program that prints what it was given: lib/launcher/.

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { outputOf } from "../world/busy.ts";

const PROGRAM = `
const variables = ["HOME", "DENO_DIR", "DENO_NO_UPDATE_CHECK"].map((name) =>
  [name, Deno.env.get("MYDOCKER_ENV_" + name)]
);
console.log(JSON.stringify({ args: Deno.args, self: Deno.env.get("MYDOCKER_SELF"), dir: Deno.env.get("DENO_DIR"),
  caller: Object.fromEntries(variables) }));
`;

interface Report {
  args: string[];
  self: string;
  dir: string;
  caller: Record<string, string>;
}

interface Options {
  args?: string[];
  env?: Record<string, string>;
  cwd?: string;
}

function run(command: string, { args = [], env = {}, cwd = work }: Options = {}) {
  const { code, stdout, stderr } = outputOf(command, {
    args,
    cwd,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env },
    clearEnv: true,
  });
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

/** Runs the packed program and returns what it saw. */
function report(command: string, options: Options): Report {
  const { code, stdout, stderr } = run(command, options);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** Everything under a cache directory, deno's own caches left out. */
function files(dir: string): string[] {
  return [...Deno.readDirSync(dir)].flatMap(({ name, isDirectory }) =>
    name.startsWith("cache-")
      ? []
      : isDirectory
      ? files(`${dir}/${name}`).map((below) => `${name}/${below}`)
      : [name]
  ).map((name) => name.replaceAll(/[0-9a-f]{16}/g, "HASH")).sort();
}

const COMPLETE = [
  ".lock",
  "deno-HASH-fixed/deno",
  "deno-HASH-fixed/js-HASH/full.js",
  "deno-HASH-fixed/js-HASH/own.js",
];

const denoIn = (cache: string) =>
  `${cache}/${[...Deno.readDirSync(cache)].find(({ name }) => name.startsWith("deno-"))!.name}/deno`;

const work = Deno.makeTempDirSync({ dir: "/var/tmp", prefix: "mydocker-selfextract-" });
addEventListener("unload", () => Deno.removeSync(work, { recursive: true }));
Deno.writeTextFileSync(`${work}/full.js`, PROGRAM);
Deno.writeTextFileSync(`${work}/own.js`, 'console.log("own", ...Deno.args);\n');
const packed = `${work}/packed`;
const PACK = new URL("../../lib/launcher/pack.sh", import.meta.url).pathname;
const pack = run("sh", { args: [PACK, Deno.execPath(), packed, `${work}/own.js`, `${work}/full.js`] });
if (pack.code !== 0) throw new Error(pack.stderr);

let caches = 0;
const newCache = () => `${work}/cache${caches++}`;

/** A cache that is complete, for the tests that are not about making it. */
const warm = newCache();
report(packed, { env: { MYDOCKER_CACHE: warm } });

Deno.test("launcher: unpacks once, then only starts", () => {
  const cache = newCache();
  report(packed, { env: { MYDOCKER_CACHE: cache } });
  assertEquals(files(cache), COMPLETE);
  const before = Deno.statSync(denoIn(cache)).ino;
  report(packed, { env: { MYDOCKER_CACHE: cache } });
  assertEquals(Deno.statSync(denoIn(cache)).ino, before);
});

Deno.test("launcher: the first start leaves compiled code for the next ones, and nothing to be put in order", () => {
  const home = denoIn(warm).replace(/deno$/, "");
  const names = [...Deno.readDirSync(home)].map(({ name }) => name);
  const cache = `${home}${names.find((name) => name.startsWith("cache-"))}`;
  const code = new TextDecoder("latin1").decode(Deno.readFileSync(`${cache}/v8_code_cache_v2`));
  const bundles = `${names.find((name) => name.startsWith("js-"))}`;
  for (const name of ["full.js", "own.js"]) assert(code.includes(`/${bundles}/${name}`), name);
  for (let start = 0; start < 3; start++) report(packed, { env: { MYDOCKER_CACHE: warm } });
  // A program that ends as this one does lets deno close its databases, which removes the logs.
  const logs = [...Deno.readDirSync(cache)].filter(({ name }) => name.endsWith("-wal"));
  for (const { name } of logs) assertEquals(Deno.statSync(`${cache}/${name}`).size, 0, name);
});

/** ET_EXEC or ET_DYN (elf(5)). */
const typeOf = (program: string) => Deno.readFileSync(program)[16] === 2 ? "fixed" : "movable";

Deno.test("launcher: deno gets a fixed address, but not with MYDOCKER_PRELINK=0; who changes his mind has both", () => {
  const cache = newCache();
  report(packed, { env: { MYDOCKER_CACHE: cache, MYDOCKER_PRELINK: "0" } });
  const original = Deno.readFileSync(Deno.execPath());
  assertEquals(files(cache), COMPLETE.map((name) => name.replace("-fixed", "")));
  assertEquals(Deno.readFileSync(denoIn(cache)), original);
  report(packed, { env: { MYDOCKER_CACHE: cache } });
  const home = denoIn(cache).replace(/(-fixed)?\/deno$/, "");
  assertEquals([`${home}-fixed/deno`, `${home}/deno`].map(typeOf), ["fixed", "movable"]);
  const { dir } = report(packed, { env: { MYDOCKER_CACHE: cache, MYDOCKER_PRELINK: "0" } });
  assertEquals(dir.startsWith(`${home}/`), true);
});

Deno.test("launcher: a deno of another form stays as it is, and so does one that doesn't run at a fixed address", () => {
  // The one is a script; the other makes a program that runs, but is no deno.
  const broken = '*/fixed) printf "#!/bin/sh\\nexit 3\\n" >"$last" && chmod 755 "$last" && exit ;;';
  for (const [name, special] of [["script", ""], ["broken", broken]]) {
    const deno = `${work}/${name}`;
    const last = "for last do :; done; case ${last-} in";
    Deno.writeTextFileSync(deno, `#!/bin/sh\n${last} ${special} esac\nexec ${Deno.execPath()} "$@"\n`);
    Deno.chmodSync(deno, 0o755);
    const file = `${deno}-packed`;
    assertEquals(run("sh", { args: [PACK, deno, file, `${work}/own.js`, `${work}/full.js`] }).stderr, "");
    const cache = newCache();
    assertEquals(report(file, { args: ["x"], env: { MYDOCKER_CACHE: cache } }).args, ["x"]);
    assertEquals(Deno.readTextFileSync(denoIn(cache)), Deno.readTextFileSync(deno));
  }
});

Deno.test("launcher: a command with a bundle of its own gets that, any other word the one with all", () => {
  const env = { MYDOCKER_CACHE: warm };
  assertEquals(run(packed, { args: ["own", "a b"], env }).stdout, "own own a b\n");
  for (const word of ["own ", "own full", "full", "../own", "*", ""]) {
    assertEquals(report(packed, { args: [word], env }).args, [word]);
  }
});

Deno.test("launcher: arguments arrive byte for byte", () => {
  const args = ["", "a b", "two\nlines\n", "-A", "--version", "$HOME", "*", "'\"\\", "ünïcode", ""];
  assertEquals(report(packed, { args, env: { MYDOCKER_CACHE: warm } }).args, args);
});

Deno.test("launcher: hands over the variables it changes", () => {
  const env = { MYDOCKER_CACHE: warm };
  assertEquals(report(packed, { env }).caller, {});
  assertEquals(report(packed, { env: { ...env, HOME: "", DENO_DIR: "/x\n" } }).caller, {
    HOME: "",
    DENO_DIR: "/x\n",
  });
  // Left in the environment by anyone else, they mean nothing.
  assertEquals(report(packed, { env: { ...env, MYDOCKER_ENV_HOME: "/planted" } }).caller, {});
});

Deno.test("launcher: has the same list of what is kept off deno as the program", () => {
  const source = (path: string) => Deno.readTextFileSync(new URL(`../../lib/${path}`, import.meta.url));
  const names = (text: string) => [...text.matchAll(/[A-Z][A-Z0-9_]+/g)].map(([name]) => name);
  const [, list] = source("launcher/launcher.sh").match(/\nkept_off="([^"]*)"/)!;
  const [, same] = source("base/environment.ts").match(/KEPT_OFF = ([^;]*)`/)!;
  assertEquals(names(list).length > 20, true);
  assertEquals(names(same), ["HOME", ...names(list)]);
});

Deno.test("launcher: nothing of the caller's gets in its way", () => {
  const home = `${work}/home`;
  Deno.mkdirSync(home);
  Deno.writeTextFileSync(`${home}/.npmrc`, "registry=\n");
  Deno.writeTextFileSync(`${home}/deno.json`, "{{{");
  Deno.writeTextFileSync(`${home}/package.json`, "{{{");
  report(packed, { cwd: home, env: { MYDOCKER_CACHE: warm, HOME: home } });
  assertEquals(files(home), [".npmrc", "deno.json", "package.json"]);
});

Deno.test("launcher: copied, linked, called by a relative path, in directories with spaces", () => {
  const odd = `${work}/an odd 'place'`;
  Deno.mkdirSync(`${odd}/sub`, { recursive: true });
  Deno.copyFileSync(packed, `${odd}/copy`);
  Deno.symlinkSync(packed, `${odd}/link`);
  const env = { MYDOCKER_CACHE: `${odd}/cache` };
  const self = (script: string, cwd = odd) =>
    JSON.parse(run("sh", { args: ["-c", script], env, cwd }).stdout).self;
  assertEquals(self("./copy"), `${odd}/copy`);
  assertEquals(self("../copy", `${odd}/sub`), `${odd}/sub/../copy`);
  assertEquals(self("./link"), `${odd}/link`);
  assertEquals(self("PATH=$PATH:$PWD; copy"), `${odd}/copy`);
  assertEquals(self("sh copy"), `${odd}/copy`);
  assertEquals(self("busybox sh ./copy"), `${odd}/copy`);
});

Deno.test("launcher: starts in a directory that is gone", () => {
  const gone = `${work}/gone`;
  Deno.mkdirSync(gone);
  const script = `rmdir ${gone}; exec ${packed} here`;
  const { code, stdout } = run("sh", { args: ["-c", script], env: { MYDOCKER_CACHE: warm }, cwd: gone });
  assertEquals([code, JSON.parse(stdout).args], [0, ["here"]]);
});

Deno.test("launcher: eight first starts at the same time", async () => {
  const cache = newCache();
  const all = await Promise.all(
    Array.from(
      { length: 8 },
      (_, n) => new Deno.Command(packed, { args: [`${n}`], env: { MYDOCKER_CACHE: cache } }).output(),
    ),
  );
  assertEquals(
    all.map(({ code, stdout }) => [code, JSON.parse(new TextDecoder().decode(stdout)).args[0]]),
    all.map((_, n) => [0, `${n}`]),
  );
  assertEquals(files(cache), COMPLETE);
});

/** Waits until some of deno is unpacked, and no more than that. */
async function halfway(cache: string) {
  for (let tries = 0; tries < 2000; tries++) {
    try {
      const started = [...Deno.readDirSync(cache)].find(({ name }) => name.startsWith(".new-mydocker."));
      if (started && Deno.statSync(`${cache}/${started.name}/deno`).size > 0) return;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    await new Promise((done) => setTimeout(done, 1));
  }
  throw new Error("nothing was unpacked");
}

for (const victim of ["the whole group", "only the shell"]) {
  Deno.test(`launcher: works after a kill in the middle of unpacking: ${victim}`, async () => {
    const cache = newCache();
    // setsid makes the shell's pid a process group.
    const first = new Deno.Command("setsid", {
      args: [packed],
      env: { MYDOCKER_CACHE: cache },
      stdout: "null",
    }).spawn();
    await halfway(cache);
    const group = victim === "the whole group" ? [`-${first.pid}`] : [`${first.pid}`];
    assertEquals(run("sh", { args: ["-c", 'kill -9 "$1"', "sh", ...group] }).code, 0);
    assertEquals((await first.status).success, false);
    report(packed, { env: { MYDOCKER_CACHE: cache } });
    assertEquals(files(cache), COMPLETE);
  });
}

Deno.test("launcher: unpacks again what is missing or empty", () => {
  const cache = newCache();
  const env = { MYDOCKER_CACHE: cache };
  report(packed, { env });
  Deno.truncateSync(denoIn(cache));
  report(packed, { env });
  Deno.chmodSync(denoIn(cache), 0o644);
  report(packed, { env });
  const home = denoIn(cache).replace(/deno$/, "");
  const bundles = `${home}${[...Deno.readDirSync(home)].find(({ name }) => name.startsWith("js-"))!.name}`;
  Deno.truncateSync(`${bundles}/full.js`);
  report(packed, { env });
  Deno.removeSync(bundles, { recursive: true });
  report(packed, { env });
  assertEquals(files(cache), COMPLETE);
});

Deno.test("launcher: says in one line why it can't unpack", () => {
  const fails = (cache: string, reason: RegExp, command = packed) => {
    const { code, stdout, stderr } = run(command, { env: { MYDOCKER_CACHE: cache } });
    assertEquals([code, stdout], [125, ""]);
    assertMatch(stderr, /^mydocker: can't unpack itself: [^\n]+ MYDOCKER_CACHE\n$/);
    assertMatch(stderr, reason);
  };
  fails("/proc/nowhere", /\/proc\/nowhere/);
  fails(`${packed}/x`, /Not a directory|File exists/i);
  const shared = newCache();
  Deno.mkdirSync(shared);
  Deno.chmodSync(shared, 0o777);
  fails(shared, /others could write/);

  const size = Deno.statSync(packed).size;
  for (const [name, length] of [["half", Math.floor(size / 2)], ["nearly", size - 9]] as const) {
    Deno.copyFileSync(packed, `${work}/${name}`);
    Deno.truncateSync(`${work}/${name}`, length);
    const cache = newCache();
    fails(cache, /unexpected|EOF|short/i, `${work}/${name}`);
    assertEquals(files(cache), [".lock"]);
  }
});

Deno.test("launcher: a full, a read-only and a noexec file system", () => {
  // In a mount namespace of its own;
  const mountpoint = `${work}/mnt`;
  Deno.mkdirSync(mountpoint);
  const on = (options: string) =>
    run("unshare", {
      args: ["-m", "sh", "-c", `mount -t tmpfs -o ${options} none ${mountpoint} && exec ${packed}`],
      env: { MYDOCKER_CACHE: mountpoint },
    });
  const full = on("size=20m,mode=700");
  assertEquals(full.code, 125);
  assertStringIncludes(full.stderr, "No space left on device");
  const readOnly = on("ro,mode=700");
  assertEquals(readOnly.code, 125);
  assertStringIncludes(readOnly.stderr, "Read-only file system");
  const noexec = on("noexec,mode=700");
  assertEquals(noexec.code, 125);
  assertStringIncludes(noexec.stderr, "Permission denied");
  assertEquals([full, readOnly, noexec].map(({ stderr }) => stderr.split("\n").length), [2, 2, 2]);
});

Deno.test("launcher: root's own cache without MYDOCKER_CACHE, and one in /tmp where that can't be", () => {
  const home = `${work}/roots-home`;
  Deno.mkdirSync(home);
  const script = (options: string) =>
    `mount -t tmpfs -o ${options} none /var/cache && mount -t tmpfs -o mode=1777 none /tmp &&
    ${packed} && ${packed} && exec ls -A /var/cache/mydocker /tmp ${home}`;
  const env = { TMPDIR: home, HOME: home };
  const usual = run("unshare", { args: ["-m", "sh", "-c", script("mode=755")], env });
  assertMatch(usual.stdout, /"dir":"\/var\/cache\/mydocker\/deno-[^]*"HOME":"\/[^]*\ndeno-/);
  const elsewhere = run("unshare", { args: ["-m", "sh", "-c", script("ro")], env });
  assertMatch(elsewhere.stdout, /(.*"dir":"\/tmp\/mydocker-0\/deno-.*\n){2}/);
  assertEquals(files(home), []);
});

Deno.test("launcher: a user's own cache, by links that root made, or in TMPDIR where that can't be", () => {
  const user = ["--reuid=4242", "--regid=4242", "--clear-groups", "--"];
  const start = (env: Record<string, string>) => run("setpriv", { args: [...user, packed], env });
  const as = (path: string) => {
    Deno.mkdirSync(path);
    Deno.chownSync(path, 4242, 4242);
    return path;
  };
  Deno.chmodSync(work, 0o755);
  const home = as(`${work}/user`);
  Deno.symlinkSync(home, `${work}/link`);
  const inside = (place: string) => `"dir":"${place}/deno-`;
  // Where root has it unpacked in /var/cache, nobody needs any other.
  const without = `mount -t tmpfs none /var/cache && exec setpriv ${user.join(" ")} ${packed}`;
  const hidden = (env: Record<string, string>) => run("unshare", { args: ["-m", "sh", "-c", without], env });
  assertStringIncludes(hidden({ HOME: `${work}/link` }).stdout, inside(`${home}/.cache/mydocker`));
  assertStringIncludes(
    start({ MYDOCKER_CACHE: `${home}/.cache/mydocker` }).stdout,
    inside(`${home}/.cache/mydocker`),
  );
  const tmp = as(`${work}/user-tmp`);
  assertStringIncludes(hidden({ HOME: "/nowhere", TMPDIR: tmp }).stdout, inside(`${tmp}/mydocker-4242`));
});
