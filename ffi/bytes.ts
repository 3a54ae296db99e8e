// Names as the kernel has them are bytes; here they are strings. Bytes that are not UTF-8 travel as the lone
// surrogates U+DC80..U+DCFF (Python's "surrogateescape", PEP 383), so every name survives a round trip.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes of a name; lone surrogates U+DC80..U+DCFF become the bytes 0x80..0xFF they stand for. */
export function encodeName(name: string): Uint8Array<ArrayBuffer> {
  if (name.isWellFormed()) return encoder.encode(name);
  const bytes = new Uint8Array(3 * name.length); // a UTF-16 unit takes three bytes at most
  let length = 0;
  for (const [run] of name.matchAll(/[\udc80-\udcff]+|[^\udc80-\udcff]+/gu)) {
    const code = run.charCodeAt(0);
    const escaped = code >= 0xdc80 && code <= 0xdcff;
    if (!escaped) length += encoder.encodeInto(run, bytes.subarray(length)).written;
    else for (let at = 0; at < run.length; at++) bytes[length++] = run.charCodeAt(at) - 0xdc00;
  }
  return bytes.slice(0, length);
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

/**
 * Encodes `text` where all of it is ASCII, into a `target` of as many bytes; false, with anything in there,
 * where it isn't.
 */
export function encodeAscii(text: string, target: Uint8Array): boolean {
  return encoder.encodeInto(text, target).read === text.length;
}

/** The name that `bytes` spell; the inverse of encodeName for any bytes. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return decodeBroken(bytes);
  }
}

/** Decodes what is UTF-8 and escapes the rest, byte by byte. */
function decodeBroken(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const start = at;
    for (let length; at < bytes.length && (length = sequenceAt(bytes, at)) > 0;) at += length;
    if (at > start) text += decoder.decode(bytes.subarray(start, at));
    if (at < bytes.length) text += String.fromCharCode(0xdc00 + bytes[at++]);
  }
  return text;
}

/** How many bytes the UTF-8 sequence has that begins at `at`; 0 where none does (Unicode, table 3-7). */
function sequenceAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at];
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  // The bounds of the second byte keep out long forms, surrogates, and what is beyond U+10FFFF.
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1] ?? 0;
  if (second < low || second > high) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  for (let index = 2; index < length; index++) if (((bytes[at + index] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}
