// Capabilities (capabilities(7)): names, and the sets a container gets.

/** In the order of their numbers, from 0. */
const NAMES = [
  "CHOWN",
  "DAC_OVERRIDE",
  "DAC_READ_SEARCH",
  "FOWNER",
  "FSETID",
  "KILL",
  "SETGID",
  "SETUID",
  "SETPCAP",
  "LINUX_IMMUTABLE",
  "NET_BIND_SERVICE",
  "NET_BROADCAST",
  "NET_ADMIN",
  "NET_RAW",
  "IPC_LOCK",
  "IPC_OWNER",
  "SYS_MODULE",
  "SYS_RAWIO",
  "SYS_CHROOT",
  "SYS_PTRACE",
  "SYS_PACCT",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_NICE",
  "SYS_RESOURCE",
  "SYS_TIME",
  "SYS_TTY_CONFIG",
  "MKNOD",
  "LEASE",
  "AUDIT_WRITE",
  "AUDIT_CONTROL",
  "SETFCAP",
  "MAC_OVERRIDE",
  "MAC_ADMIN",
  "SYSLOG",
  "WAKE_ALARM",
  "BLOCK_SUSPEND",
  "AUDIT_READ",
  "PERFMON",
  "BPF",
  "CHECKPOINT_RESTORE",
];

/** What docker leaves a container by default. */
const DEFAULT = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FSETID",
  "FOWNER",
  "MKNOD",
  "NET_RAW",
  "SETGID",
  "SETUID",
  "SETFCAP",
  "SETPCAP",
  "NET_BIND_SERVICE",
  "SYS_CHROOT",
  "KILL",
  "AUDIT_WRITE",
];

/** The number of a capability, by its name without CAP_; undefined where there is none of that name. */
export function capabilityNumber(name: string): number | undefined {
  const number = NAMES.indexOf(name);
  return number < 0 ? undefined : number;
}

/** The default set as numbers. */
export function defaultCapabilities(): number[] {
  return DEFAULT.map((name) => NAMES.indexOf(name));
}

/** Capabilities this process may hand on, as numbers: its bounding set, read from /proc. */
export function boundingSet(): number[] {
  const status = Deno.readTextFileSync("/proc/self/status");
  const digits = status.slice(status.indexOf("CapBnd:\t") + 8).slice(0, 16);
  const halves = [parseInt(digits.slice(8), 16), parseInt(digits.slice(0, 8), 16)];
  const found: number[] = [];
  for (let number = 0; number < 64; number++) {
    if (halves[number >> 5] >>> (number & 31) & 1) found.push(number);
  }
  return found;
}
