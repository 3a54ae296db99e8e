// Connections that the kernel tracks (nf_conntrack, by ctnetlink). A verdict for a UDP "connection" holds for
// all packets between the same two ports, even after the rules have changed. A client that keeps its socket
// would go on talking to a container that is gone; or to the host, if it spoke before the port was published.

import { IFA_ADDRESS, IFA_LOCAL } from "../../ffi/constants.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { converse } from "../../ffi/netfilter.ts";
import * as netlink from "../../ffi/netlink.ts";
import { parseAddress, toBytes } from "../base/address.ts";
import { attributesOf, FAMILY, newMessages, NLM_F } from "./nft_bytes.ts";
import { withSocket } from "./nftables.ts";
import { type Family, familyOf, type PublishedPort } from "./rules.ts";

const [CT_NEW, CT_GET, CT_DELETE] = [1 << 8, 1 << 8 | 1, 1 << 8 | 2];
/**
 * Attributes of a connection, of one of its two directions, and of the addresses and ports of a direction.
 */
const [ORIGINAL, ZONE] = [1, 18];
const [ADDRESSES, PROTOCOL] = [1, 2];
const DESTINATION: Record<Family, number> = { ip: 2, ip6: 4 };
const [NUMBER, DESTINATION_PORT] = [1, 3];
const UDP = 17;
const NESTED = 0x8000;

/** A port of the host that was published, or will be. */
export type HostPort = Pick<PublishedPort, "protocol" | "hostIp" | "hostPort">;

/**
 * Makes the kernel forget the UDP connections to these ports. Does nothing where the kernel has no netfilter.
 */
export function forgetUdp(ports: HostPort[]): void {
  const udp = ports.filter(({ protocol }) => protocol === "udp");
  for (const [family, those] of Map.groupBy(udp, ({ hostIp }) => familyOf(hostIp))) {
    try {
      forgetFamily(family, those);
    } catch (error) {
      if (!isErrno(error, "EPROTONOSUPPORT", "EAFNOSUPPORT")) throw error;
    }
  }
}

function forgetFamily(family: Family, ports: HostPort[]): void {
  const own = addressesOfHost(family);
  withSocket((socket) => {
    const all = newMessages();
    all.header(CT_GET, NLM_F.dump, FAMILY[family], 0);
    for (const { type, payload } of converse(socket, all.finish())) {
      if (type !== CT_NEW) continue;
      const connection = attributesOf(payload);
      const original = connection.get(ORIGINAL);
      if (original === undefined || !isFor(original, family, ports, own)) continue;
      // It may have ended by itself meanwhile; that error doesn't matter.
      converse(socket, deletion(family, original, connection.get(ZONE)));
    }
  });
}

function deletion(family: Family, original: Uint8Array, zone?: Uint8Array): Uint8Array<ArrayBuffer> {
  const messages = newMessages();
  messages.header(CT_DELETE, 0, FAMILY[family], 0);
  messages.bytes(ORIGINAL | NESTED, original);
  if (zone) messages.bytes(ZONE, zone);
  const bytes = messages.finish();
  new DataView(bytes.buffer).setUint32(0, bytes.length, true);
  return bytes;
}

/** Whether a connection began with a UDP packet to one of these ports of this host. */
function isFor(original: Uint8Array, family: Family, ports: HostPort[], own: Set<string>): boolean {
  const direction = attributesOf(original, 0);
  const protocol = attributesOf(direction.get(PROTOCOL) ?? new Uint8Array(), 0);
  if (protocol.get(NUMBER)?.[0] !== UDP) return false;
  const [high, low] = protocol.get(DESTINATION_PORT) ?? [];
  const address = attributesOf(direction.get(ADDRESSES) ?? new Uint8Array(), 0).get(DESTINATION[family]);
  if (address === undefined) return false;
  return ports.some(({ hostIp, hostPort }) => {
    if ((high << 8 | low) !== hostPort) return false;
    const wanted = toBytes(parseAddress(hostIp)!);
    const isEvery = wanted.every((byte) => byte === 0);
    return isEvery
      ? own.has(address.join()) || (family === "ip" && address[0] === 127)
      : wanted.join() === address.join();
  });
}

/**
 * The host's own addresses. Without them, a container's packets to the same port of another host would be
 * taken for packets to this one.
 */
function addressesOfHost(family: Family): Set<string> {
  const route = netlink.openRoute();
  try {
    return new Set(
      netlink.dump(route, netlink.RTM_GETADDR, FAMILY[family])
        .map(({ attributes }) => (attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS))?.join() ?? ""),
    );
  } finally {
    file.close(route);
  }
}
