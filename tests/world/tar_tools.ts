// What the tests of archives share: trees to pack, archives to unpack, and how to tell whether two trees are
// the same.

import { assert } from "@std/assert";
import * as file from "../../ffi/file.ts";
import { getXattr, listXattrs } from "../../ffi/xattr.ts";
import { pack } from "../../lib/layer/pack.ts";
import type { TarEntry } from "../../lib/layer/tar_entry.ts";
import { createTarWriter } from "../../lib/layer/tar_write.ts";

/** A directory under /var/tmp (on a disk, for xattrs and holes) that goes with the test. */
export class Scratch {
  readonly path = Deno.makeTempDirSync({ dir: "/var/tmp", prefix: "mydocker-tar-" });
  fd(name: string): number {
    Deno.mkdirSync(`${this.path}/${name}`, { recursive: true });
    // This process's umask is whatever another worker of the test run just needs it to be.
    Deno.chmodSync(`${this.path}/${name}`, 0o755);
    return file.openat(file.AT_FDCWD, `${this.path}/${name}`, file.O_RDONLY | file.O_DIRECTORY);
  }
  [Symbol.dispose]() {
    Deno.removeSync(this.path, { recursive: true });
  }
}

export function shell(script: string, cwd: string): Uint8Array<ArrayBuffer> {
  const command = new Deno.Command("bash", {
    args: ["-euc", `umask 022; ${script}`],
    cwd,
    env: { TZ: "UTC", LC_ALL: "C" },
  });
  const { success, stdout, stderr } = command.outputSync();
  assert(success, new TextDecoder().decode(stderr));
  return stdout;
}

/** One line per file with everything an archive keeps of it; hard links share their first name. */
export async function manifest(
  dir: number,
  prefix = "",
  links = new Map<bigint, string>(),
): Promise<string[]> {
  const lines: string[] = [];
  for (const { name } of file.entries(dir).sort((a, b) => a.name < b.name ? -1 : 1)) {
    const path = prefix + name;
    const stat = file.stat(dir, name);
    const type = stat.mode & file.S_IFMT;
    const { seconds, nanoseconds } = stat.modified;
    const parts: unknown[] = [
      JSON.stringify(path),
      stat.mode.toString(8),
      stat.uid,
      stat.gid,
      seconds,
      nanoseconds,
    ];
    if (type !== file.S_IFDIR) parts.push(links.get(stat.inode) ?? "first");
    if (stat.links > 1 && !links.has(stat.inode)) links.set(stat.inode, path);
    if (type === file.S_IFLNK) parts.push(file.readlinkat(dir, name));
    if (type === file.S_IFCHR || type === file.S_IFBLK) parts.push(stat.rdevMajor, stat.rdevMinor);
    if (type === file.S_IFREG) parts.push(stat.size, await contentDigest(dir, name));
    for (const attribute of listXattrs(dir, name).sort()) {
      parts.push(attribute, getXattr(dir, name, attribute));
    }
    lines.push(parts.join(" "));
    if (type === file.S_IFDIR) {
      const fd = file.openat(dir, name, file.O_RDONLY | file.O_DIRECTORY);
      lines.push(...await manifest(fd, `${path}/`, links));
      file.close(fd);
    }
  }
  return lines;
}

async function contentDigest(dir: number, name: string): Promise<string> {
  const fd = file.openat(dir, name, file.O_RDONLY);
  const bytes = new Uint8Array(file.stat(fd, "").size);
  for (let at = 0, done; at < bytes.length && (done = file.read(fd, bytes.subarray(at))) > 0;) at += done;
  file.close(fd);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).subarray(0, 8).join("-");
}

/** A tree with one of everything. Names that need PAX or GNU extensions only `extended`. */
export function makeTree(scratch: Scratch, extended = true): number {
  const fd = scratch.fd("tree");
  shell(
    `cd tree; mkdir -p sub/deep setgid sticky; echo hello > file; ln file hard; ln file sub/hard2
     echo script > setuid; chmod 4755 setuid; ln -s file link; ln -s /nowhere dangling; ln dangling hardlink-to-link
     mkfifo fifo; mknod null c 1 3; mknod disk b 7 200; : > empty; head -c 1500000 /dev/urandom > big
     chown 12:34 sub; chown -h 5:6 link; chgrp 50 setgid; chmod 2775 setgid; echo x > setgid/child; chmod 1777 sticky
     chmod 0 empty; touch -d @1000000000 file sub/deep big; touch -hd @1000000001 link; touch -d @7 sub`,
    scratch.path,
  );
  if (extended) {
    shell(
      `cd tree; d=$(printf 'd%.0s' {1..120}); mkdir -p $d/$d/$d; echo deep > $d/$d/$d/$(printf 'f%.0s' {1..200})
       ln -s $(printf 'x/%.0s' {1..150}) long-link; ln $d/$d/$d/f* long-hard; chown 3000000:4000000 setgid/child
       echo u > 'ünï'; echo n > $'new\\nline'; echo b > $'bytes\\xff\\xfe\\x80z'; echo s > ' spaces  '`,
      scratch.path,
    );
  }
  return fd;
}

export async function* chunked(bytes: Uint8Array, length = 1 << 16): AsyncGenerator<Uint8Array> {
  // One memory for all, as callers do: nobody may keep a chunk.
  const buffer = new Uint8Array(length);
  for (let at = 0; at < bytes.length; at += length) {
    const part = bytes.subarray(at, at + length);
    buffer.set(part);
    yield buffer.subarray(0, part.length);
  }
}

export function packed(dir: number, overlay = false): Uint8Array<ArrayBuffer> {
  const chunks: Uint8Array[] = [];
  pack(dir, (chunk) => chunks.push(chunk.slice()), { overlay });
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

export type TarEntryParts = Partial<TarEntry> & { content?: string };

/** An archive of entries with the given parts, and of their content. */
export function archive(...entries: TarEntryParts[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  const writer = createTarWriter((chunk) => chunks.push(chunk.slice()));
  for (const { content = "", ...parts } of entries) {
    const bytes = new TextEncoder().encode(content);
    writer.entry({
      path: "x",
      type: "file",
      linkPath: "",
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      modified: { seconds: 1, nanoseconds: 0 },
      major: 0,
      minor: 0,
      sparse: false,
      ...parts,
    });
    writer.room().set(bytes);
    writer.advance(bytes.length);
    writer.pad(bytes.length);
  }
  writer.end();
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}

/** A copy whose first header has other bytes at `offset`, and a checksum that fits. */
export function withField(tar: Uint8Array, offset: number, text: string): Uint8Array {
  const copy = tar.slice();
  copy.set([...text].map((character) => character.charCodeAt(0)), offset);
  copy.fill(0x20, 148, 156);
  const sum = copy.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  copy.set(new TextEncoder().encode(sum.toString(8).padStart(6, "0") + "\0"), 148);
  return copy;
}

/** A generator of the same numbers for the same seed (mulberry32). */
export function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
