// Steps that mount, and make mount points.

import * as file from "../../ffi/file.ts";
import {
  AT_RECURSIVE,
  MOUNT_ATTR,
  MOUNT_ATTR_SIZE,
  type MountChange,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  MOVE_MOUNT_T_SYMLINKS,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_PRIVATE,
  OPEN_TREE_CLOEXEC,
  OPEN_TREE_CLONE,
} from "../../ffi/mount.ts";
import type { Cell, Label, Program, Value } from "../../ffi/program.ts";

/** A call whose failure does not matter. */
export function attempt(
  p: Program,
  name: Parameters<Program["call"]>[0],
  args: Parameters<Program["call"]>[1],
): void {
  const next = p.label();
  p.call(name, args, { negative: next });
  p.place(next);
}

/** No executables, no devices, no set-user-ID. */
export const CLOSED = MS_NOSUID | MS_NODEV | MS_NOEXEC;
/** The same and read-only, for mount_setattr. */
export const CLOSED_READ_ONLY = MOUNT_ATTR.readOnly | MOUNT_ATTR.noSuid | MOUNT_ATTR.noDev |
  MOUNT_ATTR.noExec;

/** Mounts a file system on `target`, which is made if it is missing; `flags` are MS_ flags. */
export function mountAt(
  p: Program,
  type: string,
  source: string,
  target: string,
  flags: number,
  data: string,
): void {
  makeDirectory(p, target);
  p.call("mount", [p.string(source), p.string(target), p.string(type), flags, p.string(data)], {
    what: target,
  });
}

/** Makes a directory with its parents, or leaves what exists. A problem shows when the directory is used. */
export function makeDirectory(p: Program, path: string): void {
  for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1)) {
    attempt(p, "mkdirat", [file.AT_FDCWD, p.string(path.slice(0, end)), 0o755]);
  }
  attempt(p, "mkdirat", [file.AT_FDCWD, p.string(path), 0o755]);
}

/**
 * The directory of the host at `path` as a detached mount, private and with these attributes (MOUNT_ATTR),
 * while the host's paths can still be reached.
 */
export function cloneTree(p: Program, path: string, set = 0): Cell {
  const mount = p.cell();
  p.call("open_tree", [file.AT_FDCWD, p.string(path), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC], {
    store: mount,
    what: path,
  });
  changeMount(p, mount, { set, propagation: MS_PRIVATE }, path);
  return mount;
}

/** Changes the attributes of a mount by its descriptor, attached or not. `what` names it in errors. */
export function changeMount(
  p: Program,
  mount: Value,
  { set = 0, propagation = 0, recursive = false }: MountChange,
  what: string,
): void {
  const flags = file.AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  const attributes = p.words([set, 0, propagation, 0]);
  p.call("mount_setattr", [mount, p.string(""), flags, attributes, MOUNT_ATTR_SIZE], { what });
}

/** Attaches a detached mount, which already has its attributes, at `target`, whose symlinks are followed. */
export function attach(p: Program, mount: Value, target: string): void {
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS;
  p.call("move_mount", [mount, p.string(""), file.AT_FDCWD, p.string(target), flags], { what: target });
}

/** Attaches it to the open `point`, which `what` names in errors. */
export function attachTo(p: Program, mount: Value, point: Cell, what: string): void {
  const [empty, both] = [p.string(""), MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH];
  p.call("move_mount", [mount, empty, point, empty, both], { what });
}

/**
 * Mounts the tree at `path` over itself with these attributes. Goes to `failed`, with the result in `result`,
 * if the path can't be opened. The path is looked up only once.
 */
export function closeInPlace(
  p: Program,
  path: string,
  set: number,
  { result, failed }: { result: Cell; failed: Label },
): void {
  const mount = p.cell();
  const empty = p.string("");
  p.call("openat", [file.AT_FDCWD, p.string(path), file.O_PATH | file.O_CLOEXEC, 0], {
    store: result,
    negative: failed,
  });
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | file.AT_EMPTY_PATH;
  p.call("open_tree", [result, empty, flags], { store: mount, what: path });
  changeMount(p, mount, { set, propagation: MS_PRIVATE, recursive: true }, path);
  attachTo(p, mount, result, path);
}
