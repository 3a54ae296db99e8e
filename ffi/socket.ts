// Ports of this host, taken without a server behind them.

import {
  AF_INET,
  AF_INET6,
  EAFNOSUPPORT,
  EPROTONOSUPPORT,
  ESOCKTNOSUPPORT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./constants.ts";
import { KernelError } from "./errno.ts";
import { raw, scratch, scratchAddress, scratchView } from "./libc.ts";
import { close } from "./file.ts";
import { NR } from "./nr.ts";

const SO_REUSEADDR = 2;
const [IPPROTO_IPV6, IPPROTO_SCTP, IPV6_V6ONLY] = [41, 132, 26];
const SHUT_RD = 0;
/** The socket type, and the protocol where the type does not say it. */
const KINDS = { tcp: [SOCK_STREAM, 0], udp: [SOCK_DGRAM, 0], sctp: [SOCK_STREAM, IPPROTO_SCTP] } as const;

export type PortProtocol = keyof typeof KINDS;

/**
 * Takes a port on an address of this host (4 or 16 bytes; all zeros for every address), so that no other
 * program can have it until the descriptor is closed; whoever connects meanwhile is refused. Undefined where
 * the kernel has no such protocol, so that nobody can. Throws KernelError: EADDRINUSE, EADDRNOTAVAIL, EACCES.
 */
export function takePort(protocol: PortProtocol, address: Uint8Array, port: number): number | undefined {
  const [type, number] = KINDS[protocol];
  const family = address.length === 4 ? AF_INET : AF_INET6;
  const fd = raw(NR.socket, family, type | SOCK_CLOEXEC, number);
  if ([-EPROTONOSUPPORT, -ESOCKTNOSUPPORT, -EAFNOSUPPORT].includes(fd)) return undefined;
  if (fd < 0) throw new KernelError("socket", `${protocol} port ${port}`, -fd);
  try {
    if (family === AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (protocol === "udp") {
      bind(fd, address, port);
      return fd;
    }
    // What remains of connections that have ended is no obstacle, but a server is; which listening finds out.
    // Without it afterwards, the port is kept from those who don't mind sharing one that nobody listens on.
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    bind(fd, address, port);
    check(raw(NR.listen, fd, 0), "listen", port);
    check(raw(NR.shutdown, fd, SHUT_RD), "shutdown", port);
    set(fd, SOL_SOCKET, SO_REUSEADDR, 0);
    return fd;
  } catch (error) {
    close(fd);
    throw error;
  }
}

/**
 * Has the port listen, so that tools show who has it (ss -l, /proc/net/tcp): once its traffic goes elsewhere,
 * as nobody accepts what arrives here.
 */
export function showPort(fd: number, protocol: PortProtocol): void {
  if (protocol === "udp") return;
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  check(raw(NR.listen, fd, 0), "listen", fd);
}

/** struct sockaddr_in: family, port, address; struct sockaddr_in6: family, port, flow, address, scope. */
function bind(fd: number, address: Uint8Array, port: number): void {
  scratch.fill(0, 0, 28);
  scratchView.setUint16(0, address.length === 4 ? AF_INET : AF_INET6, true);
  scratchView.setUint16(2, port);
  scratch.set(address, address.length === 4 ? 4 : 8);
  check(raw(NR.bind, fd, scratchAddress, address.length === 4 ? 16 : 28), "bind", port);
}

function set(fd: number, level: number, option: number, value: number): void {
  scratchView.setInt32(0, value, true);
  check(raw(NR.setsockopt, fd, level, option, scratchAddress, 4), "setsockopt", fd);
}

function check(result: number, call: string, operand: number): void {
  if (result < 0) throw new KernelError(call, String(operand), -result);
}
