// Steps that mount, and make what is mounted on.

import * as file from "../../ffi/file.ts";
import { MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REMOUNT } from "../../ffi/mount.ts";
import type { Cell, Program } from "../../ffi/program.ts";

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

/** Nothing to execute, no devices, no set-user-ID. */
export const CLOSED = MS_NOSUID | MS_NODEV | MS_NOEXEC;

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

/** Makes a directory with its parents, or leaves what is there: what uses it reports what is wrong with it. */
export function makeDirectory(p: Program, path: string): void {
  const made = p.label();
  const failed = p.label();
  const result = p.cell();
  p.call("mkdirat", [file.AT_FDCWD, p.string(path), 0o755], { store: result, negative: failed, zero: made });
  p.place(failed);
  const absent = p.label();
  p.subtract(result, -17, /* EEXIST */ { zero: made, negative: absent, positive: absent });
  p.place(absent);
  for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1)) {
    attempt(p, "mkdirat", [file.AT_FDCWD, p.string(path.slice(0, end)), 0o755]);
  }
  attempt(p, "mkdirat", [file.AT_FDCWD, p.string(path), 0o755]);
  p.place(made);
}

/** A directory of the host's as a detached mount: while it can be named yet. */
export function cloneTree(p: Program, path: string): Cell {
  const [OPEN_TREE_CLONE, OPEN_TREE_CLOEXEC] = [1, 0o2000000];
  const mount = p.cell();
  p.call("open_tree", [file.AT_FDCWD, p.string(path), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC], {
    ...{ store: mount, what: path },
  });
  return mount;
}

export function remountReadOnly(p: Program, path: string, flags: number): void {
  p.call("mount", [0, p.string(path), 0, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, 0], {
    what: `${path} read-only`,
  });
}
