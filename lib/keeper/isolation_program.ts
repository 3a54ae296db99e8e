// Steps of init and keeper that only some containers need: others' namespaces, devices, kernel parameters,
// limits.

import { EEXIST, ESTALE } from "../../ffi/constants.ts";
import { CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS } from "../../ffi/clone.ts";
import * as file from "../../ffi/file.ts";
import { MOUNT_ATTR, MS_PRIVATE, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from "../../ffi/mount.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import type { DeviceNode } from "../security/devices.ts";
import { rest } from "./cgroup_program.ts";
import { HOW_SIZE, openHow, STATX, STATX_BASIC_STATS } from "./directory_program.ts";
import { attach, attempt, changeMount, CLOSED, makeDirectory, mountAt } from "./mount_program.ts";
import {
  limitProcesses,
  limitResources,
  limitResourcesOfNext,
  type Rlimit,
  writeFile,
} from "./limit_program.ts";
import type { Group } from "../cgroup/types.ts";

/** A container's isolation, decided and opened. */
export interface IsolationPlan {
  /** All of the host's devices are accessible: nothing is masked, /sys is writable. */
  privileged: boolean;
  /** Namespaces that it shares with others (CLONE_NEW…). */
  shared: number;
  /** Pidfds of processes whose namespaces it joins. */
  pid?: number;
  ipc?: number;
  uts?: number;
  cgroup?: number;
  /**
   * /dev/shm: a new one with a size in bytes, the host's as a detached mount, that of the process `ipc`, or
   * none.
   */
  shm: { size: number } | { fd: number } | "joined" | "none";
  devices: DeviceNode[];
  sysctls: [path: string, value: string][];
  rlimits: Rlimit[];
  oomScoreAdj?: number;
}

export type IsolationSteps = ReturnType<typeof isolationSteps>;

/** The plan as steps, to be appended in this order. */
export function isolationSteps(plan: IsolationPlan) {
  let [shm, proc]: (Cell | undefined)[] = [];
  const { pid, ipc, uts, cgroup } = plan;
  const bound = typeof plan.shm === "object" && "fd" in plan.shm ? plan.shm.fd : undefined;
  return {
    privileged: plan.privileged,
    shared: plan.shared,
    /** Its PID namespace has other processes already: see cross_program.ts. */
    guest: pid !== undefined,
    descriptors: [pid, ipc, uts, cgroup, bound].filter((fd) => fd !== undefined),

    /** First of all, while the host's /proc can be reached, and before any namespace is entered. */
    enter(p: Program): void {
      if (plan.oomScoreAdj !== undefined) {
        writeFile(p, file.AT_FDCWD, "/proc/self/oom_score_adj", String(plan.oomScoreAdj));
      }
      join(p, uts, CLONE_NEWUTS, "UTS");
      join(p, cgroup, CLONE_NEWCGROUP, "cgroup");
      join(p, ipc, CLONE_NEWIPC, "IPC");
      if (plan.shm === "joined") shm = fetchShm(p, ipc!);
      // setns affects the children of this process, not itself.
      join(p, pid, CLONE_NEWPID, "PID");
      if (pid !== undefined) proc = fetchProc(p, pid);
    },

    /** Mounts /proc if it is not a new one; returns whether it did. */
    proc(p: Program): boolean {
      if (proc === undefined) return false;
      // The image may lack the directory.
      makeDirectory(p, "/proc");
      attach(p, proc, "/proc");
      return true;
    },

    shm(p: Program): void {
      if (plan.shm === "none") return;
      if (typeof plan.shm === "object" && "size" in plan.shm) {
        mountAt(p, "tmpfs", "shm", "/dev/shm", CLOSED, `mode=1777,size=${plan.shm.size}`);
        return;
      }
      makeDirectory(p, "/dev/shm");
      attach(p, shm ?? bound!, "/dev/shm");
    },

    /** Before docker's default devices, which leave existing nodes alone. */
    devices(p: Program): void {
      for (const device of plan.devices) makeDevice(p, device);
    },

    /** After /proc is mounted and before it is protected. */
    sysctls(p: Program): void {
      for (const [path, value] of plan.sysctls) writeFile(p, file.AT_FDCWD, path, value);
    },

    /** After everything is opened: the limit of descriptors may be below those in use. */
    limits(p: Program): void {
      if (pid === undefined) limitResources(p, plan.rlimits);
      else limitResourcesOfNext(p, plan.rlimits);
    },

    /** In the process that crossed into the PID namespace. */
    limitProcesses(p: Program): void {
      limitProcesses(p, plan.rlimits);
    },

    /** In the keeper, after the first process has ended: kills the others where no namespace does. */
    end(p: Program, groups: Group[]): void {
      if (plan.shared & CLONE_NEWPID) endMembers(p, groups[0].path);
    },
  };
}

function openOwnMounts(p: Program, store: Cell): void {
  const path = p.string("/proc/self/ns/mnt");
  p.call("openat", [file.AT_FDCWD, path, file.O_RDONLY | file.O_CLOEXEC, 0], { store, what: "ns/mnt" });
}

function join(p: Program, pidfd: number | undefined, flag: number, kind: string): void {
  if (pidfd !== undefined) {
    p.call("setns", [pidfd, flag], { what: `the other container's ${kind} namespace` });
  }
}

/** The other container's /dev/shm, whatever is mounted there. */
function fetchShm(p: Program, pidfd: number): Cell {
  return fetchMount(p, pidfd, "/dev/shm");
}

/**
 * Fetches the other container's /proc without mounts that cover parts of it. A new one could only be mounted
 * by a process in that PID namespace with the right to mount, and such a process would be visible there. The
 * mount must be what it was at first: the root of a procfs of that PID namespace, which is the one for
 * children here.
 */
function fetchProc(p: Program, pidfd: number): Cell {
  const [PROC_SUPER_MAGIC, PROC_ROOT_INO] = [0x9fa0, 1];
  const what = "the other container's /proc";
  const inode = (dir: Cell | number, path: string) => {
    const stat = p.reserve(STATX.size);
    const flags = path === "" ? file.AT_EMPTY_PATH : 0;
    p.call("statx", [dir, p.string(path), flags, STATX_BASIC_STATS, stat], { what });
    return { address: stat + STATX.inode };
  };
  const wanted = inode(file.AT_FDCWD, "/proc/self/ns/pid_for_children");
  const closed = MOUNT_ATTR.noSuid | MOUNT_ATTR.noDev | MOUNT_ATTR.noExec;
  return fetchMount(p, pidfd, "/proc", closed, (found) => {
    const statfs = p.reserve(STATFS_SIZE);
    p.call("fstatfs", [found, statfs], { what });
    requireSame(p, { address: statfs }, PROC_SUPER_MAGIC, what);
    requireSame(p, inode(found, ""), PROC_ROOT_INO, what);
    requireSame(p, inode(found, "1/ns/pid"), wanted, what);
  });
}

/** struct statfs, which begins with the magic number. */
const STATFS_SIZE = 120;

function requireSame(p: Program, value: Cell, wanted: Cell | number, what: string): void {
  const [same, other] = [p.label(), p.label()];
  p.subtract(value, wanted, { zero: same, negative: other, positive: other });
  p.place(other);
  p.fail("statx", -ESTALE, what);
  p.place(same);
}

/**
 * Clones another container's mount at `path` as a detached mount, which the kernel allows only in its mount
 * namespace. Its processes may have put anything there, so it is opened as a directory, verified by `check`,
 * and made private with these attributes.
 */
function fetchMount(
  p: Program,
  pidfd: number,
  path: string,
  set = 0,
  check: (found: Cell) => void = () => {},
): Cell {
  const [own, found, mount] = [p.cell(), p.cell(), p.cell()];
  const what = `the other container's ${path}`;
  openOwnMounts(p, own);
  p.call("setns", [pidfd, CLONE_NEWNS], { what: "the other container's mount namespace" });
  const how = openHow(p, file.O_PATH | file.O_DIRECTORY, file.RESOLVE_NO_SYMLINKS);
  p.call("openat2", [file.AT_FDCWD, p.string(path), how, HOW_SIZE], { store: found, what });
  check(found);
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | file.AT_EMPTY_PATH;
  p.call("open_tree", [found, p.string(""), flags], { store: mount, what });
  changeMount(p, mount, { set, propagation: MS_PRIVATE }, what);
  p.call("setns", [own, CLONE_NEWNS], { what: "back from the other container's mount namespace" });
  for (const fd of [own, found]) p.call("close", [fd]);
  return mount;
}

/** The node has the permissions and owner of the host's. docker leaves existing nodes of the image alone. */
function makeDevice(p: Program, { path, mode, uid, gid, major, minor }: DeviceNode): void {
  const [failed, next] = [p.label(), p.label()];
  const result = p.cell();
  const at = p.string(path);
  makeDirectory(p, path.slice(0, path.lastIndexOf("/")) || "/");
  p.call("mknodat", [file.AT_FDCWD, at, mode, file.makedev(major, minor)], {
    store: result,
    negative: failed,
    what: path,
  });
  if (uid || gid) p.call("fchownat", [file.AT_FDCWD, at, uid, gid, file.AT_SYMLINK_NOFOLLOW], { what: path });
  p.goto(next);
  p.place(failed);
  p.subtract(result, -EEXIST, { zero: next });
  p.fail("mknodat", result, path);
  p.place(next);
}

/** How often the processes of a group are killed until it is empty, at intervals of a millisecond. */
const KILLINGS = 500;

/** Kills all processes in the group until none is left. */
function endMembers(p: Program, path: string): void {
  const [again, gone] = [p.label(), p.label()];
  const [found, left] = [p.cell(), p.cell(KILLINGS)];
  p.place(again);
  killMembers(p, path, found, gone);
  p.subtract(found, 0, { zero: gone });
  p.subtract(left, 1, { store: left, zero: gone });
  rest(p);
  p.goto(again);
  p.place(gone);
}

/**
 * Kills the processes. `found` is 1 if there were any. Their PIDs are text, read byte by byte. Goes to `gone`
 * if there is no group.
 */
function killMembers(p: Program, path: string, found: Cell, gone: Label): void {
  const [more, line, ended] = [p.label(), p.label(), p.label()];
  const [list, byte, pid] = [p.cell(), p.cell(), p.cell()];
  p.set(found, 0);
  p.set(pid, 0);
  p.call("openat", [file.AT_FDCWD, p.string(`${path}/cgroup.procs`), file.O_RDONLY | file.O_CLOEXEC, 0], {
    store: list,
    negative: gone,
  });
  p.place(more);
  p.call("read", [list, byte.address, 1], { zero: ended, negative: ended });
  p.subtract(byte, 10, /* \n */ { zero: line });
  appendDigit(p, pid, byte);
  p.goto(more);
  p.place(line);
  p.set(found, 1);
  // 0 means a process of an invisible PID namespace; for kill(2), it would be this process's own group.
  p.subtract(pid, 0, { zero: more });
  attempt(p, "kill", [pid, 9]);
  p.set(pid, 0);
  p.goto(more);
  p.place(ended);
  attempt(p, "close", [list]);
}

/** number = 10 * number + digit, computed by differences. */
function appendDigit(p: Program, number: Cell, byte: Cell): void {
  const [minus, double, eight] = [p.cell(), p.cell(), p.cell()];
  const twice = (from: Cell, to: Cell) => {
    p.subtract(0, from, { store: minus });
    p.subtract(from, minus, { store: to });
  };
  twice(number, double);
  twice(double, eight);
  twice(eight, eight);
  p.subtract(0, double, { store: minus });
  p.subtract(eight, minus, { store: number });
  p.subtract(48, byte, { store: minus });
  p.subtract(number, minus, { store: number });
}
