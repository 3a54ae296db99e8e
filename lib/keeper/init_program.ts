// The container's first process, from clone to execve: a kernel program run in the new namespaces. Everything it
// needs to decide was decided before; here is only the order, which the kernel is particular about.

import type { Group } from "../cgroup/group.ts";
import {
  CLONE_NEWCGROUP,
  CLONE_NEWNET,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  CLONE_PIDFD,
  SHARING_CHILD,
} from "../../ffi/clone.ts";
import * as file from "../../ffi/file.ts";
import {
  MNT_DETACH,
  MOUNT_ATTR,
  type MountChange,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_BIND,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
} from "../../ffi/mount.ts";
import type { Cell, Program } from "../../ffi/program.ts";
import { boundingSet } from "../security/capabilities.ts";
import { MASKED_PATHS, READ_ONLY_PATHS } from "../security/paths.ts";
import { enterGroups } from "./cgroup_program.ts";
import { execute } from "./execute_program.ts";
import { freePorts, type NetworkPlan, setUpNetwork } from "./network_steps.ts";
import { mountDevices } from "./device_program.ts";
import {
  attach,
  attempt,
  changeMount,
  cloneTree,
  CLOSED,
  CLOSED_READ_ONLY,
  closeInPlace,
  makeDirectory,
  mountAt,
} from "./mount_program.ts";
import type { Identity } from "../container/identity.ts";
import type { Walls } from "./wall_program.ts";

/** A mount below the root, in the order they are made. */
export interface PreparedMount {
  target: string;
  /** What is mounted is a file, so that its mount point must be one. */
  isFile: boolean;
  /** The detached mount, which has all its attributes. */
  fd: number;
  /** To be changed once it is attached. */
  attached?: MountChange[];
}

/** What a process of the container may do at most. */
export interface Confinement {
  /** Those it may have (capabilities(7)), and has as root. */
  capabilities: number[];
  /** The filter of its system calls, struct sock_filter[]; undefined for none. */
  filter: Uint8Array | undefined;
  /** Executing a set-user-ID file, or one with capabilities, gives nothing. */
  noNewPrivileges: boolean;
}

/** What the process needs: descriptors it inherits, and decisions. */
export interface InitPlan {
  rootfs: number;
  devpts: number;
  /** Descriptors that become 0, 1 and 2. */
  stdio: [number, number, number];
  tty: boolean;
  hostname: string;
  /** It is in a new network namespace. */
  ownNetwork: boolean;
  /** What to set up there besides the loopback interface. */
  network?: NetworkPlan;
  /** Another container's network namespace, to be entered. */
  networkNamespace?: number;
  /** What there is of the container's cgroup, and its descriptors (openGroups). */
  groups: Group[];
  openedGroups: Cell[];
  readOnlyRootfs: boolean;
  /** Of /proc and /sys nothing is masked. */
  exposedSystemPaths: boolean;
  mounts: PreparedMount[];
  workingDirectory: string;
  identity: Identity;
  confinement: Confinement;
  /**
   * Groups to be seen in /sys/fs/cgroup, by their directories on the host: version 1's under the hierarchy's `name`
   * there ("cpu,cpuacct"), version 2's as "".
   */
  cgroups: { name: string; path: string }[];
  /** What it has besides docker's defaults. */
  walls?: Walls;
  argv: string[];
  environment: string[];
  /** --init: the executable that PID 1 goes on with once the command runs as its child, and its arguments. */
  reaper?: { fd: number; argv: string[] };
  /** A number above all descriptors there are; the one after it is free, too. */
  spare: number;
  /** Readable once the keeper is gone. */
  keeperPidfd: Cell;
  /** Not 0 once a step has failed. */
  failed: Cell;
}

/** Appends the steps. A failure goes to the label that the caller gave to onFailure. */
export function initProgram(p: Program, plan: InitPlan): void {
  const { walls } = plan;
  const shared = walls?.shared ?? 0;
  dieWithKeeper(p, plan.keeperPidfd);
  enterGroups(p, plan.groups, plan.openedGroups);
  if (!(shared & CLONE_NEWCGROUP)) p.call("unshare", [CLONE_NEWCGROUP], { what: "cgroup namespace" });
  walls?.enter(p);
  const cgroupAttributes = walls?.privileged ? 0 : CLOSED_READ_ONLY;
  const cgroups = plan.cgroups.map(({ path }) => cloneTree(p, path, cgroupAttributes));
  p.call("umask", [0]);
  if (plan.networkNamespace !== undefined) {
    p.call("setns", [plan.networkNamespace, CLONE_NEWNET], { what: "the other container's network" });
  }
  enterRoot(p, plan.rootfs);
  leaveMarks(p);
  mountDevices(p, plan, cgroups);
  for (const mount of plan.mounts) mountPrepared(p, mount);
  // Not before: with a /proc, a symlink in the image to /proc/self/fd/N would be a way to a directory of the host's for
  // as long as this process has any open, and mount points are made above.
  mountAt(p, "proc", "proc", "/proc", CLOSED, "");
  // Before /proc/sys is read-only.
  if (plan.ownNetwork) {
    raiseLoopback(p);
    freePorts(p);
  }
  if (plan.network) setUpNetwork(p, plan.network);
  walls?.sysctls(p);
  if (!plan.exposedSystemPaths) protectPaths(p, plan.spare);
  if (plan.readOnlyRootfs) changeMount(p, plan.rootfs, { set: MOUNT_ATTR.readOnly }, "/ read-only");
  if (!(shared & CLONE_NEWUTS)) setHostname(p, plan.hostname);
  // The caller's session keyring would stay readable; without keyrings in the kernel there is none to leave.
  attempt(p, "keyctl", [1, /* KEYCTL_JOIN_SESSION_KEYRING */ 0]);
  p.call("umask", [0o022]);
  takeStdio(p, plan.stdio, plan.tty && !plan.reaper, `/proc/self/fd/${plan.spare}`);
  keepOnlyStdioAnd(p, plan.keeperPidfd, plan.reaper && { fd: plan.reaper.fd, spare: plan.spare + 1 });
  // After the host's directories are closed, for the same reason as above (CVE-2024-21626).
  enterDirectory(p, plan.workingDirectory);
  walls?.limits(p);
  dropPrivileges(p, plan.identity, plan.confinement);
  // Changing credentials clears the parent-death signal (prctl(2)).
  dieWithKeeper(p, plan.keeperPidfd);
  p.call("close", [plan.keeperPidfd]);
  if (plan.reaper) becomeReaper(p, plan, plan.reaper);
  p.call("rt_sigprocmask", [2, /* SIG_SETMASK */ p.words([0]), 0, 8]);
  closeLastWalls(p, plan.confinement);
  execute(p, plan);
}

function setHostname(p: Program, name: string): void {
  p.call("sethostname", [p.string(name), new TextEncoder().encode(name).length], { what: name });
}

/** SIGKILL when the keeper ends; at once if it ended before the kernel was told. */
export function dieWithKeeper(p: Program, keeper: Cell): void {
  p.call("prctl", [1, /* PR_SET_PDEATHSIG */ 9, 0, 0, 0]);
  const alive = p.label();
  const poll = p.ints([0, 1 /* POLLIN */]);
  p.set({ address: poll }, keeper);
  // A descriptor's number and no events in one word: set the events after it.
  p.subtract({ address: poll }, -(2 ** 32), { store: { address: poll } });
  // Refused where the container's filter refuses it, which is not the keeper's death.
  p.call("ppoll", [poll, 1, p.words([0, 0]), 0, 8], { zero: alive, negative: alive });
  p.call("exit_group", [1]);
  p.place(alive);
}

/** Makes the detached root the root, and the host's tree unreachable. */
function enterRoot(p: Program, rootfs: number): void {
  const slash = p.string("/");
  const here = p.string(".");
  // Or what is mounted here would show up in the host's namespace where its mounts are shared, as systemd's are.
  p.call("mount", [0, slash, 0, MS_REC | MS_PRIVATE, 0], { what: "/ private" });
  p.call("move_mount", [rootfs, p.string(""), file.AT_FDCWD, slash, MOVE_MOUNT_F_EMPTY_PATH], {
    what: "rootfs",
  });
  p.call("fchdir", [rootfs]);
  // "." on ".": the old root lands on top of the new one, from where it is taken away (pivot_root(2), NOTES).
  p.call("pivot_root", [here, here], { what: "to the rootfs" });
  p.call("umount2", [here, MNT_DETACH], { what: "the host's root" });
  p.call("chdir", [slash]);
}

/** What programs look for; an image that was a container once has them already. See stubs.ts. */
function leaveMarks(p: Program): void {
  attempt(p, "mknodat", [file.AT_FDCWD, p.string("/.dockerenv"), file.S_IFREG | 0o755, 0]);
  attempt(p, "symlinkat", [p.string("/proc/mounts"), file.AT_FDCWD, p.string("/etc/mtab")]);
}

/** Symlinks in `target` are followed, but by now everything they can lead to is the container's. */
function mountPrepared(p: Program, mount: PreparedMount): void {
  const { target, fd } = mount;
  if (mount.isFile) {
    makeDirectory(p, target.slice(0, target.lastIndexOf("/")) || "/");
    attempt(p, "mknodat", [file.AT_FDCWD, p.string(target), file.S_IFREG | 0o755, 0]);
  } else {
    makeDirectory(p, target);
  }
  attach(p, fd, target);
  for (const change of mount.attached ?? []) changeMount(p, fd, change, target);
}

/**
 * Hides and write-protects what of /proc and /sys speaks of the host. A path this kernel has not is passed over; any
 * other failure is one. `nothing` is a descriptor of /dev/null.
 */
function protectPaths(p: Program, nothing: number): void {
  const result = p.cell();
  for (const path of READ_ONLY_PATHS) {
    const [failed, absent] = [p.label(), p.label()];
    closeInPlace(p, path, CLOSED_READ_ONLY, { result, failed });
    p.goto(absent);
    p.place(failed);
    p.subtract(result, -2, /* ENOENT */ { zero: absent });
    p.fail("openat", result, path);
    p.place(absent);
  }
  const [empty, tmpfs] = [p.string("mode=555,size=0"), p.string("tmpfs")];
  const source = p.string(`/proc/self/fd/${nothing}`);
  for (const path of MASKED_PATHS) {
    const [failed, directory, next] = [p.label(), p.label(), p.label()];
    const at = p.string(path);
    p.call("mount", [source, at, 0, MS_BIND, 0], { store: result, negative: failed, zero: next });
    p.place(failed);
    p.subtract(result, -2, /* ENOENT */ { zero: next });
    p.subtract(result, -20, /* ENOTDIR */ { zero: directory });
    p.fail("mount", result, path);
    p.place(directory);
    p.call("mount", [tmpfs, at, tmpfs, MS_RDONLY, empty], { what: path });
    p.place(next);
  }
}

/** struct ifreq: the name in 16 bytes, then the flags. */
function raiseLoopback(p: Program): void {
  const [AF_INET, SOCK_DGRAM, SIOCSIFFLAGS, IFF_UP] = [2, 2, 0x8914, 1];
  const request = new Uint8Array(40);
  request.set(new TextEncoder().encode("lo"));
  request[16] = IFF_UP;
  const socket = p.cell();
  p.call("socket", [AF_INET, SOCK_DGRAM, 0], { store: socket });
  p.call("ioctl", [socket, SIOCSIFFLAGS, p.bytes(request)], { what: "lo up" });
  p.call("close", [socket]);
}

/** Docker makes the working directory where it is missing. */
function enterDirectory(p: Program, path: string): void {
  const inside = p.label();
  const missing = p.label();
  const at = p.string(path);
  p.call("chdir", [at], { negative: missing, zero: inside });
  p.place(missing);
  makeDirectory(p, path);
  p.call("chdir", [at], { what: path });
  p.place(inside);
}

/** Instead of a descriptor that becomes 0: the container's own /dev/null. */
export const NO_INPUT = -1;

/** A session of its own, with these as 0, 1 and 2. `nothing` is the path of the container's /dev/null. */
export function takeStdio(
  p: Program,
  stdio: [number, number, number],
  tty: boolean,
  nothing: string,
): void {
  p.call("setsid", []);
  stdio.forEach((fd, number) => p.call("dup3", [fd === NO_INPUT ? openNothing(p, nothing) : fd, number, 0]));
  if (tty) takeTerminal(p);
}

/** Not the host's: whoever has a descriptor of that may change its owner and mode. An empty file if there is none. */
function openNothing(p: Program, path: string): Cell {
  const [fd, opened, missing] = [p.cell(), p.label(), p.label()];
  const flags = file.O_RDWR | file.O_NOCTTY | file.O_CLOEXEC;
  const outcome = { store: fd, negative: missing, zero: opened, positive: opened };
  p.call("openat", [file.AT_FDCWD, p.string(path), flags, 0], outcome);
  p.place(missing);
  p.call("memfd_create", [p.string("null"), /* MFD_CLOEXEC */ 1], { store: fd });
  p.place(opened);
  return fd;
}

function takeTerminal(p: Program): void {
  p.call("ioctl", [0, 0x540e, /* TIOCSCTTY */ 0], { what: "controlling terminal" });
}

/** The reaper's descriptor, after keepOnlyStdioAnd. */
const REAPER = 4;

/**
 * Closes all but 0 to 2 and the keeper's pidfd, which becomes 3: a process, nothing to walk into. The reaper, if there
 * is one, becomes 4; `spare` is above all descriptors there are.
 */
export function keepOnlyStdioAnd(
  p: Program,
  keeper: Cell,
  reaper?: { fd: number; spare: number },
): void {
  // Out of the way first: its number may be 3, and the pidfd's 4.
  if (reaper) p.call("dup3", [reaper.fd, reaper.spare, file.O_CLOEXEC]);
  attempt(p, "dup3", [keeper, 3, file.O_CLOEXEC]); // refused where it is 3 already
  if (reaper) p.call("dup3", [reaper.spare, REAPER, file.O_CLOEXEC]);
  p.call("close_range", [reaper ? REAPER + 1 : 4, 0xffffffff, 0]);
  p.set(keeper, 3);
}

/**
 * Goes on in a child, with a session of its own, so that the terminal's signals are not PID 1's. PID 1 waits until the
 * child has executed the command, and executes the reaper; the signals it keeps blocked are the reaper's to pass on.
 * Meanwhile the command may already look at a PID 1 that is not quite docker-init yet.
 */
function becomeReaper(p: Program, plan: InitPlan, reaper: { argv: string[] }): void {
  const [child, end] = [p.label(), p.label()];
  p.call("prctl", [15, /* PR_SET_NAME */ p.string("docker-init"), 0, 0, 0]);
  const guest = ((plan.walls?.shared ?? 0) & CLONE_NEWPID) !== 0;
  const flags = guest ? SHARING_CHILD | CLONE_PIDFD : SHARING_CHILD;
  const pidfd = p.cell();
  p.call("clone", [flags, 0, pidfd.address, 0, 0], { zero: child, what: "--init" });
  p.subtract(plan.failed, 0, { positive: end });
  if (guest) keepPidfd(p, pidfd);
  // Not "execve", whose failures are the command's.
  p.call("execveat", [
    REAPER,
    p.string(""),
    p.strings(reaper.argv),
    p.strings(plan.environment),
    file.AT_EMPTY_PATH,
  ], { what: "--init" });
  p.place(end);
  p.call("exit_group", [1]);
  p.place(child);
  p.call("setsid", []);
  if (plan.tty) takeTerminal(p);
}

/** The reaper's COMMAND_PIDFD: the lowest number that is free once the keeper's pidfd is closed, which was 3. */
function keepPidfd(p: Program, pidfd: Cell): void {
  const [F_SETFD, stays] = [2, 0];
  p.call("fcntl", [pidfd, F_SETFD, stays], { what: "--init" });
}

/**
 * The bounding set first, while there is the right to drop from it; then the filter, for which it takes CAP_SYS_ADMIN
 * where new privileges are not given up; the user last but one, for the same reason.
 */
export function dropPrivileges(p: Program, identity: Identity, confinement: Confinement): void {
  const { capabilities: wanted, filter, noNewPrivileges } = confinement;
  for (const number of boundingSet()) {
    if (!wanted.includes(number)) p.call("prctl", [24, /* PR_CAPBSET_DROP */ number, 0, 0, 0]);
  }
  if (!noNewPrivileges) installFilter(p, filter);
  p.call("setgroups", [identity.groups.length, p.ints([...identity.groups, 0])]);
  p.call("setgid", [identity.gid]);
  p.call("setuid", [identity.uid]);
  const granted = identity.uid === 0 ? wanted : [];
  const mask = granted.reduce((sum, number) => sum | (1n << BigInt(number)), 0n);
  const [low, high] = [Number(mask & 0xffffffffn), Number(mask >> 32n)];
  const header = p.ints([0x20080522, /* _LINUX_CAPABILITY_VERSION_3 */ 0]);
  // struct __user_cap_data_struct[2]: effective, permitted, inheritable; nothing is inheritable (CVE-2022-24769).
  p.call("capset", [header, p.ints([low, low, 0, high, high, 0])]);
}

/** What closes at the very last, so that the filter need not allow anything that is done before it but executing. */
export function closeLastWalls(p: Program, { filter, noNewPrivileges }: Confinement): void {
  if (!noNewPrivileges) return;
  p.call("prctl", [38, /* PR_SET_NO_NEW_PRIVS */ 1, 0, 0, 0]);
  installFilter(p, filter);
}

function installFilter(p: Program, filter: Uint8Array | undefined): void {
  if (!filter) return;
  // struct sock_fprog: how many instructions there are, and where.
  const program = p.words([filter.length / 8, p.bytes(filter)]);
  p.call("seccomp", [1, /* SECCOMP_SET_MODE_FILTER */ 0, program], { what: "filter" });
}
