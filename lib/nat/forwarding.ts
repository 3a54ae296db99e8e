// Kernel settings that let packets pass from one interface to another.

import * as file from "../../ffi/file.ts";
import { notice } from "../base/notice.ts";
import type { Family } from "./rules.ts";

const SETTINGS: Record<Family, string> = {
  ip: "net/ipv4/ip_forward",
  ip6: "net/ipv6/conf/all/forwarding",
};

/** Makes the host forward packets of these families. Settings that had to be changed are named. */
export function forwardPackets(families: Family[]): void {
  for (const family of families) {
    if (!setTo1(SETTINGS[family])) continue;
    const name = SETTINGS[family].replaceAll("/", ".");
    notice(
      `${name} was 0 and is 1 now, which containers need to reach other hosts: ` +
        "this host now forwards what its packet filter lets through",
    );
  }
}

/**
 * Routes packets for 127.0.0.1 to published ports out by the bridge. The network's rules keep others from
 * coming in by the bridge to 127.0.0.1.
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
    // pwrite at 0: the kernel ignores what is written behind the value that was read.
    file.pwrite(fd, new TextEncoder().encode("1"), 0, name);
    return true;
  } finally {
    file.close(fd);
  }
}
