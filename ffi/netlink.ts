// Netlink (netlink(7)) with the kernel's NETLINK_ROUTE family (rtnetlink(7)): building, sending and reading
// messages.
//
//   struct nlmsghdr   u32 length, u16 type, u16 flags, u32 sequence number, u32 port
//   header            what the type has: struct ifinfomsg, ifaddrmsg, rtmsg
//   attributes        u16 length, u16 type, value, padded to 4 bytes; a value may be attributes again

import { AF_NETLINK, NETLINK_ROUTE, NLMSG_ERROR, SOCK_CLOEXEC, SOCK_RAW } from "./constants.ts";
import { KernelError } from "./errno.ts";
import { addressOf, raw } from "./libc.ts";
import { NR } from "./nr.ts";

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_GETROUTE = 26;
const NAMES: Record<number, string> = {
  [RTM_NEWLINK]: "RTM_NEWLINK",
  [RTM_DELLINK]: "RTM_DELLINK",
  [RTM_GETLINK]: "RTM_GETLINK",
  [RTM_NEWADDR]: "RTM_NEWADDR",
  [RTM_GETADDR]: "RTM_GETADDR",
  [RTM_NEWROUTE]: "RTM_NEWROUTE",
  [RTM_GETROUTE]: "RTM_GETROUTE",
};

const NLM_F_REQUEST = 0x01;
const NLM_F_ACK = 0x04;
const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
const NLMSG_DONE = 3;

export const MESSAGE_HEADER = 16;
const ATTRIBUTE_HEADER = 4;

/**
 * An attribute's value: a number takes 32 bits, a text ends with NUL, a list is attributes within this one.
 */
export type AttributeValue = number | string | Uint8Array | Attribute[];
export type Attribute = [type: number, value: AttributeValue];

/** A message that asks for something and for an acknowledgement. `flags` are NLM_F_ besides those. */
export function message(
  type: number,
  flags: number,
  header: Uint8Array,
  attributes: Attribute[] = [],
): Uint8Array {
  const body = encodeAttributes(attributes);
  const bytes = new Uint8Array(MESSAGE_HEADER + header.length + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags | NLM_F_REQUEST | NLM_F_ACK, true);
  bytes.set(header, MESSAGE_HEADER);
  bytes.set(body, MESSAGE_HEADER + header.length);
  return bytes;
}

function encodeAttributes(attributes: Attribute[]): Uint8Array {
  const parts = attributes.map(([type, value]): [number, Uint8Array] => [type, encodeValue(value)]);
  const size = parts.reduce((sum, [, { length }]) => sum + ATTRIBUTE_HEADER + padded(length), 0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [type, value] of parts) {
    view.setUint16(at, ATTRIBUTE_HEADER + value.length, true);
    view.setUint16(at + 2, type, true);
    bytes.set(value, at + ATTRIBUTE_HEADER);
    at += ATTRIBUTE_HEADER + padded(value.length);
  }
  return bytes;
}

const encoder = new TextEncoder();

function encodeValue(value: AttributeValue): Uint8Array {
  if (typeof value === "number") return new Uint8Array(new Uint32Array([value]).buffer);
  if (typeof value === "string") return encoder.encode(`${value}\0`);
  return value instanceof Uint8Array ? value : encodeAttributes(value);
}

const padded = (length: number) => (length + 3) & ~3;

/** struct ifinfomsg: `flags` (IFF_) are set, and no others changed. 16 bytes. */
export function linkHeader(index = 0, flags = 0): Uint8Array {
  return new Uint8Array(new Int32Array([0, index, flags, flags]).buffer);
}

/** struct ifaddrmsg: global scope. 8 bytes, of which the index is the last four. */
export function addressHeader(family: number, prefix: number, index: number): Uint8Array {
  return new Uint8Array(new Int32Array([family | prefix << 8, index]).buffer);
}

/**
 * struct rtmsg of a unicast route in the main table, as an administrator sets it; `prefix` is the
 * destination's. 12 bytes.
 */
export function routeHeader(family: number, prefix: number): Uint8Array {
  const [RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST] = [254, 3, 0, 1];
  return Uint8Array.of(
    family,
    prefix,
    0,
    0,
    RT_TABLE_MAIN,
    RTPROT_BOOT,
    RT_SCOPE_UNIVERSE,
    RTN_UNICAST,
    0,
    0,
    0,
    0,
  );
}

/** A socket of the network namespace this process is in, close-on-exec. */
export function openRoute(): number {
  const fd = raw(NR.socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw new KernelError("socket", "NETLINK_ROUTE", -fd);
  return fd;
}

/** An object the kernel answered with: its header's bytes, and its attributes by type. */
export interface RouteObject {
  type: number;
  header: DataView;
  attributes: Map<number, Uint8Array>;
}

/**
 * Sends a message and waits for its acknowledgement; returns what came before that. Throws KernelError, named
 * after the message's type and with `what` as operand.
 */
export function request(fd: number, sent: Uint8Array, what: string): RouteObject[] {
  const type = new DataView(sent.buffer, sent.byteOffset).getUint16(4, true);
  const fail = (code: number): never => {
    throw new KernelError(NAMES[type] ?? `netlink message ${type}`, what, code);
  };
  const result = raw(NR.sendto, fd, addressOf(sent), sent.length);
  if (result < 0) fail(-result);
  const found: RouteObject[] = [];
  while (!receive(fd, found, fail));
  return found;
}

/** What is known of all links, addresses (of `family`) or routes: `type` is an RTM_GET. */
export function dump(fd: number, type: number, family: number): RouteObject[] {
  // The longest of the headers that the kernel may look for, struct ifinfomsg.
  const header = new Uint8Array(16);
  header[0] = family;
  return request(fd, message(type, NLM_F_DUMP, header), "dump");
}

const buffer = new Uint8Array(1 << 15);
const bufferView = new DataView(buffer.buffer);

/** Reads one datagram; true once the answer is complete. */
function receive(fd: number, found: RouteObject[], fail: (code: number) => never): boolean {
  const length = raw(NR.recvfrom, fd, addressOf(buffer), buffer.length);
  if (length < 0) fail(-length);
  for (let at = 0; at + MESSAGE_HEADER <= length;) {
    const size = bufferView.getUint32(at, true);
    const type = bufferView.getUint16(at + 4, true);
    if (type === NLMSG_DONE) return true;
    if (type === NLMSG_ERROR) {
      const error = bufferView.getInt32(at + MESSAGE_HEADER, true);
      return error === 0 || fail(-error);
    }
    found.push(decode(type, buffer.slice(at + MESSAGE_HEADER, at + size)));
    at += padded(size);
  }
  return false;
}

/** Sizes of the headers of RTM_NEWLINK, RTM_NEWADDR and RTM_NEWROUTE. */
const HEADERS: Record<number, number> = { [RTM_NEWLINK]: 16, [RTM_NEWADDR]: 8, [RTM_NEWROUTE]: 12 };

function decode(type: number, bytes: Uint8Array): RouteObject {
  const header = HEADERS[type] ?? bytes.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const attributes = new Map<number, Uint8Array>();
  for (let at = header; at + ATTRIBUTE_HEADER <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER) break;
    attributes.set(view.getUint16(at + 2, true) & 0x3fff, bytes.subarray(at + ATTRIBUTE_HEADER, at + length));
    at += padded(length);
  }
  return { type, header: view, attributes };
}
