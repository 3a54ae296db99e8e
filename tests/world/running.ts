// A command on its way.

import { until, within } from "./wait.ts";

/** A command on its way, whose output can be waited for. */
export class Running implements AsyncDisposable {
  readonly pid: number;
  stdout = "";
  stderr = "";
  readonly #child: Deno.ChildProcess;
  readonly #streams: Promise<unknown>;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.pid = child.pid;
    this.#streams = Promise.all([
      this.#read(child.stdout, (chunk) => this.stdout += chunk),
      this.#read(child.stderr, (chunk) => this.stderr += chunk),
    ]);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>, take: (chunk: string) => void): Promise<void> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) take(chunk);
  }

  /** Waits until `wanted` has appeared on stdout. */
  async expect(wanted: string | RegExp): Promise<void> {
    const seen = () => typeof wanted === "string" ? this.stdout.includes(wanted) : wanted.test(this.stdout);
    try {
      await until(`stdout has ${wanted}`, seen);
    } catch (error) {
      throw new Error(`${(error as Error).message}; stdout: ${this.stdout}; stderr: ${this.stderr}`);
    }
  }

  /** Writes to its stdin, and closes that if `end`. */
  async send(input: string, end = false): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input));
    if (end) await writer.close();
    else writer.releaseLock();
  }

  kill(signal: Deno.Signal): void {
    Deno.kill(this.pid, signal);
  }

  /** How it ended; both streams are at their end by then. */
  async end(
    seconds = 30,
  ): Promise<{ code: number; signal: Deno.Signal | null; stdout: string; stderr: string }> {
    const all = Promise.all([this.#child.status, this.#streams]);
    const [{ code, signal }] = await within(all, seconds, `process ${this.pid} has ended`);
    return { code, signal, stdout: this.stdout, stderr: this.stderr };
  }

  /** Kills it, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch { /* It has ended. */ }
    await this.#child.status;
    try {
      await this.#child.stdin.close();
    } catch { /* Its reader is gone, or the test closed it. */ }
  }
}
