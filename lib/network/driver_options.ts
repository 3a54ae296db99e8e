// network create -o: docker's options of its bridge driver.

import { Failure } from "../base/error.ts";
import { parseAddress } from "../base/address.ts";

export const BRIDGE_NAME = "com.docker.network.bridge.name";
export const MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade";
export const HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4";
const MTU = "com.docker.network.driver.mtu";

const isBoolean = (value: string) => /^(true|false|1|0)$/.test(value);

/** The values that each option accepts. */
const VALUES: Record<string, (value: string) => boolean> = {
  // dev_valid_name of the kernel.
  [BRIDGE_NAME]: (value) => /^[^\s/:]{1,15}$/.test(value) && value !== "." && value !== "..",
  [MASQUERADE]: isBoolean,
  [HOST_BINDING]: (value) => !value.includes(":") && parseAddress(value) !== undefined,
  [MTU]: (value) => /^\d+$/.test(value) && Number(value) >= 68 && Number(value) <= 65535,
  // Packets that stay on a bridge pass none of our rules, so they can't be filtered.
  "com.docker.network.bridge.enable_icc": (value) => value === "true" || value === "1",
};

/** Throws Failure for an unknown option, which would do nothing. */
export function checkDriverOptions(options: Record<string, string>): void {
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(VALUES, name)) {
      throw new Failure(
        `network option ${name} is not supported: there are ${Object.keys(VALUES).join(", ")}`,
      );
    }
    if (VALUES[name](value)) continue;
    throw new Failure(`network option ${name} can't be ${JSON.stringify(value)}`);
  }
}

/** Whether addresses of the network are hidden behind the host's. */
export function masquerades(options: Record<string, string>): boolean {
  return !/^(false|0)$/.test(options[MASQUERADE] ?? "");
}

/** The interfaces' MTU; undefined for the kernel's own. */
export function mtuOf(options: Record<string, string>): number | undefined {
  return options[MTU] === undefined ? undefined : Number(options[MTU]);
}
