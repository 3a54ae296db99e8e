// The devices that a container may make and open. Capabilities and the nodes in its /dev are not enough,
// because root may make more nodes. v1 has a controller for that, v2 a program (device_program.ts).

import { isErrno } from "../../ffi/errno.ts";
import { writeControl } from "./control_file.ts";
import { loadDeviceProgram } from "./device_program.ts";
import type { DeviceRule, Group } from "./types.ts";

const character = (major: number, minor: number | undefined): DeviceRule => ({
  type: "c",
  major,
  minor,
  access: "rwm",
});

/** Docker's rules: any node may be made, but only these opened. */
export const DEFAULT_DEVICE_RULES: DeviceRule[] = [
  { type: "b", major: undefined, minor: undefined, access: "m" },
  { type: "c", major: undefined, minor: undefined, access: "m" },
  character(1, 3), // null
  character(1, 5), // zero
  character(1, 7), // full
  character(1, 8), // random
  character(1, 9), // urandom
  character(5, 0), // tty
  character(5, 1), // console
  character(5, 2), // ptmx
  character(10, 200), // net/tun
  character(136, undefined), // terminals
];

/**
 * Allows the processes of a container's group (its directories in all hierarchies) these devices and no
 * others. It is called before there are any processes. Devices that the host's own group lacks can't be
 * granted; opening them fails then. Does nothing where no hierarchy supports rules. Throws KernelError.
 */
export function setDeviceRules(groups: Group[], rules: DeviceRule[]): void {
  const group = groups.find(({ controllers }) => controllers.includes("devices"));
  if (!group) return;
  if (group.version === 2) loadDeviceProgram(group.path, rules);
  else {
    writeControl(`${group.path}/devices.deny`, "a");
    allow(`${group.path}/devices.allow`, rules.flatMap(perType).map(ruleText));
  }
}

/** v1's "a" allows everything, whatever numbers follow. */
function perType(rule: DeviceRule): DeviceRule[] {
  return rule.type === "a" ? [{ ...rule, type: "b" }, { ...rule, type: "c" }] : [rule];
}

function ruleText({ type, major, minor, access }: DeviceRule): string {
  return `${type} ${major ?? "*"}:${minor ?? "*"} ${access}`;
}

function allow(path: string, rules: string[]): void {
  try {
    writeControl(path, ...rules);
  } catch (error) {
    if (!isErrno(error, "EPERM")) throw error;
    // The parent group lacks one of the devices, so each is tried by itself.
    if (rules.length > 1) { for (const rule of rules) allow(path, [rule]); }
  }
}
