// Bodies of answers: as a stream, or as a whole with limits on size and time.

import { Failure } from "../base/error.ts";
import { BadAnswer, BrokenConnection } from "./failure.ts";
import type { StallGuard } from "./stall.ts";

const BUFFER = 1 << 18;
/** A body that is read as a whole may take this many times the patience of one read. */
const WHOLE = 5;

/**
 * Yields the body as it arrives. All chunks share one buffer: the chunks that fetch allocates are collected
 * late and would add up to 100 MB. Throws BrokenConnection where the body ends too early or stalls.
 */
export async function* bodyOf(
  response: Response,
  url: string,
  guard: StallGuard,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  if (!response.body) return guard.end();
  const reader = response.body.getReader({ mode: "byob" });
  let buffer = new ArrayBuffer(BUFFER);
  try {
    for (;;) {
      const { value, done } = await guard.wait(reader.read(new Uint8Array(buffer)));
      if (done) return;
      yield value;
      buffer = value.buffer;
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new BrokenConnection(`Get "${url}": ${(error as Error).message}`, false, { cause: error });
  } finally {
    guard.end();
    await reader.cancel().catch(() => {}); // the connection is already broken
  }
}

/** Reads a whole body of at most `limit` bytes. Throws like bodyOf, and BadAnswer for a longer body. */
export async function readBody(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  url: string,
  guard: StallGuard,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const seconds = WHOLE * guard.seconds;
  const end = performance.now() + seconds * 1000;
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > limit) throw new BadAnswer(`Get "${url}": the answer has more than ${limit} bytes`);
    if (performance.now() > end) {
      throw new BrokenConnection(`Get "${url}": the answer has not come within ${seconds} seconds`, true);
    }
    parts.push(chunk.slice());
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
