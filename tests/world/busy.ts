// Starting programs that a test has just written.

/**
 * As new Deno.Command(…).outputSync(), but tried again while the file is "busy": another worker of this test
 * process that forks at the wrong moment holds its write descriptor until it executes something (ETXTBSY,
 * execve(2)).
 */
export function outputOf(command: string, options: Deno.CommandOptions): Deno.CommandOutput {
  for (let attempt = 0;; attempt++) {
    try {
      const output = new Deno.Command(command, options).outputSync();
      const complaint = new TextDecoder().decode(output.stderr);
      if (attempt === 100 || !complaint.includes("Text file busy")) return output;
    } catch (error) {
      if (attempt === 100 || !(error as Error).message.includes("Text file busy")) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
}
