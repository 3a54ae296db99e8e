// Digests and IDs as text.

/** Two hex digits for each byte. */
export function toHex(bytes: Uint8Array): string {
  // Older releases of Deno lack it.
  if (bytes.toHex) return bytes.toHex();
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** 64 random hex digits. */
export function randomHex(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(32)));
}
