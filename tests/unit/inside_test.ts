// Rule (b) of docs/architecture.md: what is opened inside a container or an image is opened by
// lib/layer/inside.ts; and what that opens, and what is read of users and groups with it.

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "../world/world.ts";
import { resolveIdentity } from "../../lib/lifecycle/identity.ts";
import { openDeviceInside, openFileInside, openInside, readInside } from "../../lib/layer/inside.ts";
import { KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { raw } from "../../ffi/libc.ts";
import { NR } from "../../ffi/nr.ts";

const REPOSITORY = new URL("../..", import.meta.url).pathname;

function* sources(dir: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(`${REPOSITORY}${dir}`)) {
    if (isDirectory) yield* sources(`${dir}/${name}`);
    else if (name.endsWith(".ts")) yield `${dir}/${name}`;
  }
}

Deno.test("nothing but inside.ts and kernel programs resolve paths in roots of others", () => {
  const found = [...sources("lib"), "main.ts"].filter((path) =>
    /RESOLVE_(IN_ROOT|BENEATH|NO_SYMLINKS|NO_MAGICLINKS)|openat2\(/.test(
      Deno.readTextFileSync(REPOSITORY + path),
    )
  );
  // A directory of the cgroup file system, which is the host's own.
  const others = ["lib/cgroup/remove.ts"];
  const programs = ["directory", "isolation"].map((name) => `lib/keeper/${name}_program.ts`);
  assertEquals(found.sort(), ["lib/layer/inside.ts", ...others, ...programs].sort());
});

Deno.test("nothing but root.ts enters a container's root by /proc", () => {
  const found = [...sources("lib"), ...sources("ffi")].filter((path) =>
    /\/proc\/\$\{[^}]*\}\/(root|cwd)/.test(Deno.readTextFileSync(REPOSITORY + path))
  );
  assertEquals(found, ["lib/lifecycle/root.ts"]);
});

/** A root directory with these files (shell lines), as a descriptor. */
async function makeRoot(dir: string, lines: string): Promise<number> {
  await new Deno.Command("sh", { args: ["-ec", lines], cwd: dir }).output();
  return file.openat(file.AT_FDCWD, dir, file.O_PATH | file.O_DIRECTORY);
}

test("opened inside are regular files and the device that is wanted, of whatever is there", async (box) => {
  const root = await makeRoot(
    box.dir,
    `mkdir dir; echo text >file; ln -s /file link; ln -s /proc/self/root magic; mkfifo fifo
     mknod null c 1 3; mknod zero c 1 5; mknod block b 1 3; ln -s /null tonull; ln -s ../../../etc/passwd out
     mkdir proc; mount --bind /proc proc 2>/dev/null || true`,
  );
  try {
    for (const path of ["file", "/file", "link", "../link"]) {
      assertEquals(readInside(root, path, 100), "text\n");
    }
    assertEquals(readInside(root, "file", 3), "tex");
    for (const path of ["dir", "fifo", "null", "zero", "block", "out", "missing", "file/x"]) {
      assertEquals([path, openFileInside(root, path)], [path, undefined]);
    }
    const device = (path: string) => {
      const fd = openDeviceInside(root, path, { major: 1, minor: 3 });
      if (fd !== undefined) file.close(fd);
      return fd !== undefined;
    };
    assertEquals(["null", "tonull", "zero", "block", "file", "fifo", "dir"].map(device), [
      ...[true, true, false, false, false, false, false],
    ]);
    assertThrows(() => openInside(root, "/proc/self/root/etc"), Error, "symbolic links");
  } finally {
    file.close(root);
    await new Deno.Command("umount", { args: [`${box.dir}/proc`] }).output();
  }
});

Deno.test("what has no size is not read: procfs has files that are the host's, or that wait", () => {
  const root = file.openat(file.AT_FDCWD, "/proc", file.O_PATH | file.O_DIRECTORY);
  assertEquals(readInside(root, "filesystems", 1 << 20), "");
  file.close(root);
});

Deno.test("a lease on a file is not waited for", () => {
  const dir = Deno.makeTempDirSync();
  Deno.writeTextFileSync(`${dir}/passwd`, "text\n");
  const root = file.openat(file.AT_FDCWD, dir, file.O_PATH | file.O_DIRECTORY);
  const holder = file.openat(root, "passwd", file.O_RDWR);
  const [F_SETSIG, F_SETLEASE, F_WRLCK] = [10, 1024, 1];
  // The holder is asked to give it back by a signal that does nothing.
  const SIGURG = 23;
  assertEquals(raw(NR.fcntl, holder, F_SETSIG, SIGURG), 0);
  assertEquals(raw(NR.fcntl, holder, F_SETLEASE, F_WRLCK), 0);
  const error = assertThrows(() => readInside(root, "passwd", 100), KernelError);
  assertEquals(error.errno, "EAGAIN");
  file.close(holder);
  assertEquals(readInside(root, "passwd", 100), "text\n");
  file.close(root);
  Deno.removeSync(dir, { recursive: true });
});

test("numbers in /etc/passwd and /etc/group are decimal and in range, or the line is none", async (box) => {
  const passwd = [
    ...["root:x:0:0::/root:/bin/sh", "exp:x:1e3:1000::/", "hex:x:0x10:0::/", "big:x:4294967296:0::/"],
    ...[
      "gid:x:7:4294967296::/",
      "neg:x:-1:0::/",
      "empty:x:::/",
      "space:x: 5:0::/",
      "short",
      "  ok:x:1000:1000::/home/ok  ",
    ],
    ...["# root:x:5:5::/", "second:x:2147483647:1::/"],
  ];
  const group = [
    "root:x:0:",
    "evil:x:0x0:ok,root",
    "big:x:4294967296:ok,root",
    "wheel:x:10:ok,root",
    "short:x",
  ];
  Deno.mkdirSync(box.path("etc"));
  box.path("etc/passwd", passwd.join("\n"));
  box.path("etc/group", group.join("\r\n"));
  const root = await makeRoot(box.dir, "true");
  const unknown = "no matching entries in passwd file";
  for (const name of ["exp", "hex", "big", "gid", "neg", "empty", "space", "short", "#", "# root"]) {
    assertThrows(() => resolveIdentity(root, name), Error, unknown);
  }
  assertEquals(resolveIdentity(root, "ok"), { uid: 1000, gid: 1000, groups: [1000, 10], home: "/home/ok" });
  assertEquals(resolveIdentity(root, "0").groups, [0, 10]);
  assertEquals(resolveIdentity(root, "2147483647").gid, 1);
  for (const spec of ["4294967296", "2147483648", "0:4294967296", "99999999999999999999"]) {
    assertThrows(() => resolveIdentity(root, spec), Error, "must be in range 0-2147483647");
  }
  assertThrows(() => resolveIdentity(root, "0", ["4294967296"]), Error, "must be in range");
  for (const name of ["evil", "big", "1e3"]) {
    assertThrows(() => resolveIdentity(root, `0:${name}`), Error, "no matching entries in group file");
    assertThrows(() => resolveIdentity(root, "0", [name]), Error, "no matching entries in group file");
  }
  file.close(root);
});
