// What unpacking does with archives that are strange, damaged or hostile. Needs root.

import { assert, assertEquals, assertRejects } from "@std/assert";
import * as file from "../../ffi/file.ts";
import { exitCodeOf } from "../../lib/cli/exit_code.ts";
import { Failure } from "../../lib/base/error.ts";
import { unpack } from "../../lib/layer/unpack.ts";
import {
  archive,
  chunked,
  random,
  Scratch,
  shell,
  type TarEntryParts,
  withField,
} from "../world/tar_tools.ts";

Deno.test("later entries replace earlier ones, of whatever type", async () => {
  using scratch = new Scratch();
  const out = scratch.fd("out");
  const layer = archive(
    { path: "a/b/c", content: "deep" },
    { path: "a", content: "file over directory" },
    { path: "b", content: "x" },
    { path: "b/", type: "directory", mode: 0o700 },
    { path: "b/inside", content: "y" },
    { path: "c", type: "symlink", linkPath: "b" },
    { path: "c/", type: "directory", mode: 0o711 },
    { path: "c/new", content: "not in b" },
    { path: "d", content: "old" },
    { path: "e", type: "link", linkPath: "d" },
    { path: "d", content: "new" },
    { path: "e", type: "link", linkPath: "./e" },
  );
  await unpack(chunked(layer), out);
  assertEquals(Deno.readTextFileSync(`${scratch.path}/out/a`), "file over directory");
  assertEquals([...Deno.readDirSync(`${scratch.path}/out/b`)].map(({ name }) => name), ["inside"]);
  assertEquals(file.stat(out, "b").mode & 0o7777, 0o700);
  assertEquals(file.stat(out, "c").mode & 0o7777, 0o711);
  assertEquals(Deno.readTextFileSync(`${scratch.path}/out/d`), "new");
  assertEquals(Deno.readTextFileSync(`${scratch.path}/out/e`), "old");
});

Deno.test("set-ID bits outlast the owner, and owners are ones that the kernel can have", async () => {
  using scratch = new Scratch();
  const out = scratch.fd("out");
  const modes = [0o4755, 0o2755, 0o6711, 0o1777];
  const entries = modes.map((mode): TarEntryParts => ({ path: `f${mode}`, mode, uid: 1000, gid: 1001 }));
  // Made once more, over what is there.
  await unpack(chunked(archive(...entries, ...entries)), out);
  for (const mode of modes) {
    const { mode: found, uid, gid } = file.stat(out, `f${mode}`);
    assertEquals([found & 0o7777, uid, gid], [mode, 1000, 1001]);
  }
  await unpack(chunked(archive({ path: "last", uid: 0xfffffffe, gid: 0xfffffffe })), out);
  assertEquals(file.stat(out, "last").uid, 0xfffffffe);
  for (const owner of [{ uid: 0xffffffff }, { gid: 0xffffffff }]) {
    await assertRejects(
      () => unpack(chunked(archive({ path: "none", ...owner })), out),
      Failure,
      "bad owner",
    );
  }
});

Deno.test("nothing leads out of the root", async () => {
  using scratch = new Scratch();
  const secret = `${scratch.path}/secret`;
  Deno.writeTextFileSync(secret, "untouched");
  const outside = `${"../".repeat(20)}${scratch.path}`;
  const refused: [TarEntryParts[], string][] = [
    [[{ path: "../escaped" }], `"../escaped": it leads out of the root directory`],
    [[{ path: "a/../../escaped" }], "a/../../escaped"],
    [[{ path: "..", type: "directory" }], `".."`],
    [[{ path: "h", type: "link", linkPath: outside + "/secret" }], "leads out"],
    [[{ path: "h", type: "link", linkPath: secret }], "no such file before it"],
    [
      [{ path: "l", type: "symlink", linkPath: scratch.path }, { path: "l/escaped" }],
      "leads to no directory there",
    ],
    [[{ path: "l", type: "symlink", linkPath: "l" }, { path: "l/x" }], "symbolic links"],
    [
      [{ path: "l", type: "symlink", linkPath: secret }, { path: "h", type: "link", linkPath: "l/x" }],
      "no such file before it",
    ],
    [[{ path: "f" }, { path: "f/x" }], `"f" is not a directory`],
    [[{ path: ".wh..." }], "a whiteout of nothing"],
    [[{ path: "./." }], "the root must be a directory"],
    [[{ path: "n".repeat(300) }], "file name too long"],
    [[{ path: "n/".repeat(3000) }], "file name too long"],
    [[{ path: "o", uid: -1 + 2 ** 32 }], "bad owner"],
  ];
  for (const [entries, message] of refused) {
    const attempt = () => unpack(chunked(archive(...entries)), scratch.fd("out"));
    const error = await assertRejects(attempt, Failure, message, `not refused: ${message}`);
    assertEquals(exitCodeOf(error), 1);
    assertEquals(Deno.readTextFileSync(secret), "untouched");
    assertEquals([...Deno.readDirSync(scratch.path)].map(({ name }) => name).sort(), ["out", "secret"]);
    Deno.removeSync(`${scratch.path}/out`, { recursive: true });
  }
  const layer = archive(
    { path: "/abs", content: "a" },
    { path: "in/", type: "directory" },
    { path: "l", type: "symlink", linkPath: "/../../in" },
    { path: "l/through", content: "t" },
    { path: "./in/../in//./dots", content: "d" },
    { path: "s", type: "symlink", linkPath: secret },
    { path: "s", content: "replaced, not followed" },
    { path: "dir", type: "symlink", linkPath: scratch.path },
    { path: "dir", type: "link", linkPath: "dir" },
  );
  await unpack(chunked(layer), scratch.fd("out"));
  shell(
    "cd out; grep -q a abs; grep -q t in/through; grep -q d in/dots; grep -q repl s; test -L dir",
    scratch.path,
  );
  assertEquals(Deno.readTextFileSync(secret), "untouched");
});

Deno.test("missing parents are made, and modes are exact under mydocker's umask", async () => {
  using scratch = new Scratch();
  const umask = Deno.umask(0o022);
  try {
    await unpack(
      chunked(archive({ path: "a/b/c", mode: 0o666 }, { path: "x/", type: "directory", mode: 0o777 })),
      scratch.fd("out"),
    );
  } finally {
    Deno.umask(umask);
  }
  const out = scratch.fd("out");
  const modes = ["a", "a/b", "a/b/c", "x"].map((path) => file.stat(out, path).mode & 0o7777);
  assertEquals(modes, [0o755, 0o755, 0o666, 0o777]);
});

Deno.test("archives that end early or are none are refused", async () => {
  using scratch = new Scratch();
  const whole = archive({ path: "a/", type: "directory" }, {
    path: "long/".repeat(50) + "end",
    content: "x".repeat(1000),
  });
  const attempt = (bytes: Uint8Array) => unpack(chunked(bytes), scratch.fd("out"));
  for (let length = 0; length <= whole.length; length += 64) {
    const cut = whole.subarray(0, length);
    // Cut between entries, or in the last one's padding, an archive is one without its end mark.
    const complete = [0, 512].includes(length) || (length >= 2024 && length <= 2048) || length >= 2560;
    if (complete) await attempt(cut);
    else {await assertRejects(
        () => attempt(cut),
        Failure,
        length < 512 ? "not a tar" : "unexpected end of archive",
      );}
  }
  await assertRejects(
    () => attempt(new TextEncoder().encode("no tar at all".repeat(100))),
    Failure,
    "not a tar",
  );
  const damaged = whole.slice();
  damaged[700] ^= 1;
  await assertRejects(() => attempt(damaged), Failure, "bad checksum in header at byte 512");
  await assertRejects(
    () => attempt(withField(whole, 124, "\x80" + "\x7f".repeat(11))),
    Failure,
    "bad size",
  );
  await assertRejects(() => attempt(withField(whole, 124, "\xff".repeat(12))), Failure, "negative size");
  await assertRejects(() => attempt(withField(whole, 156, "Q")), Failure, `unknown type "Q"`);
});

Deno.test("a full disk is one clear error", async () => {
  using scratch = new Scratch();
  const out = `${scratch.path}/small`;
  shell("mkdir small; mount -t tmpfs -o size=64k tmpfs small", scratch.path);
  try {
    const fd = scratch.fd("small");
    const layer = archive({ path: "dir/big", content: "x".repeat(200_000) });
    await assertRejects(
      () => unpack(chunked(layer), fd),
      Failure,
      `can't unpack "dir/big": no space left on device`,
    );
    file.close(fd);
  } finally {
    shell(`umount ${out}`, "/");
  }
});

/**
 * Some bytes of the archive changed, and mostly the checksums put right again, or nothing would be reached.
 */
function mutated(tar: Uint8Array, next: () => number): Uint8Array {
  const copy = tar.slice();
  const pick = (limit: number) => Math.floor(next() * limit);
  for (let n = 1 + pick(6); n > 0; n--) {
    const block = pick(copy.length / 512) * 512;
    const digit = next() < 0.5;
    copy[block + pick(512)] = digit ? 0x2e + pick(12) : pick(256);
    if (next() < 0.8 && copy[block + 257] === 0x75) {
      copy.set(withField(copy.slice(block, block + 512), 0, ""), block);
    }
  }
  return next() < 0.1 ? copy.subarray(0, pick(copy.length)) : copy;
}

Deno.test("mutated archives unpack or are refused, and write nothing outside", async () => {
  using scratch = new Scratch();
  shell(
    "mkdir tree; cd tree; mkdir -p a/b; echo x > a/b/f; ln a/b/f a/h; ln -s ../../.. up; ln -s / root; mkfifo p",
    scratch.path,
  );
  shell(`cd tree; touch $(printf 'n%.0s' {1..150}); truncate -s 1M hole; echo e >> hole`, scratch.path);
  const seeds = ["gnu", "posix", "oldgnu", "ustar"].map((format) =>
    shell(
      `tar -C tree ${format === "ustar" ? "" : "--sparse"} --format=${format} --exclude=${
        format === "ustar" ? "n*" : "-"
      } -b1 -cf - . ../tree/up`,
      scratch.path,
    )
  );
  const deadline = Date.now() + 5000;
  let refused = 0;
  let count = 0;
  for (; Date.now() < deadline; count++) {
    const next = random(count);
    const out = scratch.fd("out");
    try {
      await unpack(chunked(mutated(seeds[count % seeds.length], next), 512 + count % 700), out);
    } catch (error) {
      assert(error instanceof Failure, `seed ${count}: ${error instanceof Error ? error.stack : error}`);
      refused++;
    }
    file.close(out);
    Deno.removeSync(`${scratch.path}/out`, { recursive: true });
    assertEquals([...Deno.readDirSync(scratch.path)].length, 1, `seed ${count} wrote outside`);
  }
  assert(refused > 0 && refused < count, `${refused} of ${count} refused`);
});
