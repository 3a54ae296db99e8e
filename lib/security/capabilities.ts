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

/** --cap-add, --cap-drop and --privileged: names with "CAP_", or "ALL". */
export interface CapabilityChange {
  privileged?: boolean;
  capAdd?: string[];
  capDrop?: string[];
}

/** Whether there is such a capability: "CAP_CHOWN". */
export const isCapability = (name: string): boolean => numberOf(name) >= 0;

const numberOf = (name: string) => name.startsWith("CAP_") ? NAMES.indexOf(name.slice(4)) : -1;

/**
 * The capabilities a container gets, as numbers: of those asked for, as docker puts them together, the ones
 * that this process has to give.
 */
export function capabilitiesOf({ privileged, capAdd = [], capDrop = [] }: CapabilityChange): number[] {
  const available = boundingSet();
  const dropped = capDrop.map(numberOf);
  if (privileged) return available;
  if (capAdd.includes("ALL")) return available.filter((number) => !dropped.includes(number));
  const defaults = capDrop.includes("ALL") ? [] : DEFAULT.map((name) => NAMES.indexOf(name));
  const kept = defaults.filter((number) => !dropped.includes(number));
  // What is added and dropped is added.
  const wanted = new Set([...kept, ...capAdd.map(numberOf)]);
  return available.filter((number) => wanted.has(number));
}

let bounding: number[] | undefined;

/** Capabilities this process may hand on, as numbers: its bounding set, read from /proc once. */
export function boundingSet(): number[] {
  return bounding ??= readBoundingSet();
}

function readBoundingSet(): number[] {
  const status = Deno.readTextFileSync("/proc/self/status");
  const digits = status.slice(status.indexOf("CapBnd:\t") + 8).slice(0, 16);
  const halves = [parseInt(digits.slice(8), 16), parseInt(digits.slice(0, 8), 16)];
  const found: number[] = [];
  for (let number = 0; number < 64; number++) {
    if (halves[number >> 5] >>> (number & 31) & 1) found.push(number);
  }
  return found;
}
