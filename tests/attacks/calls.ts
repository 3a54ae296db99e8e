// What attackers try, by the wall that is in question. With the arguments that they have here these calls
// would do nothing where they are allowed, or only to the process that makes them and in its namespaces.

import { type Call, ints, type Outcome, words } from "./attacker.ts";
import { AT_FDCWD, makedev, O_DIRECTORY, O_RDONLY, O_WRONLY } from "../../ffi/file.ts";

const PROCESS_KEYRING = -2;
const [BPF_MAP_CREATE, BPF_MAP_TYPE_ARRAY] = [0, 2];
const [PERF_TYPE_SOFTWARE, PERF_ATTR_SIZE_VER0] = [1, 64];
const [ADJ_TICK, ADDR_NO_RANDOMIZE, SYSLOG_ACTION_SIZE_BUFFER, KCMP_VM] = [0x4000, 0x40000, 10, 1];
const perfEvent = new Uint8Array([...ints(PERF_TYPE_SOFTWARE, PERF_ATTR_SIZE_VER0), ...new Uint8Array(56)]);
const timex = new Uint8Array([...ints(ADJ_TICK, 0), ...new Uint8Array(240)]);

/** By the capability that would allow them (none: any process may), what they come to then. */
export const KERNEL: Record<string, [call: Call, allowed: Outcome][]> = {
  "": [
    [["keyctl", 0, PROCESS_KEYRING, 1], "done"],
    [["add_key", "user", "mydocker-test", "x", 1, PROCESS_KEYRING], "done"],
    [["request_key", "user", "mydocker-none", 0, 0], "ENOKEY"],
    [["userfaultfd", 1], "done"],
    [["personality", ADDR_NO_RANDOMIZE], "done"],
  ],
  SYS_ADMIN: [
    [["bpf", BPF_MAP_CREATE, ints(BPF_MAP_TYPE_ARRAY, 4, 8, 1), 16], "done"],
    [["perf_event_open", perfEvent, 0, -1, -1, 0], "done"],
    [["fanotify_init", 0, 0], "done"],
    [["sethostname", "renamed", 7], "done"],
    [["setdomainname", "renamed", 7], "done"],
    // Of no device.
    [["quotactl", 0, 0, 0, 0], "ENODEV"],
  ],
  SYS_TIME: [
    [["settimeofday", 0, 0], "done"],
    // Two seconds' worth of nanoseconds.
    [["clock_settime", 0, words(0, 2_000_000_000)], "EINVAL"],
  ],
  SYS_BOOT: [
    // Without the magic numbers.
    [["reboot", 0, 0, 0, 0], "EINVAL"],
  ],
  SYSLOG: [[["syslog", SYSLOG_ACTION_SIZE_BUFFER, 0, 0], "done"]],
  SYS_PTRACE: [[["kcmp", 1, 1, KCMP_VM, 0, 0], "done"]],
  SYS_NICE: [[["set_mempolicy", 0, 0, 0], "done"]],
};

/** With flags that there are not. No capability opens the filter for it. */
export const KEXEC: Call = ["kexec_load", 0, 0, 0, 8];

/** Not called at all by others than root of all, whom the machine may not have. */
export const MODULES: Call[] = [
  ["init_module", "", 0, ""],
  ["finit_module", -1, "", 0],
  ["delete_module", "mydocker_none", 0],
];

/** Setting the clock's tick to none; reading it takes the same call, which every filter lets through. */
export const TICK: Call = ["adjtimex", timex];

/** The calls of KERNEL that a capability allows. */
export const allowedBy = (capability: string) => KERNEL[capability].map(([call]) => call);

/** All of them, and those that none allows. */
export const ALL_OF_KERNEL = [...Object.keys(KERNEL).flatMap(allowedBy), KEXEC, ...MODULES];

const [MS_RDONLY, MS_REMOUNT, MS_BIND, MNT_DETACH] = [1, 32, 4096, 2];
const [OPEN_TREE_CLONE, CLONE_NEWNS] = [1, 0x20000];

/** What it takes to see, or make writable, what was covered. */
export const MOUNTING: Call[] = [
  ["mount", "tmpfs", "/tmp", "tmpfs", 0, 0],
  ["mount", "/etc", "/tmp", 0, MS_BIND, 0],
  ["mount", 0, "/proc/sys", 0, MS_REMOUNT | MS_BIND, 0],
  ["mount", 0, "/sys", 0, MS_REMOUNT | MS_BIND, 0],
  ["mount", 0, "/sys", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0],
  ["umount2", "/proc/keys", MNT_DETACH],
  ["mount", "proc", "/tmp", "proc", 0, 0],
  ["open_tree", AT_FDCWD, "/etc", OPEN_TREE_CLONE],
  ["move_mount", { of: 7 }, "", AT_FDCWD, "/tmp", 4],
  ["fsopen", "tmpfs", 0],
  ["fspick", AT_FDCWD, "/tmp", 0],
  ["unshare", CLONE_NEWNS],
  ["openat", AT_FDCWD, "/tmp", O_RDONLY | O_DIRECTORY, 0],
  ["chdir", "/tmp"],
  ["pivot_root", ".", "."],
];

/** Opens it for writing. */
export const writing = (path: string): Call => ["openat", AT_FDCWD, path, O_WRONLY, 0];

/** Those of the paths that this kernel has. */
export function present(...paths: string[]): string[] {
  return paths.filter((path) => {
    try {
      return Deno.lstatSync(path);
    } catch {
      return false;
    }
  });
}

/**
 * Where a program's path, written there, would be executed by the kernel outside; and where it would be
 * restarted.
 */
export const SETTINGS = present(
  "/proc/sys/kernel/core_pattern",
  "/proc/sys/kernel/modprobe",
  "/proc/sys/kernel/hotplug",
  "/proc/sys/kernel/sysrq",
  "/proc/sys/vm/panic_on_oom",
  "/proc/sysrq-trigger",
  "/proc/irq/default_smp_affinity",
);
export const SYSFS = present(
  "/sys/kernel/uevent_helper",
  "/sys/kernel/profiling",
  "/sys/power/state",
  "/sys/kernel/mm/ksm/run",
);

/** What is at a device's number, opened through a node that the container makes. */
export const opening = (kind: number, major: number, minor: number): Call[] => [
  ["mknodat", AT_FDCWD, "/tmp/node", kind | 0o666, makedev(major, minor)],
  ["openat", AT_FDCWD, "/tmp/node", O_RDONLY, 0],
  writing("/tmp/node"),
];
