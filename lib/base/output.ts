// Writes to standard output completely, or throws.

import { awaitWritable } from "../../ffi/file.ts";

const encoder = new TextEncoder();

/** Writes text or bytes to stdout. Throws Deno.errors.BrokenPipe if nobody reads; main handles that. */
export function print(content: string | Uint8Array): void {
  writeAll(Deno.stdout, 1, content);
}

/** Writes to stderr in the same way. */
export function printError(content: string | Uint8Array): void {
  writeAll(Deno.stderr, 2, content);
}

function writeAll(stream: typeof Deno.stdout, fd: number, content: string | Uint8Array): void {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  for (let done = 0; done < bytes.length;) {
    try {
      done += stream.writeSync(bytes.subarray(done));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      awaitWritable(fd);
    }
  }
}
