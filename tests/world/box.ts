// A root directory for a test, mydocker as a user runs it, and the proof that nothing was left behind.

// @ts-types="../../lib/cli/std.d.ts"
import { join } from "@std/path/posix/join";
import { assertEquals } from "@std/assert";
import {
  cgroups,
  dropCgroups,
  killAll,
  leftCgroups,
  type Leftover,
  mountsOf,
  processesOf,
  storeProblems,
  ticks,
} from "./leaks.ts";
import { dropInterface, interfaces } from "./netns.ts";
import { Running } from "./running.ts";
import { until, within } from "./wait.ts";
import { isLine, type Line, words } from "./words.ts";

const REPOSITORY = join(import.meta.dirname!, "../..");

/** The program under test, as an absolute path. */
export const BIN = new URL(Deno.env.get("MYDOCKER_BIN") ?? "./mydocker", `file://${REPOSITORY}/`).pathname;

/** How a command ended, and what it wrote. */
export interface Result {
  code: number;
  stdout: string;
  stderr: string;
  /** stdout, byte for byte. */
  out: Uint8Array<ArrayBuffer>;
}

export interface RunOptions {
  stdin?: string | Uint8Array;
  env?: Record<string, string>;
  cwd?: string;
  /** Seconds after which the command and all its processes are killed, and the test fails. */
  timeout?: number;
}

type StartOptions = Pick<RunOptions, "env" | "cwd">;

/** A line, or a list of arguments and options for them. */
type Call<Options> = Line | [args: string[], options?: Options];

function parsed<Options>(call: Call<Options>): [args: string[], options?: Options] {
  return isLine(call) ? [words(...call)] : call;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A root directory of its own, below a scratch directory that goes at the end with all that is in it. */
export class Box implements AsyncDisposable {
  /** Scratch directory on disk; its name is in no other path. */
  readonly dir: string;
  /** MYDOCKER_ROOT. */
  readonly root: string;
  readonly #interfaces = interfaces();
  readonly #patience: number;
  /** In ticks since the machine's start. */
  readonly #made: number;

  /** Processes on their way out have `patience` seconds at the end. */
  constructor({ patience = 12 } = {}) {
    this.#patience = patience;
    this.#made = ticks();
    this.dir = Deno.makeTempDirSync({ dir: "/var/tmp", prefix: "mydocker-test-" });
    this.root = `${this.dir}/root`;
  }

  /** The environment mydocker gets: nothing of the caller's but what it takes to start. */
  environment(extra: Record<string, string> = {}): Record<string, string> {
    const kept = ["PATH", "HOME", "DENO_DIR", "XDG_CACHE_HOME", "TMPDIR"].flatMap((name) => {
      const value = Deno.env.get(name);
      return value === undefined ? [] : [[name, value]];
    });
    return { ...Object.fromEntries(kept), MYDOCKER_ROOT: this.root, ...extra };
  }

  /** Runs `mydocker LINE` to its end: box.$`ps -a`, or a list of arguments with options. */
  $(...line: Line): Promise<Result>;
  $(args: string[], options?: RunOptions): Promise<Result>;
  $(...call: Call<RunOptions>): Promise<Result> {
    const [args, options] = parsed(call);
    return this.exec([BIN, ...args], options);
  }

  /** As $, but fails unless the exit code is 0. Returns stdout without the last line's end. */
  ok(...line: Line): Promise<string>;
  ok(args: string[], options?: RunOptions): Promise<string>;
  async ok(...call: Call<RunOptions>): Promise<string> {
    const [args, options] = parsed(call);
    const result = await this.$(args, options);
    assertEquals(result.code, 0, `mydocker ${args.join(" ")}: ${result.stdout}${result.stderr}`);
    return result.stdout.replace(/\n$/, "");
  }

  /** As $, for any command: it runs in mydocker's environment. */
  exec(...line: Line): Promise<Result>;
  exec(argv: string[], options?: RunOptions): Promise<Result>;
  async exec(...call: Call<RunOptions>): Promise<Result> {
    const [argv, options = {}] = parsed(call);
    const [command, ...args] = argv;
    const child = new Deno.Command(command, {
      args,
      clearEnv: true,
      env: this.environment(options.env),
      cwd: options.cwd ?? this.dir,
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const fed = options.stdin === undefined ? undefined : feed(child.stdin, options.stdin);
    const output = child.output();
    const seconds = options.timeout ?? 60;
    try {
      const { code, stdout, stderr } = await within(output, seconds, `${argv.join(" ")} has ended`);
      await fed;
      return { code, stdout: text(stdout), stderr: text(stderr), out: stdout };
    } catch (error) {
      killAll(this.processes());
      const { stdout, stderr } = await output;
      throw new Error(`${(error as Error).message}; stdout: ${text(stdout)}; stderr: ${text(stderr)}`);
    }
  }

  /** Starts `mydocker LINE`; a test waits for what it says, signals it, and awaits its end. */
  spawn(...line: Line): Running;
  spawn(args: string[], options?: StartOptions): Running;
  spawn(...call: Call<StartOptions>): Running {
    const [args, options] = parsed(call);
    return this.start([BIN, ...args], options);
  }

  /** As spawn, for any command. */
  start(...line: Line): Running;
  start(argv: string[], options?: StartOptions): Running;
  start(...call: Call<StartOptions>): Running {
    const [argv, options = {}] = parsed(call);
    return new Running(
      new Deno.Command(argv[0], {
        args: argv.slice(1),
        clearEnv: true,
        env: this.environment(options.env),
        cwd: options.cwd ?? this.dir,
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    );
  }

  /** A path in the scratch directory, of a file with this content if any is given. */
  path(name: string, content?: string | Uint8Array, mode = 0o644): string {
    const path = `${this.dir}/${name}`;
    if (content !== undefined) {
      Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
      Deno.chmodSync(path, mode);
    }
    return path;
  }

  /** One value of `inspect`, as its JSON says. */
  // deno-lint-ignore no-explicit-any
  async inspect(name: string): Promise<any> {
    return JSON.parse(await this.ok(["inspect", name]))[0];
  }

  /** The host's pid of the first process of a running container. */
  pidOf(container: string): Promise<number> {
    return until(`${container} runs`, async () => {
      const { code, stdout } = await this.$(["inspect", "-f", "{{.State.Pid}}", container]);
      return code === 0 && Number(stdout) > 0 && Number(stdout);
    });
  }

  /** Processes that have to do with this sandbox. */
  processes(): Leftover[] {
    return processesOf(this.dir, this.#made);
  }

  /** What is left of the sandbox outside its directory, and what in it does not add up. */
  async leaks(): Promise<string[]> {
    return [
      ...this.processes().map(({ pid, command, found }) => `process ${pid} (${found}): ${command}`),
      ...mountsOf(this.dir).map((line) => `mount: ${line}`),
      ...leftCgroups(this.root).map((path) => `cgroup: ${path}`),
      ...interfaces().filter((name) => !this.#interfaces.includes(name)).map((name) => `interface: ${name}`),
      ...await storeProblems(this.root),
    ];
  }

  /**
   * Waits for processes on their way out, then fails if anything is left; removes the directory in any case.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    let leaks: string[] = [];
    const isClean = async () => (leaks = await this.leaks()).length === 0;
    await until("nothing is left", isClean, this.#patience).catch(() => {}); // Said below, in full.
    if (leaks.length > 0) await this.#drop();
    // Also those of containers whose keepers were killed. The kernel takes its time to empty them.
    for (let n = 0; n < 200 && cgroups(this.root).length > 0; n++) {
      dropCgroups(this.root);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const removed = await new Deno.Command("rm", { args: ["-rf", this.dir], stderr: "piped" }).output();
    if (!removed.success) leaks.push(`rm -rf: ${text(removed.stderr)}`);
    if (leaks.length > 0) throw new Error(`left behind:\n  ${leaks.join("\n  ")}`);
  }

  /** Kills what is left, and removes its interfaces. */
  async #drop(): Promise<void> {
    for (let left; (left = this.processes()).length > 0;) {
      killAll(left);
      dropCgroups(this.root);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const name of interfaces()) if (!this.#interfaces.includes(name)) await dropInterface(name);
  }
}

/** Deno closes the pipe of a reader that went away; what was not read is no failure of the test. */
async function feed(stdin: WritableStream<Uint8Array>, input: string | Uint8Array): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(typeof input === "string" ? new TextEncoder().encode(input) : input);
    await writer.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
