// Internet addresses and subnets. An address is a number with a family; its text is the kernel's (RFC 5952
// for IPv6).

import { AF_INET, AF_INET6 } from "../../ffi/constants.ts";

export interface Address {
  family: typeof AF_INET | typeof AF_INET6;
  value: bigint;
}

/** An address and the length of its network prefix in bits. */
export interface Subnet extends Address {
  prefix: number;
}

const bitsOf = (family: number) => family === AF_INET ? 32 : 128;

/** Whether an address or a subnet, as text, is of IPv6. */
export function isIpv6(text: string): boolean {
  return text.includes(":");
}

/** Parses an address; undefined where it is none. */
export function parseAddress(text: string): Address | undefined {
  if (isIpv6(text)) return parse6(text);
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return { family: AF_INET, value: fromBytes(parts.map(Number)) };
}

function parse6(text: string): Address | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [front, back] = halves.map((half) => half === "" ? [] : half.split(":"));
  const missing = 8 - front.length - (back?.length ?? 0);
  if (back === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...front, ...Array(missing).fill("0"), ...back ?? []];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const value = groups.reduce((sum, group) => sum << 16n | BigInt(`0x${group}`), 0n);
  return { family: AF_INET6, value };
}

/** Parses "172.17.0.0/16"; undefined where it is no subnet. Bits behind the prefix may be set. */
export function parseSubnet(text: string): Subnet | undefined {
  const [, before, after] = /^(.*)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const address = before === undefined ? undefined : parseAddress(before);
  const prefix = Number(after);
  return address && prefix <= bitsOf(address.family) ? { ...address, prefix } : undefined;
}

/** Parses a subnet that this program wrote itself. */
export function subnetOf(text: string): Subnet {
  const subnet = parseSubnet(text);
  if (!subnet) throw new RangeError(`${text} is no subnet`);
  return subnet;
}

/** The address's bytes in network order, as in the kernel's attributes. */
export function toBytes({ family, value }: Address): Uint8Array {
  const bytes = new Uint8Array(bitsOf(family) / 8);
  for (let at = bytes.length - 1, rest = value; at >= 0; at--, rest >>= 8n) bytes[at] = Number(rest & 255n);
  return bytes;
}

/** The number that these bytes form in network order. */
export function fromBytes(bytes: Iterable<number>): bigint {
  let value = 0n;
  for (const byte of bytes) value = value << 8n | BigInt(byte);
  return value;
}

/** The address as text; IPv6 in its short form (RFC 5952). */
export function addressText(address: Address): string {
  const bytes = toBytes(address);
  if (address.family === AF_INET) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, n) => (bytes[2 * n] << 8 | bytes[2 * n + 1]).toString(16));
  // The longest run of at least two zeros is left out; the first one if several are equal.
  let [best, length] = [0, 1];
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (groups[end] === "0") end++;
    if (end - start > length) [best, length] = [start, end - start];
  }
  if (length === 1) return groups.join(":");
  return `${groups.slice(0, best).join(":")}::${groups.slice(best + length).join(":")}`;
}

/** "ADDRESS/PREFIX" */
export function subnetText(subnet: Subnet): string {
  return `${addressText(subnet)}/${subnet.prefix}`;
}

/** The first and the last address of a subnet. */
export function bounds({ family, value, prefix }: Subnet): [first: bigint, last: bigint] {
  const size = 1n << BigInt(bitsOf(family) - prefix);
  const first = value / size * size;
  return [first, first + size - 1n];
}

/** The subnet with the bits behind its prefix cleared. */
export function networkOf(subnet: Subnet): Subnet {
  return { ...subnet, value: bounds(subnet)[0] };
}

/** Whether an address is in a subnet. */
export function contains(subnet: Subnet, address: Address): boolean {
  const [first, last] = bounds(subnet);
  return subnet.family === address.family && first <= address.value && address.value <= last;
}

/** Whether two subnets have an address in common. */
export function overlaps(one: Subnet, other: Subnet): boolean {
  const wider = one.prefix <= other.prefix ? one : other;
  return contains(wider, wider === one ? other : one);
}

/** 02:42 and the IPv4 address, as docker does it: the same address always gets the same MAC address. */
export function macOf(address: Address): string {
  return ["02", "42", ...Array.from(toBytes(address), (byte) => byte.toString(16).padStart(2, "0"))].join(
    ":",
  );
}
