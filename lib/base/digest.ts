// SHA-256. Web Crypto can't compute a digest piece by piece. node:crypto can, and uses the processor's own
// instructions (2 GB/s), but it takes 8 ms to load; so it is used only for megabytes. A separate thread was
// tried: where the two cores are one core's hardware threads, unpacking slows down by as much as that saves.

import { toHex } from "./hex.ts";

/** Takes bytes with `update`; `hex` ends the digest and returns it as 64 hex digits. */
export interface Digest {
  update(chunk: Uint8Array): void;
  hex(): string;
}

/** The SHA-256 of a stream. */
export async function createDigest(): Promise<Digest> {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  return {
    update(chunk) {
      hash.update(chunk);
    },
    hex: () => hash.digest("hex"),
  };
}

/** The SHA-256 of bytes in memory, 64 hex digits. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}
