// Fetches blobs: as a stream, resumed after a broken connection, and verified.

// @ts-types="../cli/std.d.ts"
import { delay } from "@std/async/delay";
import { step } from "../base/debug.ts";
import { Failure } from "../base/error.ts";
import { createDigest } from "../base/digest.ts";
import type { Client } from "./client.ts";
import { BrokenConnection } from "./failure.ts";
import type { Descriptor } from "../image/descriptor.ts";
import { pauseAfter } from "./retry.ts";

/** Bytes after which a connection counts as successful. */
const PROGRESS = 65536;

/** Receives news about a blob's transfer. */
export interface BlobReport {
  /** Bytes received so far. */
  received(bytes: number): void;
  /** Seconds until the next attempt. */
  retrying(seconds: number): void;
}

/** The bytes received do not match the digest. */
export class WrongDigest extends Failure {
  constructor({ digest }: Descriptor, /** Put together from several answers. */ readonly resumed: boolean) {
    super(`filesystem layer verification failed for digest ${digest}`);
  }
}

/**
 * Yields the bytes of a blob. After a broken connection it continues where the old one ended. At the end it
 * throws WrongDigest if the bytes do not match the descriptor; it throws Failure for other failures. All
 * chunks share one buffer.
 */
export async function* readBlob(
  client: Client,
  descriptor: Descriptor,
  report: BlobReport,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const digest = await createDigest();
  let [received, failures, resumed] = [0, 0, false];
  for (;;) {
    const before = received;
    try {
      for await (const chunk of blobFrom(client, descriptor, received, signal)) {
        received += chunk.length;
        if (received > descriptor.size) throw new WrongDigest(descriptor, resumed);
        digest.update(chunk);
        report.received(received);
        yield chunk;
      }
      if (received === descriptor.size) break;
      throw new BrokenConnection(
        `${descriptor.digest}: unexpected end after ${received} of ${descriptor.size} bytes`,
      );
    } catch (error) {
      failures = received - before >= PROGRESS ? 1 : failures + 1;
      const milliseconds = signal.aborted ? undefined : pauseAfter(error, failures);
      if (milliseconds === undefined) throw error;
      step(`${(error as Error).message}; again in ${milliseconds} ms`);
      if (milliseconds >= 1000) report.retrying(Math.ceil(milliseconds / 1000));
      await delay(milliseconds, { signal });
      resumed = received > 0;
    }
  }
  if (`sha256:${digest.hex()}` !== descriptor.digest) throw new WrongDigest(descriptor, resumed);
}

/** Requests what follows after the first `offset` bytes, once. */
async function* blobFrom(
  client: Client,
  { digest, size }: Descriptor,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (offset === size && size > 0) return; // the connection broke after the last byte
  const headers: Record<string, string> = offset > 0 ? { range: `bytes=${offset}-` } : {};
  const { status, headers: answered, chunks } = await client.open(`blobs/${digest}`, headers, signal);
  let skip = offset;
  if (status === 206) {
    const start = /^bytes (\d+)-/.exec(answered.get("content-range") ?? "")?.[1];
    if (Number(start) !== offset) {
      throw new BrokenConnection(`${digest}: byte ${offset} wanted, ${start} came`);
    }
    skip = 0;
  }
  for await (const chunk of chunks()) {
    // A server that doesn't support ranges begins at byte 0.
    const rest = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}

/** Fetches a small blob as a whole. */
export async function fetchBlob(
  client: Client,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const limit = 16 << 20;
  if (descriptor.size > limit) {
    throw new Failure(`${descriptor.digest}: ${descriptor.size} bytes are too many for a configuration`);
  }
  const silent = { received() {}, retrying() {} };
  const bytes = new Uint8Array(descriptor.size);
  let at = 0;
  for await (const chunk of readBlob(client, descriptor, silent, signal)) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
