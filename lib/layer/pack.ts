// Packs a directory tree into a tar archive: a container's whole root for export, or its writable layer for
// commit.

import { encodeName } from "../../ffi/bytes.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { getXattr, listXattrs } from "../../ffi/xattr.ts";
import { Failure } from "../base/error.ts";
import type { TarEntry, TarType } from "./tar_entry.ts";
import type { SparseMap } from "./tar_sparse.ts";
import { createTarWriter, type Sink, type TarWriter } from "./tar_write.ts";
import { isWhiteout, OPAQUE, OPAQUE_XATTR, WHITEOUT } from "./whiteout.ts";

export interface PackOptions {
  /**
   * The tree is an overlay's upper directory: deleted files and opaque directories become whiteouts (OCI
   * image-spec layer.md), and the root directory gets an entry if its mode or owner is not the usual one.
   */
  overlay: boolean;
  /** Paths to leave out, with all below them. */
  omit?: (path: string, stat: file.Stat) => boolean;
  /** The owner of all entries; by default each keeps its own. */
  owner?: { uid: number; gid: number };
  /** Holes of files stay holes (GNU's sparse format 1.0, which not every tar reads). */
  holes?: boolean;
}

interface State {
  writer: TarWriter;
  options: PackOptions;
  /** First path of each file with several links, by device and inode. */
  linked: Map<string, string>;
  count: number;
}

const TYPES: Record<number, TarType | undefined> = {
  [file.S_IFREG]: "file",
  [file.S_IFLNK]: "symlink",
  [file.S_IFCHR]: "character",
  [file.S_IFBLK]: "block",
  [file.S_IFDIR]: "directory",
  [file.S_IFIFO]: "fifo",
};
const ROOT_MODE = 0o755;
const SET_ID_BITS = 0o6000;
const OVERLAY_XATTRS = "trusted.overlay.";

/**
 * Writes the archive of everything below the open directory `root` to `sink`, in the order of the names'
 * bytes. Sockets are left out, since archives can't have them. A file that shrinks while it is read is padded
 * with zeros; one that grows is cut. Returns the number of entries. Throws KernelError, and what the sink
 * throws.
 */
export function pack(root: number, sink: Sink, options: PackOptions): number {
  const state = begin(sink, options);
  // A descriptor of a detached mount can only be used for look-ups (O_PATH).
  const top = file.openat(root, ".", file.O_RDONLY | file.O_DIRECTORY);
  try {
    if (options.overlay) packRoot(state, top);
    packEntries(state, top, "");
  } finally {
    file.close(top);
  }
  state.writer.end();
  return state.count;
}

/**
 * Like pack, for a file, or a directory with all that is in it. `fd` is its descriptor (O_PATH; a symlink is
 * not followed). The entries' names begin with `name`; "." and "/" stand for themselves.
 */
export function packOne(fd: number, name: string, sink: Sink, options: PackOptions): number {
  const state = begin(sink, options);
  packEntry(state, fd, name, file.stat(fd, ""));
  state.writer.end();
  return state.count;
}

function begin(sink: Sink, options: PackOptions): State {
  return { writer: createTarWriter(sink), options, linked: new Map(), count: 0 };
}

function packRoot(state: State, root: number): void {
  const stat = file.stat(root, "");
  const usual = (stat.mode & 0o7777) === ROOT_MODE && stat.uid === 0 && stat.gid === 0;
  if (!usual) writeEntry(state, entryOf("./", "directory", stat));
  if (isOpaque(root, "")) writeEntry(state, whiteout(OPAQUE, stat));
}

/** `prefix` is "" or ends with a slash. */
function packEntries(state: State, dir: number, prefix: string): void {
  for (const name of sortedNames(dir)) {
    // From here on only the descriptor is used: something else may take the name meanwhile.
    const fd = openIfAny(dir, name);
    if (fd === undefined) continue;
    try {
      const stat = file.stat(fd, "");
      if (!state.options.omit?.(prefix + name, stat)) packEntry(state, fd, prefix + name, stat);
    } finally {
      file.close(fd);
    }
  }
}

function sortedNames(dir: number): string[] {
  const names = file.entries(dir).map(({ name }) => name);
  // deno-lint-ignore no-control-regex -- ASCII sorts the same as its bytes
  if (names.every((name) => /^[\x00-\x7f]*$/.test(name))) return names.sort();
  const bytes = new Map(names.map((name) => [name, encodeName(name)]));
  return names.sort((a, b) => compareBytes(bytes.get(a)!, bytes.get(b)!));
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}

function packEntry(state: State, fd: number, path: string, stat: file.Stat): void {
  const type = TYPES[stat.mode & file.S_IFMT];
  if (!type) return;
  if (state.options.overlay) {
    if (isWhiteout(stat)) return writeEntry(state, whiteout(path, stat));
    if (path.slice(path.lastIndexOf("/") + 1).startsWith(WHITEOUT)) throw reservedName(path);
  }
  const prefix = path.endsWith("/") ? path : `${path}/`;
  const entry = entryOf(type === "directory" ? prefix : path, type, stat);
  if (type !== "directory" && stat.links > 1 && packLink(state, entry, stat)) return;
  if (type === "symlink") entry.linkPath = file.readlinkat(fd, "");
  entry.xattrs = xattrsOf(fd);
  if (state.options.owner) giveTo(state.options.owner, entry);
  if (type === "file") packFile(state, fd, entry, stat);
  else writeEntry(state, entry);
  if (type === "directory") packDirectory(state, fd, prefix, stat);
}

/** Changes the owner; as with chown(2), the file loses set-ID bits and capabilities. */
function giveTo({ uid, gid }: { uid: number; gid: number }, entry: TarEntry): void {
  if (entry.uid === uid && entry.gid === gid) return;
  Object.assign(entry, { uid, gid });
  if (entry.type !== "file") return;
  entry.mode &= ~SET_ID_BITS;
  entry.xattrs?.delete("security.capability");
}

/** Such a name in an image would delete another file. */
function reservedName(path: string): Failure {
  const shown = JSON.stringify(path);
  return new Failure(`can't commit ${shown}: names with "${WHITEOUT}" in front mark deleted files in images`);
}

function entryOf(path: string, type: TarType, stat: file.Stat): TarEntry {
  const device = type === "character" || type === "block";
  return {
    path,
    type,
    linkPath: "",
    mode: stat.mode & 0o7777,
    uid: stat.uid,
    gid: stat.gid,
    size: 0,
    modified: stat.modified,
    major: device ? stat.rdevMajor : 0,
    minor: device ? stat.rdevMinor : 0,
    sparse: false,
  };
}

/** The empty file that hides `path`, or ("…/.wh..wh..opq") everything below a directory. */
function whiteout(path: string, stat: file.Stat): TarEntry {
  const slash = path.lastIndexOf("/") + 1;
  const name = path.slice(slash);
  const hidden = name === OPAQUE ? name : WHITEOUT + name;
  return { ...entryOf(path.slice(0, slash) + hidden, "file", stat), mode: 0o600, uid: 0, gid: 0 };
}

function writeEntry(state: State, entry: TarEntry): void {
  state.writer.entry(entry);
  state.count++;
}

/** Writes a link to the path under which the same file was packed before; false if it was not. */
function packLink(state: State, entry: TarEntry, stat: file.Stat): boolean {
  const key = `${stat.device}:${stat.inode}`;
  const first = state.linked.get(key);
  if (first === undefined) {
    state.linked.set(key, entry.path);
    return false;
  }
  writeEntry(state, { ...entry, type: "link", linkPath: first, major: 0, minor: 0 });
  return true;
}

function packFile(state: State, fd: number, entry: TarEntry, { size, blocks }: file.Stat): void {
  const content = file.reopen(fd, file.O_RDONLY);
  try {
    entry.size = size;
    if (state.options.holes && blocks * 512 < size) return packParts(state, content, entry);
    writeEntry(state, entry);
    packBytes(state.writer, content, size);
    state.writer.pad(size);
  } finally {
    file.close(content);
  }
}

function packParts(state: State, content: number, entry: TarEntry): void {
  const { writer } = state;
  const map: SparseMap = [];
  for (let at = file.nextData(content, 0); at !== undefined && at < entry.size;) {
    const end = Math.min(file.lseek(content, at, file.SEEK_HOLE), entry.size);
    map.push(at, end - at);
    at = file.nextData(content, end);
  }
  const length = writer.sparse(entry, map);
  state.count++;
  for (let i = 0; i < map.length; i += 2) {
    file.lseek(content, map[i], file.SEEK_SET);
    packBytes(writer, content, map[i + 1]);
  }
  writer.pad(length);
}

function packBytes(writer: TarWriter, content: number, size: number): void {
  for (let left = size; left > 0;) {
    const room = writer.room();
    const wanted = room.length > left ? room.subarray(0, left) : room;
    let length = file.read(content, wanted);
    if (length === 0) length = wanted.fill(0).length;
    writer.advance(length);
    left -= length;
  }
}

function packDirectory(state: State, fd: number, prefix: string, stat: file.Stat): void {
  if (state.options.overlay && isOpaque(fd, "")) writeEntry(state, whiteout(prefix + OPAQUE, stat));
  const dir = file.openat(fd, ".", file.O_RDONLY | file.O_DIRECTORY);
  try {
    packEntries(state, dir, prefix);
  } finally {
    file.close(dir);
  }
}

/** Undefined if a running container has removed the file meanwhile. */
function openIfAny(dir: number, name: string): number | undefined {
  try {
    return file.openat(dir, name, file.O_PATH | file.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

function isOpaque(dir: number, name: string): boolean {
  return getXattr(dir, name, OPAQUE_XATTR)?.[0] === "y".charCodeAt(0);
}

/** All extended attributes except overlayfs's own; undefined where there are none. */
function xattrsOf(fd: number): Map<string, Uint8Array> | undefined {
  const found = new Map<string, Uint8Array>();
  for (const attribute of listXattrs(fd, "")) {
    if (attribute.startsWith(OVERLAY_XATTRS)) continue;
    const value = getXattr(fd, "", attribute);
    if (value) found.set(attribute, value);
  }
  return found.size > 0 ? found : undefined;
}
