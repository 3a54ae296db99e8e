// Unpacks a layer or a root file system. No name in an archive can lead out of the directory it is unpacked
// in: an entry's directory is resolved with that directory as root (inside.ts), and its last component is
// never followed.

import { errnoText, isErrno, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { addressOf } from "../../ffi/libc.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { setXattr } from "../../ffi/xattr.ts";
import { Failure } from "../base/error.ts";
import { checkOwner, completeNode, completeOpen } from "./attributes.ts";
import { openDirectoryInside } from "./inside.ts";
import { cleanPath, createParents, type Parents, splitName } from "./parents.ts";
import { LOOK_EVERY, requireSpace } from "./space.ts";
import type { Recorder } from "./skeleton.ts";
import type { TarEntry } from "./tar_entry.ts";
import { tarError } from "./tar_header.ts";
import { createTarReader } from "./tar_read.ts";
import { AUFS, isWhiteout, OPAQUE, OPAQUE_XATTR, ORIGIN_XATTR, WHITEOUT } from "./whiteout.ts";

/** See createUnpacker. */
export interface Unpacker {
  /** Processes the next bytes of the archive, which may change after the call. */
  push(chunk: Uint8Array): void;
  /**
   * Completes the directories; returns the total size of files and symlinks. Throws if the archive was cut
   * off.
   */
  end(): number;
  /** Closes descriptors. Must always be called, after `end` or instead of it. */
  close(): void;
}

/** The target of a copy: a directory that exists and may have files in it. See createUnpacker. */
export interface Place {
  /** Path of the directory below the root. */
  path: string;
  /** Its name in messages. */
  shown: string;
}

interface State {
  root: number;
  place?: Place;
  recorder?: Recorder;
  parents: Parents;
  /** The entry being unpacked, for messages. */
  entry?: TarEntry;
  /** The file being written; -1 if its data are ignored. */
  fd: number;
  /** Memory address of the chunk being read. */
  address: number;
  size: number;
  /** Directories whose times and modes are set at the end, when nothing more is made in them. */
  directories: { path: string; entry: TarEntry; existed: boolean }[];
}

/**
 * Unpacks the archive pushed into it below the open directory `root`, which should be empty and belong to
 * root. Needs root's rights. Whiteouts become overlayfs's. `recorder` records what does not get into files.
 * All methods throw Failure that names the entry; the caller then removes what was unpacked.
 *
 * With `place`, the archive is a copy and no layer: it goes into a directory below `root`. Symlinks on the
 * way are resolved with `root` as "/", no name means a whiteout, and files and directories never replace each
 * other.
 */
export function createUnpacker(root: number, recorder?: Recorder, place?: Place): Unpacker {
  const state: State = {
    root,
    recorder,
    place,
    parents: createParents(root),
    fd: -1,
    address: 0,
    size: 0,
    directories: [],
  };
  const reader = createTarReader({
    entry: (entry) => startEntry(state, entry),
    data: (_chunk, start, end, position) => writeData(state, start, end, position),
    finish: () => finishEntry(state),
  });
  return {
    push(chunk) {
      state.address = addressOf(chunk);
      explained(state, () => {
        recorder?.begin(chunk);
        reader.push(chunk);
        recorder?.done();
      });
    },
    end() {
      reader.end();
      explained(state, () => completeDirectories(state));
      return state.size;
    },
    close() {
      if (state.fd >= 0) file.close(state.fd);
      state.fd = -1;
      state.parents.close();
    },
  };
}

/** Unpacks the archive from `source`, chunk by chunk; otherwise like createUnpacker. */
export async function unpack(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  root: number,
  place?: Place,
): Promise<number> {
  const unpacker = createUnpacker(root, undefined, place);
  try {
    for await (const chunk of source) unpacker.push(chunk);
    return unpacker.end();
  } finally {
    unpacker.close();
  }
}

/** Turns the kernel's errors into one line that names the entry. */
function explained(state: State, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const what = state.entry ? JSON.stringify(state.entry.path) : "the archive";
    throw new Failure(`can't unpack ${what}: ${errnoText(error.code)}`, { cause: error });
  }
}

function startEntry(state: State, entry: TarEntry): void {
  state.entry = entry;
  state.parents.renew();
  checkOwner(entry);
  const path = placed(state, cleanPath(entry.path));
  if (path === "") return startRoot(state, entry);
  if (!state.place && path.startsWith(AUFS) && path !== OPAQUE) return;
  const [directory, name] = splitName(path);
  const parent = state.parents.of(directory);
  if (state.place) checkType(state.place, entry, parent, name);
  else if (name.startsWith(WHITEOUT)) return makeWhiteout(state, parent, name);
  switch (entry.type) {
    case "file":
      return startFile(state, parent, name, path);
    case "directory":
      return makeDirectory(state, parent, name, path);
    case "link":
      return makeLink(state, parent, name, path);
    default:
      return makeNode(state, parent, name, path);
  }
}

/**
 * The clean path below the root of an entry or a link's target; "" for the directory that everything goes
 * into.
 */
function placed({ place }: State, path: string): string {
  return place && path !== "" ? `${place.path}/${path}` : path;
}

function checkType({ shown }: Place, entry: TarEntry, parent: number, name: string): void {
  const present = file.statIfAny(parent, name);
  if (!present) return;
  const isDirectory = (present.mode & file.S_IFMT) === file.S_IFDIR;
  const path = JSON.stringify(`${shown === "/" ? "" : shown}/${cleanPath(entry.path)}`);
  if (isDirectory === (entry.type === "directory")) {
    // A mount of another namespace would silently be lost with the file.
    if (isDirectory || !present.mountRoot) return;
    throw tarError(`can't replace ${path}, where something is mounted: device or resource busy`);
  }
  const [there, given] = isDirectory ? ["directory", "non-directory"] : ["non-directory", "directory"];
  throw tarError(`cannot overwrite ${there} ${path} with ${given} ${JSON.stringify(shown)}`);
}

function startRoot(state: State, entry: TarEntry): void {
  if (entry.type !== "directory") {
    throw tarError(`can't unpack ${JSON.stringify(entry.path)}: the root must be a directory`);
  }
  if (!state.place) state.directories.push({ path: ".", entry, existed: true });
}

function startFile(state: State, parent: number, name: string, path: string): void {
  const { size, sparse } = state.entry!;
  if (size > LOOK_EVERY && !sparse) requireSpace(parent, size);
  const flags = file.O_WRONLY | file.O_CREAT | file.O_EXCL | file.O_NOFOLLOW;
  const mode = state.entry!.mode & 0o777;
  state.fd = replacing(state, parent, name, path, () => file.openat(parent, name, flags, mode));
  if (state.entry!.size > 0) state.recorder?.file(state.parents.real(path));
  state.size += state.entry!.size;
}

function writeData(state: State, start: number, end: number, position: number): void {
  const { fd, entry, address } = state;
  if (fd < 0) return;
  state.recorder?.data(start, end, position);
  if (entry!.sparse) file.lseek(fd, position, file.SEEK_SET);
  file.writeAt(fd, address + start, end - start, entry!.path);
}

function finishEntry(state: State): void {
  const { fd, entry } = state;
  if (fd < 0) return;
  if (entry!.sparse) file.ftruncate(fd, entry!.size);
  completeOpen(fd, entry!, state.place !== undefined);
  state.fd = -1;
  file.close(fd);
}

function makeDirectory(state: State, parent: number, name: string, path: string): void {
  const entry = state.entry!;
  let existed = false;
  try {
    file.mkdirat(parent, name, entry.mode & 0o777);
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    const present = file.stat(parent, name);
    existed = (present.mode & file.S_IFMT) === file.S_IFDIR;
    if (!existed) {
      remove(state, parent, name, path);
      file.mkdirat(parent, name, entry.mode & 0o777);
      // A whiteout and a directory in one layer: the lower layers' content is hidden, and this directory is
      // new.
      if (isWhiteout(present)) setXattr(parent, name, OPAQUE_XATTR, "y");
    }
  }
  state.directories.push({ path, entry, existed: existed || state.place !== undefined });
}

/** A link to a symlink links the symlink itself, as in GNU tar and docker. */
function makeLink(state: State, parent: number, name: string, path: string): void {
  const target = placed(state, cleanPath(state.entry!.linkPath, "link to"));
  const [directory, targetName] = splitName(target);
  const shown = `${JSON.stringify(state.entry!.path)}, a link to ${JSON.stringify(state.entry!.linkPath)}`;
  if (target === "") throw tarError(`can't unpack ${shown}: a directory can't be linked`);
  if (target === path) return checkPresent(parent, name, shown);
  const missing = () => tarError(`can't unpack ${shown}: the archive has no such file before it`);
  const from = state.parents.find(directory);
  if (from === undefined) throw missing();
  try {
    replacing(state, parent, name, path, () => file.linkat(from, targetName, parent, name));
  } catch (error) {
    throw isErrno(error, "ENOENT") ? missing() : error;
  }
}

function checkPresent(parent: number, name: string, shown: string): void {
  if (!file.statIfAny(parent, name)) throw tarError(`can't unpack ${shown}: a link to itself`);
}

const NODE_TYPES: Record<string, number> = {
  character: file.S_IFCHR,
  block: file.S_IFBLK,
  fifo: file.S_IFIFO,
};

function makeNode(state: State, parent: number, name: string, path: string): void {
  const entry = state.entry!;
  const { type, linkPath, mode, major, minor } = entry;
  if (linkPath.length >= 4096) {
    throw tarError(`can't unpack ${JSON.stringify(entry.path)}: link target too long`);
  }
  if (major > 0xfff || minor > 0xfffff || major < 0 || minor < 0) {
    throw tarError(`can't unpack ${JSON.stringify(entry.path)}: bad device number ${major},${minor}`);
  }
  replacing(state, parent, name, path, () => {
    if (type === "symlink") file.symlinkat(linkPath, parent, name);
    else file.mknodat(parent, name, NODE_TYPES[type] | mode & 0o777, file.makedev(major, minor));
  });
  state.size += linkPath.length; // 0 for all but symlinks
  completeNode(parent, name, entry, state.place !== undefined);
}

/** `.wh.NAME` and its relatives: see WHITEOUT. What this layer itself has under the name stays. */
function makeWhiteout(state: State, parent: number, name: string): void {
  if (name === OPAQUE) return setXattr(parent, "", OPAQUE_XATTR, "y");
  const hidden = name.slice(WHITEOUT.length);
  if (hidden === "" || hidden === "." || hidden === "..") {
    throw tarError(`can't unpack ${JSON.stringify(state.entry!.path)}: a whiteout of nothing`);
  }
  const present = file.statIfAny(parent, hidden);
  if (present) {
    if ((present.mode & file.S_IFMT) === file.S_IFDIR) setXattr(parent, hidden, OPAQUE_XATTR, "y");
    return;
  }
  file.mknodat(parent, hidden, file.S_IFCHR, 0);
  file.utimensat(parent, hidden, state.entry!.modified);
  setXattr(parent, "", ORIGIN_XATTR, "");
}

/** Calls `make`. If the name is taken, removes what has it and tries again: the later entry wins. */
function replacing<T>(state: State, parent: number, name: string, path: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
    remove(state, parent, name, path);
    return make();
  }
}

function remove(state: State, parent: number, name: string, path: string): void {
  if (state.recorder) state.recorder.replace(parent, name, state.parents.real(path));
  else removeTree(parent, name);
  const below = `${path}/`;
  state.directories = state.directories.filter((one) => one.path !== path && !one.path.startsWith(below));
  state.parents.expire();
}

function completeDirectories(state: State): void {
  for (const { path, entry, existed } of state.directories) {
    state.entry = entry;
    // Undefined where a later entry has replaced a directory on the way to it.
    const fd = openDirectoryInside(state.root, path);
    if (fd === undefined) continue;
    try {
      completeOpen(fd, entry, existed);
    } finally {
      file.close(fd);
    }
  }
}
