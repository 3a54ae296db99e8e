// What a user of the host leaves about for root's mydocker: in the environment that root may have from him
// (sudo -E, su without "-"), in directories that both can write to, and under names that are known
// beforehand.

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { bare, BIN, Box, requires, type Result, test, words } from "../world/world.ts";
import { refusal, serve } from "../world/registry_server.ts";

/** The user who prepares it. */
const EVIL = 4242;
const DECOY = "a planted program runs as";

/** Where mydocker looks, below the directory of its cache: this file says so itself. */
function inCache(): { deno: string; bundles: string } {
  const script = new TextDecoder("latin1").decode(Deno.readFileSync(BIN).subarray(0, 4096));
  const [, deno, bundle] = script.match(/^deno=(\w+)\nbundle=(\w+)$/m)!;
  return { deno: `deno-${deno}-fixed`, bundles: `js-${bundle}` };
}

/** A directory of the box, its owner and mode as told. */
function directory(box: Box, name: string, owner: number, mode: number): string {
  const path = box.path(name);
  Deno.mkdirSync(path);
  Deno.chownSync(path, owner, owner);
  Deno.chmodSync(path, mode);
  return path;
}

/** Puts a program of his in `place`, where mydocker would have deno: he owns all that he can. */
function plant(place: string): void {
  const { deno, bundles } = inCache();
  const home = `${place}/${deno}`;
  Deno.mkdirSync(`${home}/${bundles}`, { recursive: true });
  Deno.writeTextFileSync(`${home}/deno`, `#!/bin/sh\necho ${DECOY} $(id -u)\n`);
  Deno.chmodSync(`${home}/deno`, 0o755);
  Deno.writeTextFileSync(`${home}/${bundles}/full.js`, "// so that it isn't empty");
  for (const path of [home, `${home}/${bundles}`, `${home}/deno`, `${home}/${bundles}/full.js`]) {
    Deno.chownSync(path, EVIL, EVIL);
  }
}

/**
 * The same, but what he cannot own is said to be root's: a directory that everybody may write to, like
 * /var/tmp, is root's, and a symlink to it where mydocker's would be looks like it to a test that follows
 * symlinks.
 */
function plantInShared(box: Box, place: string): void {
  const { deno } = inCache();
  const shared = directory(box, "shared", 0, 0o1777);
  plant(shared);
  for (const { name } of Deno.readDirSync(`${shared}/${deno}`)) {
    Deno.renameSync(`${shared}/${deno}/${name}`, `${shared}/${name}`);
  }
  Deno.removeSync(`${shared}/${deno}`);
  Deno.symlinkSync(shared, `${place}/${deno}`);
}

/**
 * Root's first `mydocker version`: nothing is in /var/cache and in /tmp but what `prepare` (shell) puts
 * there.
 */
async function firstStart(box: Box, env: Record<string, string>, prepare = ":"): Promise<Result> {
  const mounts = "mount -t tmpfs -o mode=755 none /var/cache && mount -t tmpfs -o mode=1777 none /tmp";
  const script = `${mounts} && ${prepare} && exec ${BIN} version`;
  // Where it does start, it unpacks deno.
  return await box.exec(words`unshare -m sh -c ${script}`, { env, timeout: 60 });
}

function assertOwn({ code, stdout, stderr }: Result): void {
  assertEquals(code, 0, stderr);
  assertMatch(stdout, /^ *Version:/m);
}

function assertRefused({ code, stdout, stderr }: Result): void {
  assertEquals([code, stdout], [125, ""]);
  assertMatch(stderr, /^mydocker: can't unpack itself: [^\n]*others could write to [^\n]* MYDOCKER_CACHE\n$/);
}

bare("root starts nothing from a home, whoever's it is", async () => {
  await using box = new Box();
  const home = directory(box, "home", EVIL, 0o755);
  const cache = directory(box, "home/.cache", EVIL, 0o755);
  plantInShared(box, directory(box, "home/.cache/mydocker", EVIL, 0o755));
  assertOwn(await firstStart(box, { HOME: home }));
  assertOwn(await firstStart(box, { XDG_CACHE_HOME: cache }));
}, { seconds: 90 });

bare("MYDOCKER_CACHE is refused if others can write there, or to any directory on the way", async () => {
  await using box = new Box();
  const open = directory(box, "open", 0, 0o777);
  const group = directory(box, "group", 0, 0o755);
  Deno.chownSync(group, 0, EVIL);
  Deno.chmodSync(group, 0o775);
  const his = directory(box, "his", EVIL, 0o755);
  directory(box, "sticky", 0, 0o1777);
  const places = [
    directory(box, "open/roots", 0, 0o755),
    directory(box, "his/roots", 0, 0o755),
    directory(box, "group/roots", 0, 0o755),
    directory(box, "sticky/his", EVIL, 0o755),
    box.path("sticky"),
    open,
    his,
    group,
  ];
  for (const place of places) {
    plant(place);
    // The old test, [ -O ], asked for the owner of this one alone.
    for (const { name } of Deno.readDirSync(place)) {
      if (name.startsWith("deno-")) Deno.chownSync(`${place}/${name}`, 0, 0);
    }
    assertRefused(await firstStart(box, { MYDOCKER_CACHE: place }));
  }
  // By his symlink, which he can turn round, to a place that he can't write to: he can't turn what it was
  // then.
  const roots = directory(box, "roots", 0, 0o755);
  Deno.symlinkSync(roots, `${his}/link`);
  assertOwn(await firstStart(box, { MYDOCKER_CACHE: `${his}/link` }));
  plantInShared(box, directory(box, "safe", 0, 0o755));
  Deno.symlinkSync(box.path("shared"), `${his}/shared`);
  assertRefused(await firstStart(box, { MYDOCKER_CACHE: `${his}/shared` }));
}, { seconds: 120 });

bare("the place in /tmp may have been made by somebody else, and TMPDIR is his", async () => {
  await using box = new Box();
  const tmp = directory(box, "tmp", EVIL, 0o755);
  plantInShared(box, directory(box, "tmp/mydocker-0", EVIL, 0o755));
  const readOnly = "mount -o remount,ro /var/cache";
  const shared = box.path("shared");
  const his = directory(box, "his", EVIL, 0o755);
  plant(his);
  const harmless = directory(box, "harmless", 0, 0o755);
  for (
    const make of [
      `ln -s ${shared} /tmp/mydocker-0`,
      `ln -s ${tmp}/mydocker-0 /tmp/mydocker-0`,
      `cp -a ${his} /tmp/mydocker-0`,
      `cp -a ${his} /tmp/mydocker-0 && chown 0 /tmp/mydocker-0 && chmod 777 /tmp/mydocker-0`,
      // Nothing of his is run, but neither has he a say in where root writes.
      `ln -s ${harmless} /tmp/mydocker-0`,
    ]
  ) {
    const env: Record<string, string> = make.includes(harmless) ? {} : { TMPDIR: tmp };
    const { code, stdout, stderr } = await firstStart(box, env, `${make} && ${readOnly}`);
    assertEquals([code, stdout], [125, ""], make);
    assertMatch(
      stderr,
      /; (others could write to \/(tmp\/mydocker-0|var\/tmp\/mydocker-test-\w+\/)|\/tmp\/mydocker-0 is a symbolic link)/,
      make,
    );
  }
  assertEquals([...Deno.readDirSync(harmless)], []);
}, { seconds: 60 });

bare("a cache that is not root's is not started from, however it came to be in /var/cache", async () => {
  await using box = new Box();
  const his = directory(box, "his", EVIL, 0o755);
  plant(his);
  const shared = `chown ${EVIL} /var/cache && cp -a ${his} /var/cache/mydocker`;
  const { code, stdout } = await firstStart(box, {}, `${shared} && mount -o remount,ro /tmp`);
  assertEquals([code, stdout], [125, ""]);
}, { seconds: 60 });

/**
 * Every name in deno that could be one of a variable, and what is left of it without what the linker put
 * behind.
 */
async function namesInDeno(): Promise<string[]> {
  const words = "(DENO|NODE|OTEL|NPM|RUST|SSL|SQLITE|XDG|TOKIO|UV|V8|JUPYTER|WEBGPU)_[A-Z0-9_]{2,200}";
  const { stdout } = await new Deno.Command("grep", { args: ["-aoE", words, Deno.execPath()] }).output();
  const found = new TextDecoder().decode(stdout).replaceAll(/(?<=.)(?=(DENO|NODE|OTEL|NPM)_)/g, "\n");
  const names = found.split("\n").filter((name) => name.length > 3 && name.length < 60);
  return [...new Set([...names, ...names.map((name) => name.slice(0, -1)), "SSLKEYLOGFILE", "TMPDIR"])];
}

test("nothing in the environment has deno run, write or say anything", async (box) => {
  const decoy = box.path("decoy.cjs", `console.log("${DECOY}", Deno.uid()); Deno.exit(0);`);
  const loaded = await box.$(["version"], { env: { NODE_OPTIONS: `--require ${decoy}` } });
  assertOwn(loaded);
  assertEquals(loaded.stdout.includes(DECOY), false);

  // Each of them alone was enough for a file, an error or a message from deno.
  const precious = box.path("precious", "as it was");
  const writers = ["DENO_AUDIT_PERMISSIONS", "SSLKEYLOGFILE", "DENO_COVERAGE_DIR"];
  const files = Object.fromEntries(writers.map((name) => [name, precious]));
  const before = (await box.$`version`).stdout;
  assertEquals(
    await box.$(["version"], { env: files }).then(({ stdout, stderr }) => stdout + stderr),
    before,
  );
  assertEquals(Deno.readTextFileSync(precious), "as it was");

  const names = (await namesInDeno()).filter((name) => !name.startsWith("MYDOCKER"));
  for (const expected of ["NODE_OPTIONS", "DENO_V8_FLAGS", "DENO_CONNECTED", "OTEL_DENO"]) {
    assertEquals(names.includes(expected), true, expected);
  }
  for (const value of ["1", `${box.dir}/nowhere`]) {
    const env = Object.fromEntries(names.map((name) => [name, value]));
    const { code, stdout, stderr } = await box.$(["version"], { env });
    assertEquals({ code, stdout, stderr }, { code: 0, stdout: before, stderr: "" });
    const inside = ["sh", "-c", 'echo "$NODE_OPTIONS$DENO_V8_FLAGS"'];
    const passed = ["-e", "NODE_OPTIONS", "-e", "DENO_V8_FLAGS"];
    const ran = await box.$(words`run --rm ${passed} busybox ${inside}`, { env });
    assertEquals([ran.stdout, ran.stderr], [`${value}${value}\n`, ""]);
  }
  const { stdout: made } = await box.exec`find ${box.dir} -path '*/nowhere*'`;
  assertEquals(made, "");
});

test("a root directory that others can write to is refused", async (box) => {
  const refused = async (root: string, place: string) => {
    const { code, stdout, stderr } = await box.$`--root ${root} ps`;
    assertEquals([code, stdout], [125, ""], root);
    assertStringIncludes(
      stderr,
      `can't use ${root} as root directory: others than root could write to ${place},`,
    );
    assertStringIncludes(stderr, "MYDOCKER_ROOT");
  };
  const his = directory(box, "his", EVIL, 0o755);
  const open = directory(box, "open", 0, 0o777);
  const group = directory(box, "group", 0, 0o755);
  Deno.chownSync(group, 0, EVIL);
  Deno.chmodSync(group, 0o775);
  const sticky = directory(box, "sticky", 0, 0o1777);
  for (const place of [his, open, group]) {
    await refused(place, place);
    await refused(`${place}/deep/root`, place);
  }
  await refused(sticky, sticky);
  await refused(directory(box, "sticky/his", EVIL, 0o755), `${sticky}/his`);
  // It is where a link leads that counts.
  Deno.symlinkSync(`${open}/deep/root`, box.path("link"));
  await refused(box.path("link"), open);

  for (const root of [`${sticky}/roots`, box.path("plain")]) {
    assertEquals(await box.ok`--root ${root} ps -q`, "");
    assertEquals(await box.ok`--root ${root} ps -q`, "");
  }
});

test("the firewall's rules are not read from where TMPDIR says", async (box) => {
  // Whoever owns a directory can replace what is in it, between the writing and the reading.
  const env = { MYDOCKER_FIREWALL: "iptables", TMPDIR: box.path("nowhere") };
  await box.ok(words`run --rm -p 127.0.0.1::80 busybox true`, { env });
}, await requires("iptables"));

test("whose home it is has no say in which program asks for a password", async (box) => {
  const home = directory(box, "home", EVIL, 0o755);
  directory(box, "home/.docker", EVIL, 0o755);
  directory(box, "home/docker-credential-..", EVIL, 0o755);
  box.path("home/decoy", `#!/bin/sh\ntouch ${box.dir}/ran\n`, 0o755);
  box.path("home/.docker/config.json", JSON.stringify({ credsStore: "../decoy" }));
  await using server = serve(
    {},
    () => refusal(401, "UNAUTHORIZED", "authentication required", { "www-authenticate": 'Basic realm="x"' }),
  );
  const { stderr } = await box.$(words`pull ${server.host}/nothing`, { env: { HOME: home }, cwd: home });
  assertEquals([...Deno.readDirSync(box.dir)].some(({ name }) => name === "ran"), false);
  assertMatch(stderr, /invalid credential helper: \.\.\/decoy/);
});
