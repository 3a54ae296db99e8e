// Which packet filter the user prefers, and the error that there is none.

import { callerEnvironment } from "../base/environment.ts";
import { Failure } from "../base/error.ts";

/** This host has nothing that could filter or translate packets. */
export class NoFirewall extends Failure {}

/** MYDOCKER_FIREWALL: "iptables", or "nftables" for nothing else. */
export function preference(): string | undefined {
  return callerEnvironment("MYDOCKER_FIREWALL");
}
