// Names as the kernel has them are bytes; here they are strings. Bytes that are not UTF-8 travel as the lone
// surrogates U+DC80..U+DCFF (Python's "surrogateescape", PEP 383), so every name survives a round trip.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes of a name; lone surrogates U+DC80..U+DCFF become the bytes 0x80..0xFF they stand for. */
export function encodeName(name: string): Uint8Array {
  if (name.isWellFormed()) return encoder.encode(name);
  const parts: number[] = [];
  for (const character of name) {
    const code = character.codePointAt(0)!;
    if (code >= 0xdc80 && code <= 0xdcff) parts.push(code - 0xdc00);
    else parts.push(...encoder.encode(character));
  }
  return new Uint8Array(parts);
}

/** Writes a name and a closing NUL into `target` at `offset`; returns the offset after it. */
export function encodeNameInto(name: string, target: Uint8Array, offset: number): number {
  let length: number;
  if (name.isWellFormed()) {
    const { read, written } = encoder.encodeInto(name, target.subarray(offset));
    if (read < name.length) throw new RangeError(`name of ${name.length} characters does not fit`);
    length = written;
  } else {
    const bytes = encodeName(name);
    target.set(bytes, offset);
    length = bytes.length;
  }
  target[offset + length] = 0;
  return offset + length + 1;
}

/** The name that `bytes` spell; the inverse of encodeName for any bytes. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return decodeBroken(bytes);
  }
}

/** Decodes as much as is UTF-8 and escapes the rest, byte by byte. */
function decodeBroken(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at];
    const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    try {
      text += decoder.decode(bytes.subarray(at, at + length));
      at += length;
    } catch {
      text += String.fromCharCode(0xdc00 + lead);
      at++;
    }
  }
  return text;
}
