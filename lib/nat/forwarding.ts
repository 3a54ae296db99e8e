// The kernel's settings without which packets don't get from one interface to another.

import * as file from "../../ffi/file.ts";
import { printError } from "../base/output.ts";
import type { Family } from "./rules.ts";

const SETTINGS: Record<Family, string> = {
  ip: "net/ipv4/ip_forward",
  ip6: "net/ipv6/conf/all/forwarding",
};

/** Has the host forward packets of these families. What had to be changed for that is said on stderr. */
export function forwardPackets(families: Family[]): void {
  for (const family of families) {
    if (!setTo1(SETTINGS[family])) continue;
    printError(
      `mydocker: ${
        SETTINGS[family].replaceAll("/", ".")
      } was 0 and is 1 now, which containers need to reach other hosts: ` +
        "this host now forwards what its packet filter lets through\n",
    );
  }
}

/**
 * Lets packets for 127.0.0.1 go out by the bridge: those that ask for a published port. The network's rules
 * keep the bridge from being a way in for others.
 */
export function routeLoopback(bridge: string): void {
  setTo1(`net/ipv4/conf/${bridge}/route_localnet`);
}

/** Whether the setting had to be changed. */
function setTo1(name: string): boolean {
  const fd = file.openIfAny(file.AT_FDCWD, `/proc/sys/${name}`, file.O_RDWR);
  if (fd === undefined) return false;
  try {
    const now = new Uint8Array(1);
    file.pread(fd, now, 0);
    if (now[0] === "1".charCodeAt(0)) return false;
    // Not behind what was read: what is written there does not count.
    file.pwrite(fd, new TextEncoder().encode("1"), 0, name);
    return true;
  } finally {
    file.close(fd);
  }
}
