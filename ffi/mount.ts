// Mounts that exist as descriptors only (fsopen(2), fsmount(2), open_tree(2)): nothing appears in this
// process's mount namespace, and the mount is gone with the last descriptor or namespace that has it.

import { encodeNameInto } from "./bytes.ts";
import { CLONE_NEWNS } from "./clone.ts";
import { KernelError } from "./errno.ts";
import { addressOf, raw, scratch, scratchAddress, scratchView } from "./libc.ts";
import { AT_EMPTY_PATH, close } from "./file.ts";
import { NR } from "./nr.ts";

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;
export const MS_PRIVATE = 0x40000;
export const MS_SLAVE = 0x80000;
export const MS_SHARED = 0x100000;
export const MS_STRICTATIME = 0x1000000;
export const MNT_DETACH = 2;
export const MOVE_MOUNT_F_EMPTY_PATH = 4;
export const MOVE_MOUNT_T_SYMLINKS = 0x10;
export const MOVE_MOUNT_T_EMPTY_PATH = 0x40;
export const AT_RECURSIVE = 0x8000;
export const OPEN_TREE_CLONE = 1;
export const OPEN_TREE_CLOEXEC = 0o2000000;
/** For fsmount and mount_setattr(2). */
export const MOUNT_ATTR = {
  readOnly: 1,
  noSuid: 2,
  noDev: 4,
  noExec: 8,
  noAtime: 0x10,
  strictAtime: 0x20,
  noDirAtime: 0x80,
};
/**
 * Size of struct mount_attr, four words of 64 bits: attributes to set, to clear, propagation, a user
 * namespace.
 */
export const MOUNT_ATTR_SIZE = 32;

const FSCONFIG = { flag: 0, string: 1, create: 6 };
const CLOEXEC = 1; // FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC

function config(fs: number, command: keyof typeof FSCONFIG, key?: string, value?: string): number {
  const valueAt = key === undefined ? 0 : encodeNameInto(key, scratch, 0);
  if (value !== undefined) encodeNameInto(value, scratch, valueAt);
  return raw(
    NR.fsconfig,
    fs,
    FSCONFIG[command],
    key === undefined ? 0 : scratchAddress,
    value === undefined ? 0 : scratchAddress + valueAt,
    0,
  );
}

/** What the file system itself says of a failure: lines "e overlay: …" read from its context. */
function complaint(fs: number): string | undefined {
  const buffer = new Uint8Array(512);
  const length = raw(NR.read, fs, addressOf(buffer), buffer.length);
  if (length <= 0) return undefined;
  return new TextDecoder().decode(buffer.subarray(0, length)).replace(/^[ewi] /, "").trim();
}

/**
 * Mounts a file system detached and returns the mount's descriptor. `options` are [key, value] pairs in
 * order, a key alone a flag. The kernel's own explanation, if it gives one, is the error's hint. Throws
 * KernelError; ENODEV where the kernel has no such file system.
 */
export function mountDetached(type: string, options: [string, string?][], attributes = 0): number {
  encodeNameInto(type, scratch, 0);
  const fs = raw(NR.fsopen, scratchAddress, CLOEXEC);
  if (fs < 0) throw new KernelError("fsopen", type, -fs);
  try {
    for (const [key, value] of options) {
      const result = config(fs, value === undefined ? "flag" : "string", key, value);
      if (result < 0) throw new KernelError("fsconfig", `${type} ${key}=${value}`, -result, complaint(fs));
    }
    const made = config(fs, "create");
    if (made < 0) throw new KernelError("fsconfig", `${type}: create`, -made, complaint(fs));
    const mount = raw(NR.fsmount, fs, CLOEXEC, attributes);
    if (mount < 0) throw new KernelError("fsmount", type, -mount, complaint(fs));
    return mount;
  } finally {
    close(fs);
  }
}

/**
 * What to change of a mount: MOUNT_ATTR bits to set, and a new propagation (MS_PRIVATE, MS_SLAVE or
 * MS_SHARED).
 */
export interface MountChange {
  set?: number;
  propagation?: number;
  /** With all that is mounted below it. */
  recursive?: boolean;
}

/**
 * A detached bind mount of what `path` names ("" for `dir` itself), with what is mounted below it or without;
 * symlinks are followed. It is still in the peer group of the mount it was cloned from: see changeMount.
 */
export function cloneMount(dir: number, path: string, recursive: boolean): number {
  encodeNameInto(path, scratch, 0);
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0) |
    (path === "" ? AT_EMPTY_PATH : 0);
  const result = raw(NR.open_tree, dir, scratchAddress, flags);
  if (result < 0) throw new KernelError("open_tree", path, -result);
  return result;
}

/** Changes a mount by its descriptor, whether or not it is attached. Throws KernelError. */
export function changeMount(
  mount: number,
  { set = 0, propagation = 0, recursive = false }: MountChange,
): void {
  const at = 8;
  scratch.fill(0, 0, at + MOUNT_ATTR_SIZE); // "" for the path, and the structure
  scratchView.setUint32(at, set, true);
  scratchView.setUint32(at + 16, propagation, true);
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  const result = raw(NR.mount_setattr, mount, scratchAddress, flags, scratchAddress + at, MOUNT_ATTR_SIZE);
  if (result < 0) throw new KernelError("mount_setattr", `descriptor ${mount}`, -result);
}

/**
 * A detached bind mount, private with all that is mounted below it: what is mounted in one place stays there.
 */
export function bindDetached(dir: number, path: string, recursive = true): number {
  const mount = cloneMount(dir, path, recursive);
  try {
    changeMount(mount, { propagation: MS_PRIVATE, recursive: true });
    return mount;
  } catch (error) {
    close(mount);
    throw error;
  }
}

/**
 * Gives this thread a mount namespace of its own, a copy of the one it had: what is mounted from now on is
 * seen by nobody else, and gone with this process, whatever ends that.
 */
export function leaveMountNamespace(): void {
  const result = raw(NR.unshare, CLONE_NEWNS);
  if (result < 0) throw new KernelError("unshare", "CLONE_NEWNS", -result);
  encodeNameInto("/", scratch, 0);
  const made = raw(NR.mount, 0, scratchAddress, 0, MS_REC | MS_PRIVATE, 0);
  if (made < 0) throw new KernelError("mount", "/ private", -made);
}

/** Attaches the detached mount `mount` over the open file or directory `target`. */
export function attachMount(mount: number, target: number): void {
  encodeNameInto("", scratch, 0);
  const both = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
  const result = raw(NR.move_mount, mount, scratchAddress, target, scratchAddress, both);
  if (result < 0) throw new KernelError("move_mount", `descriptor ${mount} over ${target}`, -result);
}
