// Digests and IDs as text.

/** Two hex digits for each byte: Uint8Array's own toHex, which older releases of Deno lack. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** 64 random hex digits. */
export function randomHex(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(32)));
}
