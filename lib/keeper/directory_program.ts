// Opens a container's files: only by openat2, which stays below the root, and never through a magic link,
// such as /proc/PID/root, which leads to the root of that process.

import { EAGAIN, ENOENT, EXDEV } from "../../ffi/constants.ts";
import * as file from "../../ffi/file.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import { attempt } from "./mount_program.ts";

const [PATH_MAX, MFD_CLOEXEC] = [4096, 1];
/** How often a walk is repeated that a rename elsewhere on the machine made uncertain. */
const ATTEMPTS = 1000;

/**
 * Makes `path` the working directory, and verifies that it belongs to the container. With `make`, a missing
 * directory is made, as docker does at a start. These steps run while the process has more rights than the
 * container, and no filter. A failure is one of "chdir", or of "getcwd" if the directory is not below the
 * root.
 */
export function enterDirectory(p: Program, path: string, options: { make: boolean }): void {
  const [found, missing, absent, failed] = [p.label(), p.label(), p.label(), p.label()];
  const fd = p.cell();
  const open = opener(p, file.O_DIRECTORY);
  // For openat2, "/" is the directory that it starts from.
  p.call("chdir", [p.string("/")]);
  if (options.make) {
    open(path, fd, missing);
    p.goto(found);
    p.place(missing);
    p.subtract(fd, -ENOENT, { zero: absent, negative: failed, positive: failed });
    p.place(absent);
    make(p, path, true, open);
  }
  open(path, fd, failed);
  p.goto(found);
  p.place(failed);
  p.fail("chdir", fd, path);
  p.place(found);
  p.call("fchdir", [fd], { what: path });
  p.call("close", [fd]);
  requireInside(p, path);
}

/**
 * Opens a mount point (O_PATH): a directory or file, which is made if it is missing. The working directory is
 * "/". A failure is one of "move_mount".
 */
export function openMountPoint(p: Program, path: string, isFile: boolean): Cell {
  const [found, missing, absent, failed] = [p.label(), p.label(), p.label(), p.label()];
  const fd = p.cell();
  const open = opener(p, 0);
  open(path, fd, missing);
  p.goto(found);
  p.place(missing);
  p.subtract(fd, -ENOENT, { zero: absent, negative: failed, positive: failed });
  p.place(absent);
  make(p, path, !isFile, opener(p, file.O_DIRECTORY));
  open(path, fd, failed);
  p.goto(found);
  p.place(failed);
  p.fail("move_mount", fd, path);
  p.place(found);
  return fd;
}

type Open = (path: string, fd: Cell, failed: Label) => void;

/**
 * Steps that open a path (O_PATH) as if the working directory were "/". They go to `failed` with a negated
 * errno in `fd`.
 */
function opener(p: Program, flags: number): Open {
  const how = openHow(p, file.O_PATH | flags, file.RESOLVE_IN_ROOT | file.RESOLVE_NO_MAGICLINKS);
  const left = p.cell(ATTEMPTS);
  return (path, fd, failed) => {
    const [again, refused, opened] = [p.label(), p.label(), p.label()];
    p.place(again);
    p.call("openat2", [file.AT_FDCWD, p.string(path), how, HOW_SIZE], {
      store: fd,
      negative: refused,
      zero: opened,
      positive: opened,
    });
    p.place(refused);
    p.subtract(left, 1, { store: left, zero: failed, negative: failed });
    p.subtract(fd, -EAGAIN, { zero: again, negative: failed, positive: failed });
    p.place(opened);
  };
}

/** struct open_how: u64 flags, mode, resolve. */
export function openHow(p: Program, flags: number, resolve: number): number {
  return p.words([flags | file.O_CLOEXEC, 0, resolve]);
}
export const HOW_SIZE = 24;

/**
 * Makes a directory or an empty file, with its parents. Each component is made in the directory that is open,
 * whatever takes its name meanwhile. Failures become visible when the result is opened.
 */
function make(p: Program, path: string, isDirectory: boolean, open: Open): void {
  const [dir, end] = [p.cell(), p.label()];
  const names = path.split("/").filter((name) => name !== "");
  names.forEach((name, index) => {
    open(`/${names.slice(0, index).join("/")}`, dir, end);
    if (isDirectory || index < names.length - 1) attempt(p, "mkdirat", [dir, p.string(name), 0o755]);
    else attempt(p, "mknodat", [dir, p.string(name), file.S_IFREG | 0o755, 0]);
    p.call("close", [dir]);
  });
  p.place(end);
}

/**
 * Verifies the working directory by getcwd(2), which returns "(unreachable)/…" for one that is not below the
 * root (CVE-2024-21626); runc does the same.
 */
function requireInside(p: Program, path: string): void {
  const [inside, outside] = [p.label(), p.label()];
  const buffer = p.reserve(8 + PATH_MAX);
  // The first byte of the path is the last, and so the highest, of the first eight bytes; the others are
  // zero.
  p.call("getcwd", [buffer + 7, PATH_MAX], { what: path });
  p.subtract({ address: buffer }, "/".charCodeAt(0) * 2 ** 56, {
    zero: inside,
    negative: outside,
    positive: outside,
  });
  p.place(outside);
  p.fail("getcwd", -EXDEV, path);
  p.place(inside);
}

/** struct statx: its size, and the offsets of the mode, the inode's and the device's numbers. */
export const STATX = { size: 256, mode: 28, inode: 32, rdev: 128 };
export const STATX_BASIC_STATS = 0x7ff;
/** The upper byte of a character device's mode, and that of the next type. */
const CHARACTER = { from: file.S_IFCHR >> 8, below: (file.S_IFCHR >> 8) + 0x10 };
const NULL = { major: 1, minor: 3 };

/**
 * Opens the container's own /dev/null for reading and writing. The host's would be wrong, since a process
 * with its descriptor may change its owner and mode. Anything may be at that path by now: unless it is the
 * null device, an empty file in memory is used. `proc` is the host's /proc, which shows this process; `spare`
 * is above all descriptors in use.
 */
export function openNothing(p: Program, proc: Cell, spare: number): Cell {
  const [found, opened, missing] = [p.cell(), p.label(), p.label()];
  const how = openHow(p, file.O_PATH | file.O_NOFOLLOW, file.RESOLVE_NO_SYMLINKS);
  p.call("openat2", [file.AT_FDCWD, p.string("/dev/null"), how, HOW_SIZE], {
    store: found,
    negative: missing,
  });
  unlessNull(p, found, missing);
  p.call("dup3", [found, spare, file.O_CLOEXEC], { negative: missing });
  const fd = reopen(p, proc, spare, missing);
  p.goto(opened);
  p.place(missing);
  p.call("memfd_create", [p.string("null"), MFD_CLOEXEC], { store: fd });
  p.place(opened);
  return fd;
}

/** Opens the file of `fd` once more, whatever has its name by now; see openNothing. */
export function reopen(p: Program, proc: Cell, fd: number, failed?: Label): Cell {
  const again = p.cell();
  const flags = file.O_RDWR | file.O_NOCTTY | file.O_CLOEXEC;
  const path = p.string(`self/fd/${fd}`);
  p.call("openat", [proc, path, flags, 0], { store: again, negative: failed, what: "/dev/null" });
  return again;
}

function unlessNull(p: Program, fd: Cell, other: Label): void {
  const [atLeast, is] = [p.label(), p.label()];
  const stat = p.reserve(STATX.size);
  p.call("statx", [fd, p.string(""), file.AT_EMPTY_PATH, STATX_BASIC_STATS, stat], { negative: other });
  const { major, minor } = NULL;
  p.subtract({ address: stat + STATX.rdev }, major + minor * 2 ** 32, { negative: other, positive: other });
  // Eight bytes, of which the upper byte of the mode is the highest.
  const type = { address: stat + STATX.mode + 1 - 7 };
  p.subtract(type, CHARACTER.from * 2 ** 56, { negative: other, zero: atLeast, positive: atLeast });
  p.place(atLeast);
  p.subtract(type, CHARACTER.below * 2 ** 56, { negative: is, zero: other, positive: other });
  p.place(is);
}

/** Opens the host's /proc, for openNothing and reopen, while it can be reached. */
export function openProc(p: Program): Cell {
  const proc = p.cell();
  const flags = file.O_PATH | file.O_DIRECTORY | file.O_CLOEXEC;
  p.call("openat", [file.AT_FDCWD, p.string("/proc"), flags, 0], { store: proc, what: "/proc" });
  return proc;
}
