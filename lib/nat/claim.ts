// Ports of the host for containers. The keeper holds a socket for each port as long as its container runs.
// The kernel thus decides who gets a port, over all root directories and all other programs, and frees the
// port when the keeper ends.

import { errnoText, isErrno, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { pause } from "../../ffi/process.ts";
import { type PortProtocol, takePort } from "../../ffi/socket.ts";
import { Failure } from "../base/error.ts";
import { parseAddress, toBytes } from "../base/address.ts";
import { holderOf } from "./port_holder.ts";

/** One port of a container, and the host's ports it may be published on. */
export interface PortRequest {
  protocol: PortProtocol;
  /** The container's port. */
  port: number;
  /** Addresses of the host that shall get the same port: "0.0.0.0", "::" or particular ones. */
  hostIps: string[];
  /** The ports to choose from, first to last; undefined for any. */
  hostPorts?: [first: number, last: number];
}

/** A port that was claimed. */
export interface Claim {
  protocol: PortProtocol;
  port: number;
  hostIp: string;
  hostPort: number;
  /** The socket that holds the port; undefined for a protocol this kernel has no sockets for. */
  fd?: number;
}

/**
 * How often, and after how many milliseconds, a port is tried again that is taken but has no visible owner.
 */
const RETRIES = 20;
const RETRY_MS = 10;

/**
 * Claims all ports or none. Throws Failure in docker's words if one can't be had. `owner` is the
 * container's name. Requests for particular ports come first, so that none of them is chosen for a request
 * for any port.
 */
export async function claimPorts(requests: PortRequest[], owner: string): Promise<Claim[]> {
  const claims: Claim[] = [];
  const ordered = [...requests].sort((a, b) => choices(a) - choices(b));
  try {
    for (const request of ordered) claims.push(...await claimOne(request));
  } catch (error) {
    releasePorts(claims);
    if (!(error instanceof Failure)) throw error;
    throw error.reworded(
      `driver failed programming external connectivity on endpoint ${owner}: ${error.message}`,
    );
  }
  return claims.sort((a, b) => requests.findIndex(same(a)) - requests.findIndex(same(b)));
}

function choices({ hostPorts }: PortRequest): number {
  return hostPorts ? hostPorts[1] - hostPorts[0] : 65536;
}

const same = (claim: Claim) => ({ protocol, port }: PortRequest) =>
  protocol === claim.protocol && port === claim.port;

/** Gives ports back. */
export function releasePorts(claims: Claim[]): void {
  for (const { fd } of claims) if (fd !== undefined) file.close(fd);
}

async function claimOne(request: PortRequest): Promise<Claim[]> {
  const [first, last] = request.hostPorts ?? ephemeralPorts();
  const count = last - first + 1;
  // Docker's daemon counts on from the last port it chose. There is no daemon here to remember it.
  const start = request.hostPorts ? 0 : Math.floor(Math.random() * count);
  for (let retry = 0;; retry++) {
    let refused: { hostIp: string; error: KernelError } | undefined;
    for (let at = 0; at < count; at++) {
      const taken = takeAll(request, first + (start + at) % count);
      if (Array.isArray(taken)) return taken;
      refused = taken;
    }
    if (count > 1) throw new Failure("all ports are allocated");
    await explain(request, first, refused!, retry);
  }
}

/** Binds the port on all the addresses; or says on which address it can't be had, and why. */
function takeAll(
  { protocol, port, hostIps }: PortRequest,
  hostPort: number,
): Claim[] | { hostIp: string; error: KernelError } {
  const claims: Claim[] = [];
  for (const hostIp of hostIps) {
    try {
      claims.push({
        protocol,
        port,
        hostIp,
        hostPort,
        fd: takePort(protocol, toBytes(parseAddress(hostIp)!), hostPort),
      });
    } catch (error) {
      releasePorts(claims);
      if (!(error instanceof KernelError)) throw error;
      return { hostIp, error };
    }
  }
  return claims;
}

/**
 * Throws an error that says why a port can't be had. Returns after a short pause where it may soon be free.
 */
async function explain(
  { protocol }: PortRequest,
  port: number,
  { hostIp, error }: { hostIp: string; error: KernelError },
  retry: number,
): Promise<void> {
  const shown = hostIp.includes(":") ? `[${hostIp}]` : hostIp;
  if (isErrno(error, "EADDRINUSE")) {
    const holder = holderOf(protocol, port);
    // The holder may be a container that has just ended, or that is just being started.
    if (holder === undefined && retry < RETRIES) return await pause(RETRY_MS);
    if (holder === "mydocker-keeper") {
      throw new Failure(`Bind for ${shown}:${port} failed: port is already allocated`);
    }
  }
  const family = hostIp.includes(":") ? 6 : 4;
  throw new Failure(`listen ${protocol}${family} ${shown}:${port}: bind: ${errnoText(error.code)}`, {
    cause: error,
  });
}

/** The range Linux takes ephemeral ports from (net.ipv4.ip_local_port_range); docker uses the same. */
function ephemeralPorts(): [number, number] {
  const [first, last] = Deno.readTextFileSync("/proc/sys/net/ipv4/ip_local_port_range").trim().split(/\s+/);
  return [Number(first), Number(last)];
}
