// Ports of the host for containers: each is a socket that the keeper holds for as long as the container runs.
// The kernel decides who of several gets one, over all root directories and all other programs, and takes it
// back with the keeper.

import { errnoText, isErrno, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { pause } from "../../ffi/process.ts";
import { type PortProtocol, takePort } from "../../ffi/socket.ts";
import { Failure } from "../base/error.ts";
import { parseAddress, toBytes } from "../base/address.ts";
import { holderOf } from "./port_holder.ts";

/** One port of a container, and where it shall be found. */
export interface PortRequest {
  protocol: PortProtocol;
  /** The container's port. */
  port: number;
  /** Addresses of the host that shall have the same port: "0.0.0.0", "::" or particular ones. */
  hostIps: string[];
  /** The ports to choose from, first to last; undefined for any. */
  hostPorts?: [first: number, last: number];
}

/** A port that was got. */
export interface Claim {
  protocol: PortProtocol;
  port: number;
  hostIp: string;
  hostPort: number;
  /** Holds it; undefined for a protocol this kernel has no sockets for. */
  fd?: number;
}

/**
 * How often, and in which steps of milliseconds, a port is asked for again that nobody can be seen to have.
 */
const RETRIES = 20;
const RETRY_MS = 10;

/**
 * Takes all ports, or none: then it throws Failure with docker's words. `owner` is the container's name.
 * Particular ports go first, so that none of them is chosen for another.
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
  // The next one, as docker's daemon counts them, nobody here remembers.
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

/** The port on all the addresses; or on which it can't be had, and why. */
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

/** Throws why a port can't be had; or returns after a while where that may be over soon. */
async function explain(
  { protocol }: PortRequest,
  port: number,
  { hostIp, error }: { hostIp: string; error: KernelError },
  retry: number,
): Promise<void> {
  const shown = hostIp.includes(":") ? `[${hostIp}]` : hostIp;
  if (isErrno(error, "EADDRINUSE")) {
    const holder = holderOf(protocol, port);
    // A container that has just ended, or one that is just being started.
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

/** Where Linux takes ports from that nobody asked for (net.ipv4.ip_local_port_range), as docker does. */
function ephemeralPorts(): [number, number] {
  const [first, last] = Deno.readTextFileSync("/proc/sys/net/ipv4/ip_local_port_range").trim().split(/\s+/);
  return [Number(first), Number(last)];
}
