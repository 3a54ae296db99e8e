// The expressions of which rules consist. An expression compares two values and ends the rule where they
// differ, or gives the rule's verdict. Register 1 holds what is compared.

import type { PortProtocol } from "../../ffi/socket.ts";
import { type Attributes, FAMILY } from "./nft_bytes.ts";
import type { Family } from "./rules.ts";

const [DATA_VALUE, DATA_VERDICT] = [1, 2];
const REGISTER = 1;
const [ADDRESS_REGISTER, PORT_REGISTER] = [2, 3];
const VERDICT_REGISTER = 0;
const VERDICTS = { drop: 0, accept: 1, jump: -3, return: -5 } as const;
const META = { iifname: 6, oifname: 7, l4proto: 16 } as const;
const PROTOCOLS: Record<PortProtocol, number> = { tcp: 6, udp: 17, sctp: 132 };
const INTERFACE_NAME_SIZE = 16;
const CT = { state: 0, status: 2 } as const;
const [CT_ESTABLISHED_RELATED, CT_DST_NAT] = [2 | 4, 0x20];
const [NETWORK_HEADER, TRANSPORT_HEADER] = [1, 2];
/** Offsets of addresses in a packet's header. */
const ADDRESS = {
  ip: { saddr: 12, daddr: 16, size: 4 },
  ip6: { saddr: 8, daddr: 24, size: 16 },
} as const;

function expression(w: Attributes, name: string, attributes: () => void): void {
  w.nested(1, () => {
    w.text(1, name);
    w.nested(2, attributes);
  });
}

function compare(w: Attributes, value: (type: number) => void, different = false): void {
  expression(w, "cmp", () => {
    w.number(1, REGISTER);
    w.number(2, different ? 1 : 0);
    w.nested(3, () => value(DATA_VALUE));
  });
}

function mask(w: Attributes, size: number, bits: (type: number) => void): void {
  expression(w, "bitwise", () => {
    w.number(1, REGISTER);
    w.number(2, REGISTER);
    w.number(3, size);
    w.nested(4, () => bits(DATA_VALUE));
    w.nested(5, () => w.bytes(DATA_VALUE, [], size));
  });
}

function meta(w: Attributes, key: keyof typeof META): void {
  expression(w, "meta", () => {
    w.number(1, REGISTER);
    w.number(2, META[key]);
  });
}

function payload(w: Attributes, base: number, offset: number, size: number): void {
  expression(w, "payload", () => {
    w.number(1, REGISTER);
    w.number(2, base);
    w.number(3, offset);
    w.number(4, size);
  });
}

function connection(w: Attributes, key: keyof typeof CT, bits: number): void {
  expression(w, "ct", () => {
    w.number(1, REGISTER);
    w.number(2, CT[key]);
  });
  mask(w, 4, (type) => w.native(type, bits));
  compare(w, (type) => w.native(type, 0), true);
}

/** The packet's incoming or outgoing interface is `name`; with `other`, is not `name`. */
export function by(w: Attributes, key: "iifname" | "oifname", name: string, other = false): void {
  const bytes = Array.from(name, (letter) => letter.charCodeAt(0));
  meta(w, key);
  compare(w, (type) => w.bytes(type, bytes, INTERFACE_NAME_SIZE), other);
}

/** An address of the packet begins with the first `bits` bits of `address`. */
export function inSubnet(
  w: Attributes,
  family: Family,
  key: "saddr" | "daddr",
  address: Uint8Array,
  bits = address.length * 8,
): void {
  const { [key]: offset, size } = ADDRESS[family];
  payload(w, NETWORK_HEADER, offset, size);
  if (bits === size * 8) return compare(w, (type) => w.bytes(type, address));
  const network = address.map((_, at) => 0xff << Math.min(8, Math.max(0, 8 * (at + 1) - bits)) & 0xff);
  mask(w, size, (type) => w.bytes(type, network));
  compare(w, (type) => w.bytes(type, address.map((byte, at) => byte & network[at])));
}

/** The packet is for an address of this host (fib daddr type local). */
export function forThisHost(w: Attributes): void {
  const [FIB_ADDRTYPE, FIB_DADDR, RTN_LOCAL] = [3, 2, 2];
  expression(w, "fib", () => {
    w.number(1, REGISTER);
    w.number(2, FIB_ADDRTYPE);
    w.number(3, FIB_DADDR);
  });
  compare(w, (type) => w.native(type, RTN_LOCAL));
}

/** The packet is of this protocol. */
export function ofProtocol(w: Attributes, protocol: PortProtocol): void {
  meta(w, "l4proto");
  compare(w, (type) => w.bytes(type, [PROTOCOLS[protocol]]));
}

/** The packet's connection is established, or related to one that is. */
export function established(w: Attributes): void {
  connection(w, "state", CT_ESTABLISHED_RELATED);
}

/** The connection was redirected to another address: it asked for a published port. */
export function redirected(w: Attributes): void {
  connection(w, "status", CT_DST_NAT);
}

/** Ends the rule with this verdict. */
export function verdict(w: Attributes, code: "drop" | "accept" | "return"): void;
export function verdict(w: Attributes, code: "jump", chain: string): void;
export function verdict(w: Attributes, code: keyof typeof VERDICTS, chain?: string): void {
  expression(w, "immediate", () => {
    w.number(1, VERDICT_REGISTER);
    w.nested(2, () =>
      w.nested(DATA_VERDICT, () => {
        w.number(1, VERDICTS[code]);
        if (chain !== undefined) w.text(2, chain);
      }));
  });
}

/** Counts the packets that reach this expression. */
export function counter(w: Attributes): void {
  expression(w, "counter", () => {});
}

/** Gives the packet the address of the interface it leaves by. */
export function masquerade(w: Attributes): void {
  expression(w, "masq", () => {});
}

/**
 * Sends the packet to another address, and to the port that the map `set` has for the packet's port. The rule
 * ends where the map has none.
 */
export function redirect(w: Attributes, family: Family, address: Uint8Array, set: string, id: number): void {
  const [DESTINATION_PORT, DNAT] = [2, 1];
  payload(w, TRANSPORT_HEADER, DESTINATION_PORT, 2);
  expression(w, "lookup", () => {
    w.text(1, set);
    w.number(2, REGISTER);
    w.number(3, PORT_REGISTER);
    w.number(4, id);
  });
  expression(w, "immediate", () => {
    w.number(1, ADDRESS_REGISTER);
    w.nested(2, () => w.bytes(DATA_VALUE, address));
  });
  expression(w, "nat", () => {
    w.number(1, DNAT);
    w.number(2, FAMILY[family]);
    w.number(3, ADDRESS_REGISTER);
    w.number(5, PORT_REGISTER);
  });
}

/** The attributes of a map from port to port (nft's type inet_service). */
export function portMap(w: Attributes, id: number): void {
  const [MAP, INET_SERVICE, SIZE] = [8, 13, 2];
  w.number(3, MAP);
  w.number(4, INET_SERVICE);
  w.number(5, SIZE);
  w.number(6, INET_SERVICE);
  w.number(7, SIZE);
  w.number(10, id);
}

/** One element of such a map. */
export function portElement(w: Attributes, from: number, to: number): void {
  const port = (value: number) => w.bytes(DATA_VALUE, [value >> 8, value & 0xff]);
  w.nested(1, () => {
    w.nested(1, () => port(from));
    w.nested(2, () => port(to));
  });
}
