// The container's first process, from clone to execve: a kernel program run in the new namespaces. Everything
// it needs to decide was decided before; here is only the order, which the kernel is particular about.

import {
  ENOENT,
  ENOTDIR,
  POLLIN,
  PR_CAPBSET_DROP,
  PR_SET_NAME,
  PR_SET_NO_NEW_PRIVS,
  PR_SET_PDEATHSIG,
  SIGKILL,
} from "../../ffi/constants.ts";
import {
  CHILD,
  CLONE_NEWCGROUP,
  CLONE_NEWNET,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  CLONE_PIDFD,
} from "../../ffi/clone.ts";
import { encodeName } from "../../ffi/bytes.ts";
import * as file from "../../ffi/file.ts";
import {
  MNT_DETACH,
  MOUNT_ATTR,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_BIND,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
} from "../../ffi/mount.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import { boundingSet } from "../security/capabilities.ts";
import { MASKED_PATHS, READ_ONLY_PATHS } from "../security/paths.ts";
import { enterGroups } from "./cgroup_program.ts";
import { COMMAND_PIDFD, cross, REPORT, reportFailure } from "./cross_program.ts";
import { enterDirectory, openMountPoint, openProc, reopen } from "./directory_program.ts";
import { execute } from "./execute_program.ts";
import { freePorts, setUpNetwork } from "./network_steps.ts";
import { mountDevices } from "./device_program.ts";
import {
  attachTo,
  attempt,
  changeMount,
  cloneTree,
  CLOSED,
  CLOSED_READ_ONLY,
  closeInPlace,
  mountAt,
} from "./mount_program.ts";
import { type Confinement, type Identity, type InitPlan, NO_INPUT, type PreparedMount } from "./plan.ts";

const [KEYCTL_JOIN_SESSION_KEYRING, SIG_SETMASK, SECCOMP_SET_MODE_FILTER, TIOCSCTTY] = [1, 2, 1, 0x540e];
const LINUX_CAPABILITY_VERSION_3 = 0x20080522;

/** Appends the steps. A failure goes to the label that the caller gave to onFailure. */
export function initProgram(p: Program, plan: InitPlan): void {
  const { isolation, crossing } = plan;
  const shared = isolation?.shared ?? 0;
  p.call("close", [crossing.read]);
  dieWithKeeper(p, crossing.write);
  enterGroups(p, plan.groups, plan.openedGroups);
  if (!(shared & CLONE_NEWCGROUP)) p.call("unshare", [CLONE_NEWCGROUP], { what: "cgroup namespace" });
  const proc = openProc(p);
  isolation?.enter(p);
  const cgroupAttributes = isolation?.privileged ? 0 : CLOSED_READ_ONLY;
  const cgroups = plan.cgroups.map(({ path }) => cloneTree(p, path, cgroupAttributes));
  p.call("umask", [0]);
  if (plan.networkNamespace !== undefined) {
    p.call("setns", [plan.networkNamespace, CLONE_NEWNET], { what: "the other container's network" });
  }
  enterRoot(p, plan.rootfs);
  leaveMarks(p);
  mountDevices(p, plan, cgroups);
  for (const mount of plan.mounts) mountPrepared(p, mount);
  // Not earlier: with /proc mounted, a symlink in the image to /proc/self/fd/N would lead to any directory of
  // the host that this process has open, and mount points are made above.
  if (!isolation?.proc(p)) mountAt(p, "proc", "proc", "/proc", CLOSED, "");
  // Before /proc/sys is read-only.
  if (plan.ownNetwork) {
    raiseLoopback(p);
    freePorts(p);
  }
  if (plan.network) setUpNetwork(p, plan.network);
  isolation?.sysctls(p);
  if (!plan.exposedSystemPaths) protectPaths(p, proc, plan.spare);
  if (plan.readOnlyRootfs) changeMount(p, plan.rootfs, { set: MOUNT_ATTR.readOnly }, "/ read-only");
  if (!(shared & CLONE_NEWUTS)) setHostname(p, plan.hostname);
  leaveKeyring(p);
  p.call("umask", [0o022]);
  takeStdio(p, plan.stdio, () => reopen(p, proc, plan.spare));
  const gate = plan.reaper && openGate(p);
  keepOnlyStdioAnd(
    p,
    [crossing.write, ...plan.reaper && gate ? [plan.reaper.fd, gate.read, gate.write] : []],
    plan.spare + 1,
  );
  // After the host's directories are closed, for the same reason (CVE-2024-21626).
  enterDirectory(p, plan.workingDirectory, { make: true });
  const ownTerminal = plan.tty && !plan.reaper;
  beginSession(p, ownTerminal && !isolation?.guest);
  isolation?.limits(p);
  dropPrivileges(p, plan.identity, plan.confinement);
  const refused = p.label();
  if (isolation?.guest) {
    cross(p, crossing);
    p.onFailure(refused);
    isolation.limitProcesses(p);
    beginSessionInside(p, ownTerminal);
  }
  // Changing credentials clears the parent-death signal (prctl(2)).
  dieWithKeeper(p, REPORT);
  if (plan.reaper) becomeReaper(p, plan, plan.reaper, refused);
  executeConfined(p, plan);
  p.place(refused);
  if (isolation?.guest || plan.reaper) reportFailure(p);
}

/**
 * Leaves the caller's session keyring, which would stay readable. A kernel without keyrings has none to
 * leave.
 */
export function leaveKeyring(p: Program): void {
  attempt(p, "keyctl", [KEYCTL_JOIN_SESSION_KEYRING, 0]);
}

/** The last steps of a process that becomes a command of the container. */
export function executeConfined(
  p: Program,
  plan: Pick<InitPlan, "confinement" | "argv" | "environment">,
): void {
  p.call("rt_sigprocmask", [SIG_SETMASK, p.words([0]), 0, 8]);
  confine(p, plan.confinement);
  execute(p, plan);
}

function setHostname(p: Program, name: string): void {
  p.call("sethostname", [p.string(name), encodeName(name).length], { what: name });
}

/**
 * Has the kernel send SIGKILL when the keeper ends; ends at once if the keeper ended before this call.
 * `keeper` is one end of a pipe whose other end only the keeper has.
 */
export function dieWithKeeper(p: Program, keeper: Cell | number): void {
  p.call("prctl", [PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0]);
  const alive = p.label();
  const poll = p.ints([0, POLLIN]);
  p.set({ address: poll }, keeper);
  // A descriptor's number and no events in one word: set the events after it.
  p.subtract({ address: poll }, -(2 ** 32), { store: { address: poll } });
  // The container's filter may refuse this call, which does not mean that the keeper is dead.
  p.call("ppoll", [poll, 1, p.words([0, 0]), 0, 8], { zero: alive, negative: alive });
  p.call("exit_group", [1]);
  p.place(alive);
}

/** Makes the detached root the root, and the host's tree unreachable. */
function enterRoot(p: Program, rootfs: number): void {
  const slash = p.string("/");
  const here = p.string(".");
  // Otherwise mounts made here would appear in the host's namespace if its mounts are shared, as under
  // systemd.
  p.call("mount", [0, slash, 0, MS_REC | MS_PRIVATE, 0], { what: "/ private" });
  p.call("move_mount", [rootfs, p.string(""), file.AT_FDCWD, slash, MOVE_MOUNT_F_EMPTY_PATH], {
    what: "rootfs",
  });
  p.call("fchdir", [rootfs]);
  // "." on ".": the old root is mounted on top of the new one and unmounted from there (pivot_root(2),
  // NOTES).
  p.call("pivot_root", [here, here], { what: "to the rootfs" });
  p.call("umount2", [here, MNT_DETACH], { what: "the host's root" });
  p.call("chdir", [slash]);
}

/**
 * Marks that programs look for. An image that was committed from a container has them already. See
 * lifecycle/placeholders.ts.
 */
function leaveMarks(p: Program): void {
  attempt(p, "mknodat", [file.AT_FDCWD, p.string("/.dockerenv"), file.S_IFREG | 0o755, 0]);
  attempt(p, "symlinkat", [p.string("/proc/mounts"), file.AT_FDCWD, p.string("/etc/mtab")]);
}

/**
 * Symlinks in `target` are followed, except in a /proc that was mounted from the host. Everything else they
 * can lead to is the container's by now.
 */
function mountPrepared(p: Program, mount: PreparedMount): void {
  const { target, fd } = mount;
  const point = openMountPoint(p, target, mount.isFile);
  attachTo(p, fd, point, target);
  p.call("close", [point]);
  for (const change of mount.attached ?? []) changeMount(p, fd, change, target);
}

/**
 * Hides or write-protects paths of /proc and /sys that concern the host. A path that this kernel lacks is
 * skipped; any other failure counts. `nothing` is a descriptor of /dev/null. `proc` is the host's /proc,
 * which shows this process; the container's does not if it joins another PID namespace.
 */
function protectPaths(p: Program, proc: Cell, nothing: number): void {
  const result = p.cell();
  for (const path of READ_ONLY_PATHS) {
    const [failed, absent] = [p.label(), p.label()];
    closeInPlace(p, path, CLOSED_READ_ONLY, { result, failed });
    p.goto(absent);
    p.place(failed);
    p.subtract(result, -ENOENT, { zero: absent });
    p.fail("openat", result, path);
    p.place(absent);
  }
  const [empty, tmpfs] = [p.string("mode=555,size=0"), p.string("tmpfs")];
  const source = p.string(`self/fd/${nothing}`);
  p.call("fchdir", [proc]);
  for (const path of MASKED_PATHS) {
    const [failed, directory, next] = [p.label(), p.label(), p.label()];
    const at = p.string(path);
    p.call("mount", [source, at, 0, MS_BIND, 0], { store: result, negative: failed, zero: next });
    p.place(failed);
    p.subtract(result, -ENOENT, { zero: next });
    p.subtract(result, -ENOTDIR, { zero: directory });
    p.fail("mount", result, path);
    p.place(directory);
    p.call("mount", [tmpfs, at, tmpfs, MS_RDONLY, empty], { what: path });
    p.place(next);
  }
  p.call("chdir", [p.string("/")]);
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

/** Makes these descriptors 0, 1 and 2. `openNothing` opens the container's own /dev/null. */
export function takeStdio(p: Program, stdio: [number, number, number], openNothing: () => Cell): void {
  stdio.forEach((fd, number) => p.call("dup3", [fd === NO_INPUT ? openNothing() : fd, number, 0]));
}

/** Begins a session, whose terminal is 0 if it has one. */
export function beginSession(p: Program, tty: boolean): void {
  p.call("setsid", []);
  if (tty) p.call("ioctl", [0, TIOCSCTTY, 0], { what: "controlling terminal" });
}

/**
 * Begins a session in a process that crossed (cross_program.ts), where the container's filter may refuse it.
 * What matters is that the helper is in no group of its processes, which the set-up process's session has
 * ensured.
 */
export function beginSessionInside(p: Program, tty: boolean): void {
  if (tty) beginSession(p, tty);
  else attempt(p, "setsid", []);
}

/**
 * Closes all descriptors except 0 to 2 and these, which become 3 and up, close-on-exec. `spare` and as many
 * numbers after it are above all descriptors in use.
 */
export function keepOnlyStdioAnd(p: Program, kept: (Cell | number)[], spare: number): void {
  // They are moved away first, because one's number may be another's new number.
  kept.forEach((fd, index) => p.call("dup3", [fd, spare + index, file.O_CLOEXEC]));
  kept.forEach((_, index) => p.call("dup3", [spare + index, 3 + index, file.O_CLOEXEC]));
  p.call("close_range", [3 + kept.length, 0xffffffff, 0]);
}

/** Descriptors of keepOnlyStdioAnd with --init, besides REPORT. */
const [REAPER, GATE, GATE_WRITE] = [4, 5, 6];

function openGate(p: Program): { read: Cell; write: Cell } {
  const pipe = p.words([0, 0]);
  p.call("pipe2", [pipe, file.O_CLOEXEC], { what: "--init" });
  return { read: { address: pipe }, write: { address: pipe + 4 } };
}

/**
 * Continues in a child with a session of its own, so that PID 1 does not get the terminal's signals. The
 * child waits until PID 1 has executed the reaper: the command may inspect everything in its PID namespace,
 * and PID 1 may share its memory with the keeper until then. The reaper passes on the signals that PID 1
 * keeps blocked.
 */
function becomeReaper(p: Program, plan: InitPlan, reaper: { argv: string[] }, refused: Label): void {
  const [child, wait] = [p.label(), p.label()];
  p.call("prctl", [PR_SET_NAME, p.string("docker-init"), 0, 0, 0]);
  const isGuest = ((plan.isolation?.shared ?? 0) & CLONE_NEWPID) !== 0;
  const pidfd = p.cell();
  const flags = isGuest ? CHILD | CLONE_PIDFD : CHILD;
  p.call("clone", [flags, 0, pidfd.address, 0, 0], { zero: child, what: "--init" });
  // It is the only descriptor that stays open when the reaper is executed.
  if (isGuest) p.call("dup3", [pidfd, COMMAND_PIDFD, 0], { what: "--init" });
  // Not "execve", whose failures concern the command.
  p.call("execveat", [
    REAPER,
    p.string(""),
    p.strings(reaper.argv),
    p.strings(plan.environment),
    file.AT_EMPTY_PATH,
  ], { what: "--init" });
  p.place(child);
  p.onFailure(refused);
  p.call("prctl", [PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0]);
  p.call("close", [GATE_WRITE]);
  p.place(wait);
  p.call("read", [GATE, p.reserve(8), 1], { negative: wait });
  beginSession(p, plan.tty);
}

/**
 * The bounding set comes first, while there is the right to change it. Then the filter, which needs
 * CAP_SYS_ADMIN unless new privileges are given up. The user comes last but one, for the same reason.
 */
export function dropPrivileges(p: Program, identity: Identity, confinement: Confinement): void {
  const { capabilities: wanted, filter, noNewPrivileges } = confinement;
  for (const number of boundingSet()) {
    if (!wanted.includes(number)) p.call("prctl", [PR_CAPBSET_DROP, number, 0, 0, 0]);
  }
  if (!noNewPrivileges) installFilter(p, filter);
  p.call("setgroups", [identity.groups.length, p.ints([...identity.groups, 0])]);
  p.call("setgid", [identity.gid]);
  p.call("setuid", [identity.uid]);
  const granted = identity.uid === 0 ? wanted : [];
  const mask = granted.reduce((sum, number) => sum | (1n << BigInt(number)), 0n);
  const [low, high] = [Number(mask & 0xffffffffn), Number(mask >> 32n)];
  const header = p.ints([LINUX_CAPABILITY_VERSION_3, 0]);
  // struct __user_cap_data_struct[2]: effective, permitted, inheritable; nothing is inheritable
  // (CVE-2022-24769).
  p.call("capset", [header, p.ints([low, low, 0, high, high, 0])]);
}

/** The very last restrictions, so that the filter need not allow any call before it except for executing. */
function confine(p: Program, { filter, noNewPrivileges }: Confinement): void {
  if (!noNewPrivileges) return;
  p.call("prctl", [PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0]);
  installFilter(p, filter);
}

function installFilter(p: Program, filter: Uint8Array | undefined): void {
  if (!filter) return;
  // struct sock_fprog: how many instructions there are, and where.
  const program = p.words([filter.length / 8, p.bytes(filter)]);
  p.call("seccomp", [SECCOMP_SET_MODE_FILTER, 0, program], { what: "filter" });
}
