// A terminal as a person has it: a pseudo terminal whose slave side is the command's controlling terminal.

import { BIN, type Box, until } from "./world.ts";

const libc = Deno.dlopen("libc.so.6", {
  posix_openpt: { parameters: ["i32"], result: "i32" },
  grantpt: { parameters: ["i32"], result: "i32" },
  unlockpt: { parameters: ["i32"], result: "i32" },
  ptsname_r: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32", nonblocking: true },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
});

const [O_RDWR, O_NOCTTY, O_CLOEXEC] = [2, 0o400, 0o2000000];
const [TIOCSWINSZ, TCGETS] = [0x5414n, 0x5401n];
const POLLIN = 1;

function checked(result: number | bigint, call: string): number {
  if (Number(result) < 0) throw new Error(`${call} failed`);
  return Number(result);
}

/** A command on a terminal of its own. */
export class Terminal implements AsyncDisposable {
  /** All that it has shown. */
  screen = "";
  /** Path of the slave side. */
  readonly path: string;
  readonly #master: number;
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  #from = 0;
  #open = true;

  constructor(box: Box, argv: string[], rows: number, columns: number, env: Record<string, string>) {
    const { posix_openpt, grantpt, unlockpt, ptsname_r } = libc.symbols;
    this.#master = checked(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), "posix_openpt");
    checked(grantpt(this.#master), "grantpt");
    checked(unlockpt(this.#master), "unlockpt");
    const name = new Uint8Array(64);
    checked(ptsname_r(this.#master, name, 64n), "ptsname_r");
    this.path = new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
    this.resize(rows, columns);
    // setsid -c makes its stdin the controlling terminal; it need not fork, so the pid is the command's.
    const script = 'terminal=$1; shift; exec setsid -c "$@" <>"$terminal" >&0 2>&0';
    this.#child = new Deno.Command("sh", {
      args: ["-c", script, "sh", this.path, ...argv],
      clearEnv: true,
      env: box.environment({ TERM: "xterm", ...env }),
      cwd: box.dir,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#reading = this.#read();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Until the last one who had the slave side is gone, or dispose closes this one. */
  async #read(): Promise<void> {
    const { poll, read } = libc.symbols;
    const wait = new Uint8Array(8);
    const buffer = new Uint8Array(4096);
    const decoder = new TextDecoder();
    new DataView(wait.buffer).setInt32(0, this.#master, true);
    while (this.#open) {
      new DataView(wait.buffer).setInt32(4, POLLIN, true);
      if (await poll(wait, 1n, 100) <= 0 || !this.#open) continue;
      const length = Number(read(this.#master, buffer, BigInt(buffer.length)));
      // EIO: nobody has the other side open any more. At the very beginning nobody has it open yet.
      if (length <= 0 && await this.#ended()) return;
      if (length > 0) this.screen += decoder.decode(buffer.subarray(0, length), { stream: true });
    }
  }

  async #ended(): Promise<boolean> {
    const moment = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 5));
    return await Promise.race([this.#child.status.then(() => true), moment]);
  }

  /** Waits until `wanted` appears after what was waited for before, and returns what came in between. */
  async expect(wanted: string | RegExp): Promise<string> {
    try {
      return await until(`the terminal shows ${wanted}`, () => {
        const rest = this.screen.slice(this.#from);
        const found = typeof wanted === "string" ? rest.indexOf(wanted) : rest.search(wanted);
        if (found < 0) return undefined;
        const length = typeof wanted === "string" ? wanted.length : rest.match(wanted)![0].length;
        this.#from += found + length;
        return rest.slice(0, found + length);
      });
    } catch (error) {
      throw new Error(`${(error as Error).message}; it shows ${JSON.stringify(this.screen)}`);
    }
  }

  /** Presses keys: "\r" is Enter, "\x03" is Ctrl-C. */
  send(keys: string): void {
    const bytes = new TextEncoder().encode(keys);
    checked(libc.symbols.write(this.#master, bytes, BigInt(bytes.length)), "write");
  }

  /** Changes the window's size; the kernel sends SIGWINCH to who is in the foreground. */
  resize(rows: number, columns: number): void {
    const size = new Uint16Array([rows, columns, 0, 0]);
    checked(libc.symbols.ioctl(this.#master, TIOCSWINSZ, new Uint8Array(size.buffer)), "TIOCSWINSZ");
  }

  /** The line discipline's settings, byte for byte: to see that they are as before. */
  settings(): string {
    const termios = new Uint8Array(60);
    checked(libc.symbols.ioctl(this.#master, TCGETS, termios), "TCGETS");
    return Array.from(termios.subarray(0, 36)).join(" ");
  }

  /** How the command ended; the screen is complete by then. */
  async end(): Promise<{ code: number; signal: Deno.Signal | null }> {
    const { code, signal } = await until(
      "the terminal's command has ended",
      () => this.#settled(this.#child.status),
    );
    await until("the terminal is closed", () => this.#settled(this.#reading.then(() => true)));
    return { code, signal };
  }

  async #settled<T>(promise: Promise<T>): Promise<T | undefined> {
    return await Promise.race([
      promise,
      new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 10)),
    ]);
  }

  /** Takes the terminal away from its command, as when a connection is lost. */
  async hangUp(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#reading;
    libc.symbols.close(this.#master);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch { /* It has ended. */ }
    await this.#child.status;
    await this.hangUp();
  }
}

/** Runs `mydocker ARGS` on a terminal of this size. */
export function terminal(
  box: Box,
  args: string[],
  { rows = 24, columns = 80, env = {} }: { rows?: number; columns?: number; env?: Record<string, string> } =
    {},
): Terminal {
  return new Terminal(box, [BIN, ...args], rows, columns, env);
}

/** Runs any command on a terminal: a shell that runs mydocker, say. */
export function terminalOf(box: Box, argv: string[]): Terminal {
  return new Terminal(box, argv, 24, 80, {});
}

/** At a shell's prompt: a job is stopped by Ctrl-Z and resumed by fg, reads on, and ends at Ctrl-D. */
export async function stopAndResume(tty: Terminal): Promise<void> {
  tty.send("echo run''ning; cat\r");
  await tty.expect("running\r\n");
  tty.send("one\r");
  await tty.expect("one\r\none\r\n");
  tty.send("\x1a");
  await tty.expect("Stopped");
  tty.send("echo re''sumed; fg\r");
  await tty.expect("resumed\r\n");
  await tty.expect("cat\r\n");
  tty.send("two\r");
  await tty.expect("two\r\ntwo\r\n");
  tty.send("\x04");
  await tty.expect("# ");
}
