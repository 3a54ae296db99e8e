// Links, addresses and routes as netlink messages (rtnetlink(7), linux/if_link.h).

import { IFA_ADDRESS, IFA_LOCAL, IFF_UP } from "../../ffi/constants.ts";
import { AF_INET, AF_UNSPEC } from "../../ffi/constants.ts";
import { decodeName, encodeName } from "../../ffi/bytes.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as netlink from "../../ffi/netlink.ts";
import { type Address, type Subnet, toBytes } from "../base/address.ts";

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_PID = 19;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_MODE = 4;
const VETH_INFO_PEER = 1;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 2;
const RTA_GATEWAY = 5;
const REPLACE = netlink.NLM_F_CREATE | netlink.NLM_F_REPLACE;
const NEW = netlink.NLM_F_CREATE | netlink.NLM_F_EXCL;

/** A link as far as it matters here. */
export interface Link {
  index: number;
  up: boolean;
}

/** The link of this name in the namespace of the socket `route`; undefined where there is none. */
export function linkByName(route: number, name: string): Link | undefined {
  try {
    const asked = netlink.message(netlink.RTM_GETLINK, 0, netlink.linkHeader(), [[IFLA_IFNAME, name]]);
    const [{ header }] = netlink.request(route, asked, name);
    return { index: header.getInt32(4, true), up: (header.getUint32(8, true) & IFF_UP) !== 0 };
  } catch (error) {
    if (isErrno(error, "ENODEV")) return undefined;
    throw error;
  }
}

/** A link as a list of all has it. */
export interface LinkDetails {
  index: number;
  name: string;
  /** The text on the link; "" if there is none. */
  alias: string;
  /** Index of the bridge it is a port of; 0 if none. */
  bridge: number;
}

/** All links in the namespace of the socket `route`. */
export function links(route: number): LinkDetails[] {
  const text = (bytes?: Uint8Array) => decodeName(bytes ?? new Uint8Array()).replace(/\0.*/s, "");
  return netlink.dump(route, netlink.RTM_GETLINK, AF_UNSPEC).map(({ header, attributes }) => {
    const master = attributes.get(IFLA_MASTER);
    return {
      index: header.getInt32(4, true),
      name: text(attributes.get(IFLA_IFNAME)),
      alias: text(attributes.get(IFLA_IFALIAS)),
      bridge: master ? new DataView(master.buffer, master.byteOffset).getUint32(0, true) : 0,
    };
  });
}

/** Writes a text on a link, for others to see. */
export function aliasMessage(name: string, alias: string): Uint8Array {
  return netlink.message(netlink.RTM_NEWLINK, 0, netlink.linkHeader(), [
    [IFLA_IFNAME, name],
    [IFLA_IFALIAS, encodeName(alias)],
  ]);
}

/**
 * Makes a bridge, which is down. It gets a MAC address of its own, or it would take that of its first port.
 */
export function bridgeMessage(name: string, mac: string, mtu?: number): Uint8Array {
  return netlink.message(netlink.RTM_NEWLINK, NEW, netlink.linkHeader(), [
    [IFLA_IFNAME, name],
    ...withMtu(mtu),
    [IFLA_ADDRESS, macBytes(mac)],
    [IFLA_LINKINFO, [[IFLA_INFO_KIND, "bridge"]]],
  ]);
}

/** Brings a link up. */
export function upMessage(name: string): Uint8Array {
  return netlink.message(netlink.RTM_NEWLINK, 0, netlink.linkHeader(0, IFF_UP), [[IFLA_IFNAME, name]]);
}

/** Deletes a link. */
export function deleteMessage(name: string): Uint8Array {
  return netlink.message(netlink.RTM_DELLINK, 0, netlink.linkHeader(), [[IFLA_IFNAME, name]]);
}

/** Deletes a link, if it exists. A veth pair's other end goes with it, in whatever namespace that is. */
export function removeLink(route: number, name: string): void {
  try {
    if (linkByName(route, name)) netlink.request(route, deleteMessage(name), name);
  } catch (error) {
    if (!isErrno(error, "ENODEV")) throw error; // it disappeared meanwhile
  }
}

/** A veth pair: one end in the host, on a bridge, and the other in the namespace of a process. */
export interface Veth {
  name: string;
  bridge: number;
  peer: string;
  mac: string;
  mtu?: number;
}

const withMtu = (mtu?: number): netlink.Attribute[] => mtu === undefined ? [] : [[IFLA_MTU, mtu]];

/**
 * Makes a veth pair, with the host's end up. The last 32 bits of the message are the pid, as the sender knows
 * it, of the process whose namespace gets the peer.
 */
export function vethMessage({ name, bridge, peer, mac, mtu }: Veth): Uint8Array {
  // VETH_INFO_PEER is a struct ifinfomsg and attributes, as one value.
  const inner = netlink.message(0, 0, netlink.linkHeader(), [
    [IFLA_IFNAME, peer],
    [IFLA_ADDRESS, macBytes(mac)],
    ...withMtu(mtu),
    [IFLA_NET_NS_PID, 0],
  ]).subarray(netlink.MESSAGE_HEADER);
  return netlink.message(netlink.RTM_NEWLINK, NEW, netlink.linkHeader(0, IFF_UP), [
    [IFLA_IFNAME, name],
    [IFLA_MASTER, bridge],
    ...withMtu(mtu),
    [IFLA_LINKINFO, [[IFLA_INFO_KIND, "veth"], [IFLA_INFO_DATA, [[VETH_INFO_PEER, inner]]]]],
  ]);
}

/** Lets a bridge send packets back by the port they came in (hairpin mode). */
export function hairpinMessage(name: string): Uint8Array {
  return netlink.message(netlink.RTM_NEWLINK, 0, netlink.linkHeader(), [
    [IFLA_IFNAME, name],
    [IFLA_LINKINFO, [
      [IFLA_INFO_SLAVE_KIND, "bridge"],
      [IFLA_INFO_SLAVE_DATA, [[IFLA_BRPORT_MODE, Uint8Array.of(1)]]],
    ]],
  ]);
}

/** Gives a link an address. IPv6 addresses are not probed for duplicates: claims already prevent them. */
export function addressMessage(index: number, { prefix, ...address }: Subnet): Uint8Array {
  const bytes = toBytes(address);
  const more: netlink.Attribute[] = address.family === AF_INET
    ? [[IFA_BROADCAST, broadcast(address, prefix)]]
    : [[IFA_FLAGS, IFA_F_NODAD]];
  const header = netlink.addressHeader(address.family, prefix, index);
  return netlink.message(netlink.RTM_NEWADDR, NEW, header, [
    [IFA_LOCAL, bytes],
    [IFA_ADDRESS, bytes],
    ...more,
  ]);
}

function broadcast(address: Address, prefix: number): Uint8Array {
  const hosts = (1n << BigInt(32 - prefix)) - 1n;
  return toBytes({ ...address, value: address.value | hosts });
}

/** Adds the default route by a gateway on some link's network; with "replace", in place of another. */
export function defaultRouteMessage(gateway: Address, replace?: "replace"): Uint8Array {
  const header = netlink.routeHeader(gateway.family, 0);
  return netlink.message(netlink.RTM_NEWROUTE, replace ? REPLACE : NEW, header, [[
    RTA_GATEWAY,
    toBytes(gateway),
  ]]);
}

function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (byte) => parseInt(byte, 16));
}
