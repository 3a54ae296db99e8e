// Root file systems for the tests, made once and kept in a cache, and a writer for archives that tar would
// not write.

import { outsideArgv } from "./netns.ts";
import { find } from "./programs.ts";

const CACHE = "/var/tmp/mydocker-test-cache";
/** To be changed with the recipe of the busybox root, whose archive would otherwise be an old one. */
const RECIPE = 4;

const FILES: Record<string, string> = {
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n" +
    "daemon:x:1:1:daemon:/usr/sbin:/bin/false\n" +
    "app:x:1000:1000:App:/home/app:/bin/sh\n" +
    "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
  "etc/group": "root:x:0:\ndaemon:x:1:\nwheel:x:10:root,app\nstaff:x:50:app\napp:x:1000:\nnogroup:x:65534:\n",
  "seed/file": "from the image\n",
  "seed/sub/deep": "deep\n",
  "noexec": "not a program\n",
};

/** Runs a command of the host that has to succeed. */
export async function host(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, stderr: "piped" }).output();
  if (success) return new TextDecoder().decode(stdout);
  throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/**
 * Makes CACHE/NAME with `make`, which gets a temporary path, unless it is there. One at a time, whoever asks.
 */
async function cached(name: string, make: (path: string) => Promise<void>): Promise<string> {
  Deno.mkdirSync(CACHE, { recursive: true });
  const path = `${CACHE}/${name}`;
  using lock = Deno.openSync(`${CACHE}/lock`, { read: true, write: true, create: true });
  await lock.lock(true);
  try {
    Deno.statSync(path);
    return path;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const temporary = `${path}.${crypto.randomUUID()}`;
  await make(temporary);
  Deno.renameSync(temporary, path);
  return path;
}

/**
 * Archive of a root file system of the host's static busybox, with users, a few files to find, and odd
 * owners.
 */
export function busyboxTar(): Promise<string> {
  const busybox = find("busybox");
  if (busybox === undefined) throw new Error("busybox is not installed");
  const { size, mtime } = Deno.statSync(busybox);
  return cached(`busybox-${RECIPE}-${size}-${mtime?.getTime()}.tar`, async (path) => {
    const root = Deno.makeTempDirSync({ dir: CACHE });
    Deno.chmodSync(root, 0o755);
    for (const dir of ["bin", "etc", "home/app", "proc", "root", "seed/sub", "sys", "tmp", "var"]) {
      Deno.mkdirSync(`${root}/${dir}`, { recursive: true });
      Deno.chmodSync(`${root}/${dir}`, 0o755);
    }
    Deno.copyFileSync(busybox, `${root}/bin/busybox`);
    for (const applet of (await host(busybox, "--list")).trim().split("\n")) {
      if (applet !== "busybox") Deno.symlinkSync("busybox", `${root}/bin/${applet}`);
    }
    for (const [name, content] of Object.entries(FILES)) Deno.writeTextFileSync(`${root}/${name}`, content);
    for (const name of Object.keys(FILES)) Deno.chmodSync(`${root}/${name}`, 0o644);
    Deno.chmodSync(`${root}/root`, 0o700);
    Deno.chmodSync(`${root}/tmp`, 0o1777);
    Deno.chmodSync(`${root}/seed`, 0o751);
    Deno.chmodSync(`${root}/seed/file`, 0o640);
    for (const name of ["seed", "seed/file", "home/app"]) Deno.chownSync(`${root}/${name}`, 1000, 1000);
    await host("tar", "-C", root, "--numeric-owner", "-cf", path, ".");
    await host("rm", "-rf", root);
  });
}

/** Archive of a minimal Debian; or why there can be none here. */
export async function debianTar(): Promise<{ path?: string; missing?: string }> {
  try {
    const path = await cached("debian-bookworm-minbase-2.tar", async (path) => {
      if (find("debootstrap") === undefined) throw new Error("debootstrap is not installed");
      const root = `${path}.root`;
      try {
        const [command, ...args] = outsideArgv(["debootstrap", "--variant=minbase", "bookworm", root]);
        await host(command, ...args);
        await host(
          "tar",
          "-C",
          root,
          "--numeric-owner",
          "--exclude=./var/cache/apt/archives/*.deb",
          "-cf",
          path,
          ".",
        );
      } finally {
        await host("rm", "-rf", root);
      }
    });
    return { path };
  } catch (error) {
    return { missing: `needs a Debian root: ${(error as Error).message.split("\n")[0]}` };
  }
}

/** One entry of an archive made by tar(). */
export interface TarEntry {
  name: string;
  /** "0" file, "1" hard link, "2" symlink, "3" character device, "5" directory, "6" fifo. */
  type?: string;
  link?: string;
  data?: string | Uint8Array;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  /** Major and minor number of a device. */
  device?: number[];
  /** The size the header claims, where it is not the data's. */
  size?: number;
}

/**
 * A ustar archive of exactly these entries, with whatever names and sizes they claim, whole or without its
 * end.
 */
export function tar(entries: TarEntry[], end = true): Uint8Array<ArrayBuffer> {
  const blocks = entries.flatMap((entry) => {
    const data = typeof entry.data === "object" ? entry.data : new TextEncoder().encode(entry.data ?? "");
    const padded = new Uint8Array(Math.ceil(data.length / 512) * 512);
    padded.set(data);
    return [header(entry, entry.size ?? data.length), padded];
  });
  if (end) blocks.push(new Uint8Array(1024));
  const whole = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const block of blocks) {
    whole.set(block, at);
    at += block.length;
  }
  return whole;
}

function header(entry: TarEntry, size: number): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(512);
  const put = (at: number, value: string) => block.set(new TextEncoder().encode(value), at);
  const octal = (at: number, length: number, value: number) =>
    put(at, value.toString(8).padStart(length - 1, "0") + "\0");
  const type = entry.type ?? "0";
  put(0, entry.name);
  octal(100, 8, entry.mode ?? (type === "5" ? 0o755 : 0o644));
  octal(108, 8, entry.uid ?? 0);
  octal(116, 8, entry.gid ?? 0);
  octal(124, 12, size);
  octal(136, 12, entry.mtime ?? 1_000_000_000);
  put(148, " ".repeat(8));
  put(156, type);
  put(157, entry.link ?? "");
  put(257, "ustar\x0000");
  octal(329, 8, entry.device?.[0] ?? 0);
  octal(337, 8, entry.device?.[1] ?? 0);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, sum.toString(8).padStart(6, "0") + "\0 ");
  return block;
}
