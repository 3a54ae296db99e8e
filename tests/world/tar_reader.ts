// What is in a tar archive, as somebody else's reader has it (npm's tar-stream), and what should be in one of
// a directory, as the kernel says. Nothing of mydocker's own reader and writer is in here.

// @ts-types="./tar_stream.d.ts"
import { extract, type Header } from "tar-stream";
import { encodeName } from "../../ffi/bytes.ts";
import * as file from "../../ffi/file.ts";
import { getXattr, listXattrs } from "../../ffi/xattr.ts";

/** A file: its path from where the archive or the directory begins, and all else in words. */
export type Listing = Map<string, string>;

const XATTR = "SCHILY.xattr.";
const lossy = new TextDecoder();
const S_PERMISSIONS = 0o7777;

interface Facts {
  type: string;
  mode: number;
  uid: number;
  gid: number;
  /** "1234567890.5" */
  time: string;
  /** Of a symlink. */
  target?: string;
  /** Of a device. */
  device?: [major: number, minor: number];
  xattrs: [name: string, value: string][];
  content?: string;
}

function line({ type, mode, uid, gid, time, target, device, xattrs, content }: Facts): string {
  const attributes = xattrs.sort(([a], [b]) => a < b ? -1 : 1);
  // A symlink's mode means nothing.
  const permissions = type === "symlink" ? "" : mode.toString(8);
  return JSON.stringify([type, permissions, uid, gid, time, target, device, attributes, content]);
}

async function digest(parts: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  const bytes = new Uint8Array(await new Blob(all as BlobPart[]).arrayBuffer());
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `${bytes.length} bytes, ${hash.subarray(0, 8).toHex()}`;
}

/**
 * The entries of an archive, those below `folder` ("tree/") by their paths from there; names of one file
 * stand together.
 */
export async function readArchive(archive: Uint8Array, folder = ""): Promise<Listing> {
  const facts = new Map<string, string>();
  const names = new Map<string, string[]>();
  const reader = extract();
  reader.end(archive);
  for await (const entry of reader) {
    const { header } = entry;
    const content = await digest(entry);
    const name = plain(header.name);
    if (header.type === "link") {
      const first = plain(header.linkname!);
      if (!names.has(first)) throw new Error(`${name} is a link to ${first}, which does not come before it`);
      names.get(first)!.push(name);
      continue;
    }
    if (facts.has(name)) throw new Error(`${name} is there twice`);
    facts.set(name, line(factsOf(header, content)));
    names.set(name, [name]);
  }
  return below(folder, [...facts].map(([name, text]) => [names.get(name)!, text]));
}

const plain = (name: string) => name.replace(/^\.\//, "").replace(/\/$/, "");

function factsOf(header: Header, content: string): Facts {
  const pax = header.pax ?? {};
  const { type } = header;
  return {
    type,
    mode: header.mode,
    uid: Number(pax.uid ?? header.uid),
    gid: Number(pax.gid ?? header.gid),
    time: pax.mtime ?? String(header.mtime.getTime() / 1000),
    target: type === "symlink" ? header.linkname! : undefined,
    device: type.endsWith("-device") ? [header.devmajor, header.devminor] : undefined,
    xattrs: Object.entries(pax).filter(([key]) => key.startsWith(XATTR)).map(([key, value]) =>
      [key.slice(XATTR.length), value] as [string, string]
    ),
    content: type === "file" ? content : undefined,
  };
}

function below(folder: string, files: [names: string[], text: string][]): Listing {
  const found: [string, string][] = files.flatMap(([names, text]) => {
    const inside = names.filter((name) => name.startsWith(folder)).map((name) => name.slice(folder.length));
    return inside.length === 0 ? [] : [[inside.sort().join(" = "), text]];
  });
  return new Map(found.sort(([a], [b]) => a < b ? -1 : 1));
}

const TYPES: Record<number, string> = {
  [file.S_IFREG]: "file",
  [file.S_IFDIR]: "directory",
  [file.S_IFLNK]: "symlink",
  [file.S_IFCHR]: "character-device",
  [file.S_IFBLK]: "block-device",
  [file.S_IFIFO]: "fifo",
};

/** All below a directory, as readArchive has what is in an archive of it. */
export async function readDirectory(path: string): Promise<Listing> {
  const facts = new Map<bigint, string>();
  const names = new Map<bigint, string[]>();
  const visit = async (dir: number, prefix: string) => {
    for (const { name } of file.entries(dir)) {
      const shown = lossy.decode(encodeName(prefix + name));
      const { inode } = file.stat(dir, name);
      facts.set(inode, line(await factsOnDisk(dir, name)));
      names.set(inode, [...names.get(inode) ?? [], shown]);
      if ((file.stat(dir, name).mode & file.S_IFMT) !== file.S_IFDIR) continue;
      const fd = file.openat(dir, name, file.O_RDONLY | file.O_DIRECTORY);
      await visit(fd, `${prefix}${name}/`);
      file.close(fd);
    }
  };
  const fd = file.openat(file.AT_FDCWD, path, file.O_RDONLY | file.O_DIRECTORY);
  await visit(fd, "");
  file.close(fd);
  return below("", [...facts].map(([inode, text]) => [names.get(inode)!, text]));
}

async function factsOnDisk(dir: number, name: string): Promise<Facts> {
  const stat = file.stat(dir, name);
  const type = TYPES[stat.mode & file.S_IFMT];
  return {
    type,
    mode: stat.mode & S_PERMISSIONS,
    uid: stat.uid,
    gid: stat.gid,
    time: decimal(stat.modified),
    target: type === "symlink" ? file.readlinkat(dir, name) : undefined,
    device: type.endsWith("-device") ? [stat.rdevMajor, stat.rdevMinor] : undefined,
    xattrs: listXattrs(dir, name).map((key) => [key, lossy.decode(getXattr(dir, name, key))]),
    content: type === "file" ? await contentOnDisk(dir, name) : undefined,
  };
}

/** -3600 seconds and 250,000,000 nanoseconds are "-3599.75". */
function decimal({ seconds, nanoseconds }: file.Timespec): string {
  const all = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  const digits = String(all < 0n ? -all : all).padStart(10, "0");
  return `${all < 0n ? "-" : ""}${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, "");
}

async function contentOnDisk(dir: number, name: string): Promise<string> {
  const fd = file.openat(dir, name, file.O_RDONLY);
  try {
    return await digest([file.readAll(fd)]);
  } finally {
    file.close(fd);
  }
}
