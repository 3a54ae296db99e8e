// A container's cgroup in kernel programs. A process joins by itself, which takes microseconds, while moving
// another process takes milliseconds (cgroup v1 by `tasks`; v2 by cloning into it). The keeper removes the
// cgroup.

import { EBUSY } from "../../ffi/constants.ts";
import * as file from "../../ffi/file.ts";
import { CLONE_PIDFD, SHARING_CHILD } from "../../ffi/clone.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import { attempt } from "./mount_program.ts";
import type { Group } from "../cgroup/types.ts";

const SIGNAL_MASK = 0xff;
const CLONE_INTO_CGROUP = 2 ** 33;
/**
 * struct clone_args: u64 flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
 * set_tid_size, cgroup
 */
const CLONE_ARGS = { size: 88, cgroup: 80 };

/**
 * Opens what enterGroups or cloneInto need, while the host's files can be reached: a descriptor for each
 * group.
 */
export function openGroups(p: Program, groups: Group[]): Cell[] {
  return groups.map(({ version, path }) => {
    const fd = p.cell();
    const [at, flags] = version === 1
      ? [`${path}/tasks`, file.O_WRONLY | file.O_CLOEXEC]
      : [path, file.O_PATH | file.O_DIRECTORY | file.O_CLOEXEC];
    p.call("openat", [file.AT_FDCWD, p.string(at), flags, 0], { store: fd, what: at });
    return fd;
  });
}

/** The process that runs these steps joins its v1 groups. */
export function enterGroups(p: Program, groups: Group[], opened: Cell[]): void {
  const zero = p.string("0");
  groups.forEach(({ version, path }, index) => {
    if (version === 1) p.call("write", [opened[index], zero, 1], { what: `${path}/tasks` });
  });
}

/** Closes what openGroups opened. */
export function closeGroups(p: Program, opened: Cell[]): void {
  for (const fd of opened) p.call("close", [fd]);
}

/**
 * Clones a child that shares memory (SHARING_CHILD), with namespaces of its own, in the v2 group if there is
 * one. The child continues with the next step, this process at `parent`.
 */
export function cloneInto(
  p: Program,
  groups: Group[],
  opened: Cell[],
  { namespaces, pid, pidfd, parent, what }: {
    namespaces: number;
    pid: Cell;
    pidfd: number;
    parent: Label;
    what: string;
  },
): void {
  const flags = SHARING_CHILD | CLONE_PIDFD | namespaces;
  const options = { store: pid, positive: parent, what };
  const second = groups.findIndex(({ version }) => version === 2);
  if (second < 0) return p.call("clone", [flags, 0, pidfd, 0, 0], options);
  const words = [flags - (flags & SIGNAL_MASK) + CLONE_INTO_CGROUP, pidfd, 0, 0, flags & SIGNAL_MASK];
  const args = p.words([...words, ...Array(CLONE_ARGS.size / 8 - words.length).fill(0)]);
  p.set({ address: args + CLONE_ARGS.cgroup }, opened[second]);
  p.call("clone3", [args, CLONE_ARGS.size], options);
}

/**
 * How often, at intervals of a millisecond, the removal is repeated while the kernel still takes processes
 * out of a group.
 */
const ATTEMPTS = 100;

/**
 * Removes the groups, whose processes have ended. The result is 1 if one could not be removed, because the
 * container made groups inside it.
 */
export function removeGroups(p: Program, groups: Group[]): Cell {
  const [left, stuck, result] = [p.cell(ATTEMPTS), p.cell(), p.cell()];
  const [again, busy, given, gone] = [p.label(), p.label(), p.label(), p.label()];
  const paths = groups.map(({ path }) => p.string(path));
  p.place(again);
  for (const path of paths) {
    const [refused, next] = [p.label(), p.label()];
    p.call("unlinkat", [file.AT_FDCWD, path, file.AT_REMOVEDIR], {
      store: result,
      negative: refused,
      zero: next,
    });
    p.place(refused);
    p.subtract(result, -EBUSY, { zero: busy });
    p.place(next);
  }
  p.goto(gone);
  // All removals are repeated; groups that are gone refuse at once.
  p.place(busy);
  p.subtract(left, 1, { store: left, negative: given });
  rest(p);
  p.goto(again);
  p.place(given);
  p.set(stuck, 1);
  for (const path of paths) attempt(p, "unlinkat", [file.AT_FDCWD, path, file.AT_REMOVEDIR]);
  p.place(gone);
  return stuck;
}

/** Waits for a millisecond. */
export function rest(p: Program): void {
  const [time, over] = [p.words([0, 0]), p.label()];
  // Set each time, because the kernel stores the remaining time there.
  p.set({ address: time + 8 }, 1e6);
  p.call("ppoll", [0, 0, time, 0, 8], { negative: over });
  p.place(over);
}

/**
 * Goes to `killed` if the kernel has killed a process of the groups for lack of memory, as far as that is
 * counted, and otherwise to `none`. The counters are text: v1's is at a fixed place as long as it is "0",
 * v2's is searched for.
 */
export function ifOutOfMemory(
  p: Program,
  groups: Group[],
  { killed, none }: { killed: Label; none: Label },
): void {
  const group = groups.find(({ controllers }) => controllers.includes("memory"));
  if (!group) return p.goto(none);
  const path = `${group.path}/${group.version === 1 ? "memory.oom_control" : "memory.events"}`;
  const [fd, text] = [p.cell(), p.reserve(64)];
  const flags = file.O_RDONLY | file.O_CLOEXEC;
  p.call("openat", [file.AT_FDCWD, p.string(path), flags, 0], { store: fd, negative: none });
  if (group.version === 1) {
    // "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", of which the first two are 0 or 1.
    const COUNTER = 40;
    p.call("pread64", [fd, text, 64, 0], { negative: none, zero: none });
    p.call("close", [fd]);
    p.subtract({ address: text + COUNTER }, word(p, "0\n"), {
      zero: none,
      negative: killed,
      positive: killed,
    });
  } else {
    searchEvents(p, fd, text, { killed, none });
  }
}

/** "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n…": numbers of any length. */
function searchEvents(
  p: Program,
  fd: Cell,
  text: number,
  { killed, none }: { killed: Label; none: Label },
): void {
  const [next, over, found] = [p.label(), p.label(), p.label()];
  const [NAME, VALUE] = [8, 3];
  const [offset, value] = [p.cell(-1), p.reserve(8)];
  p.place(next);
  p.subtract(offset, -1, { store: offset });
  // At the end there is nothing left, or less than a name, which is the rest of a name that did not match.
  p.call("pread64", [fd, text, NAME, offset], { negative: over, zero: over });
  p.subtract({ address: text }, word(p, "oom_kill"), { zero: found, negative: next, positive: next });
  p.place(over);
  p.call("close", [fd]);
  p.goto(none);
  p.place(found);
  p.subtract(offset, -NAME, { store: offset });
  p.call("pread64", [fd, value, VALUE, offset], { negative: over, zero: over });
  p.call("close", [fd]);
  p.subtract({ address: value }, word(p, " 0\n"), { zero: none, negative: killed, positive: killed });
}

/** Eight characters, padded with zero bytes, for a comparison. */
function word(p: Program, text: string): Cell {
  const bytes = new Uint8Array(8);
  new TextEncoder().encodeInto(text, bytes);
  return { address: p.bytes(bytes) };
}
