// Capabilities by name (capabilities(7)).

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

/** The number of a capability, by its name without CAP_; undefined where there is none of that name. */
export function capabilityNumber(name: string): number | undefined {
  const number = NAMES.indexOf(name);
  return number < 0 ? undefined : number;
}

/** Whether there is such a capability: "CAP_CHOWN". */
export const isCapability = (name: string): boolean => numberOf(name) >= 0;

/** The number of "CAP_CHOWN"; -1 where there is none of that name. */
export const numberOf = (name: string) => name.startsWith("CAP_") ? NAMES.indexOf(name.slice(4)) : -1;
