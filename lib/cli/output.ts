// Standard output, all of it or an error.

const encoder = new TextEncoder();

/** Writes text or bytes to stdout. Throws Deno.errors.BrokenPipe where nobody reads, which main knows. */
export function print(content: string | Uint8Array): void {
  writeAll(Deno.stdout, content);
}

/** The same to stderr. */
export function printError(content: string | Uint8Array): void {
  writeAll(Deno.stderr, content);
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, content: string | Uint8Array): void {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  for (let done = 0; done < bytes.length;) done += stream.writeSync(bytes.subarray(done));
}
