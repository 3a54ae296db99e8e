// Which packet filter it is to be, and that there is none.

import { callerEnvironment } from "../base/environment.ts";
import { Failure } from "../base/error.ts";

/** There is nothing that could filter or translate packets. */
export class NoFirewall extends Failure {}

/** MYDOCKER_FIREWALL, for who wants "iptables" or nothing but "nftables". */
export function preference(): string | undefined {
  return callerEnvironment("MYDOCKER_FIREWALL");
}
