// Steps of init and keeper that only some containers need: others' namespaces, devices, kernel parameters, limits.

import { CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUTS } from "../../ffi/clone.ts";
import * as file from "../../ffi/file.ts";
import { MS_PRIVATE, OPEN_TREE_CLOEXEC, OPEN_TREE_CLONE } from "../../ffi/mount.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import type { Group } from "../cgroup/group.ts";
import type { DeviceNode } from "../security/devices.ts";
import { rest } from "./cgroup_program.ts";
import { attach, attempt, changeMount, CLOSED, makeDirectory, mountAt } from "./mount_program.ts";
import { limitResources, type Rlimit, writeFile } from "./limit_program.ts";

/** What a container shall have, decided and opened. */
export interface WallPlan {
  /** Everything of the host's in reach: nothing is masked, /sys is writable. */
  privileged: boolean;
  /** Namespaces that are not its own (CLONE_NEW…). */
  shared: number;
  /** Pidfds of processes whose namespaces it gets. */
  pid?: number;
  ipc?: number;
  uts?: number;
  cgroup?: number;
  /** /dev/shm: bytes of one of its own, the host's as a detached mount, that of the process `ipc`, or none. */
  shm: { size: number } | { fd: number } | "joined" | "none";
  devices: DeviceNode[];
  sysctls: [path: string, value: string][];
  rlimits: Rlimit[];
  oomScoreAdj?: number;
}

export type Walls = ReturnType<typeof wallSteps>;

/** The same as steps, to be appended in this order. */
export function wallSteps(plan: WallPlan) {
  let shm: Cell | undefined;
  const { pid, ipc, uts, cgroup } = plan;
  const bound = typeof plan.shm === "object" && "fd" in plan.shm ? plan.shm.fd : undefined;
  return {
    ...{ privileged: plan.privileged, shared: plan.shared },
    descriptors: [pid, ipc, uts, cgroup, bound].filter((fd) => fd !== undefined),

    /** In the keeper: where its child shall be born; returns the way back. */
    joinPid(p: Program): Cell | undefined {
      if (pid === undefined) return undefined;
      const own = p.cell();
      openOwn(p, "pid", own);
      p.call("setns", [pid, CLONE_NEWPID], { what: "the other container's PID namespace" });
      return own;
    },

    /** First of all, with the host's /proc in reach, and no namespace's walls before it. */
    enter(p: Program): void {
      if (plan.oomScoreAdj !== undefined) {
        writeFile(p, file.AT_FDCWD, "/proc/self/oom_score_adj", String(plan.oomScoreAdj));
      }
      join(p, uts, CLONE_NEWUTS, "UTS");
      join(p, cgroup, CLONE_NEWCGROUP, "cgroup");
      join(p, ipc, CLONE_NEWIPC, "IPC");
      if (plan.shm === "joined") shm = fetchShm(p, ipc!);
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

    /** Before docker's own, which leave alone what is there. */
    devices(p: Program): void {
      for (const device of plan.devices) makeDevice(p, device);
    },

    /** With /proc mounted, and not protected yet. */
    sysctls(p: Program): void {
      for (const [path, value] of plan.sysctls) writeFile(p, file.AT_FDCWD, path, value);
    },

    /** With nothing left to open: the limit of descriptors may be below those in use. */
    limits(p: Program): void {
      limitResources(p, plan.rlimits);
    },

    /** In the keeper, once the first process has ended: where no namespace takes the others along. */
    end(p: Program, groups: Group[]): void {
      if (plan.shared & CLONE_NEWPID) endMembers(p, groups[0].path);
    },
  };
}

function openOwn(p: Program, kind: "pid" | "mnt", store: Cell): void {
  const path = p.string(`/proc/self/ns/${kind}`);
  p.call("openat", [file.AT_FDCWD, path, file.O_RDONLY | file.O_CLOEXEC, 0], { store, what: `ns/${kind}` });
}

function join(p: Program, pidfd: number | undefined, flag: number, kind: string): void {
  if (pidfd !== undefined) {
    p.call("setns", [pidfd, flag], { what: `the other container's ${kind} namespace` });
  }
}

/**
 * The other container's /dev/shm, cloned as a detached mount; which the kernel allows in its mount namespace only. This
 * process's memory is closed to whatever runs there (introduce).
 */
function fetchShm(p: Program, pidfd: number): Cell {
  const [own, mount] = [p.cell(), p.cell()];
  openOwn(p, "mnt", own);
  p.call("setns", [pidfd, CLONE_NEWNS], { what: "the other container's mount namespace" });
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | file.AT_SYMLINK_NOFOLLOW;
  p.call("open_tree", [file.AT_FDCWD, p.string("/dev/shm"), flags], {
    store: mount,
    what: "the other container's /dev/shm",
  });
  changeMount(p, mount, { propagation: MS_PRIVATE }, "the other container's /dev/shm");
  p.call("setns", [own, CLONE_NEWNS], { what: "back from the other container's mount namespace" });
  p.call("close", [own]);
  return mount;
}

/** With the permissions and the owner it has on the host; docker leaves alone what the image has there. */
function makeDevice(p: Program, { path, mode, uid, gid, major, minor }: DeviceNode): void {
  const [failed, next] = [p.label(), p.label()];
  const result = p.cell();
  const at = p.string(path);
  makeDirectory(p, path.slice(0, path.lastIndexOf("/")) || "/");
  p.call("mknodat", [file.AT_FDCWD, at, mode, file.makedev(major, minor)], {
    ...{ store: result, negative: failed, what: path },
  });
  if (uid || gid) p.call("fchownat", [file.AT_FDCWD, at, uid, gid, file.AT_SYMLINK_NOFOLLOW], { what: path });
  p.goto(next);
  p.place(failed);
  p.subtract(result, -17, /* EEXIST */ { zero: next });
  p.fail("mknodat", result, path);
  p.place(next);
}

/** How often the processes of a group are killed that does not get empty, a millisecond each. */
const KILLINGS = 500;

/** Kills all that is in the group until there is nothing left in it. */
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

/** `found` is 1 if there were any, whose numbers come as text and are read byte by byte; to `gone` without a group. */
function killMembers(p: Program, path: string, found: Cell, gone: Label): void {
  const [more, line, ended] = [p.label(), p.label(), p.label()];
  const [list, byte, pid] = [p.cell(), p.cell(), p.cell()];
  p.set(found, 0);
  p.set(pid, 0);
  p.call("openat", [file.AT_FDCWD, p.string(`${path}/cgroup.procs`), file.O_RDONLY | file.O_CLOEXEC, 0], {
    ...{ store: list, negative: gone },
  });
  p.place(more);
  p.call("read", [list, byte.address, 1], { zero: ended, negative: ended });
  p.subtract(byte, 10, /* \n */ { zero: line });
  appendDigit(p, pid, byte);
  p.goto(more);
  p.place(line);
  p.set(found, 1);
  // 0 would be one of another PID namespace, which this process can't name, and is its own group to kill(2).
  p.subtract(pid, 0, { zero: more });
  attempt(p, "kill", [pid, 9]);
  p.set(pid, 0);
  p.goto(more);
  p.place(ended);
  attempt(p, "close", [list]);
}

/** number = 10 * number + digit, of differences only. */
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
