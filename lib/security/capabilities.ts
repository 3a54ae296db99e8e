// The capabilities (capabilities(7)) of containers.

import { capabilityNumber, numberOf } from "./capability_names.ts";

/** Docker's default. */
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

/** --cap-add, --cap-drop and --privileged: names with "CAP_", or "ALL". */
export interface CapabilityChange {
  privileged?: boolean;
  capAdd?: string[];
  capDrop?: string[];
}

/**
 * A container's capabilities as numbers: combined from the flags as docker does, and limited to those that
 * this process has.
 */
export function capabilitiesOf({ privileged, capAdd = [], capDrop = [] }: CapabilityChange): number[] {
  const available = boundingSet();
  const dropped = capDrop.map(numberOf);
  if (privileged) return available;
  if (capAdd.includes("ALL")) return available.filter((number) => !dropped.includes(number));
  const defaults = capDrop.includes("ALL") ? [] : DEFAULT.map((name) => capabilityNumber(name)!);
  const kept = defaults.filter((number) => !dropped.includes(number));
  // A capability that is both added and dropped is added.
  const wanted = new Set([...kept, ...capAdd.map(numberOf)]);
  return available.filter((number) => wanted.has(number));
}

let bounding: number[] | undefined;

/** The bounding set of this process, as numbers, read from /proc once. */
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
