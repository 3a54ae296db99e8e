// IP addresses between text and the bytes of a packet (RFC 4291, section 2.2).

/** An address's 4 or 16 bytes; undefined where the text is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  if (text.includes(":")) return ipv6Bytes(text);
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return Uint8Array.from(parts, Number);
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (embedded) {
    const four = addressBytes(embedded[2]);
    if (!four) return undefined;
    const words = [four[0] << 8 | four[1], four[2] << 8 | four[3]].map((word) => word.toString(16));
    return ipv6Bytes(embedded[1] + words.join(":"));
  }
  const halves = text.split("::").map((half) => half === "" ? [] : half.split(":"));
  const given = halves.flat();
  const missing = 8 - given.length;
  if (halves.length > 2 || (halves.length === 2 ? missing < 1 : missing !== 0)) return undefined;
  if (!given.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return undefined;
  const words = halves.length === 2 ? [...halves[0], ...Array(missing).fill("0"), ...halves[1]] : given;
  return Uint8Array.from(words.flatMap((word) => [parseInt(word, 16) >> 8, parseInt(word, 16) & 0xff]));
}

/** "172.17.0.0/16" as bytes and bits. */
export function subnetBytes(subnet: string): { address: Uint8Array; bits: number } {
  const [address, bits] = subnet.split("/");
  return { address: addressBytes(address)!, bits: Number(bits) };
}
