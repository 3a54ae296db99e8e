// What every end-to-end test stands on: a root directory of its own, mydocker as a user runs it, and the
// proof at the end that nothing was left behind.

// @ts-types="./assert.d.ts"
import { assertEquals } from "@std/assert";
import { cgroups, dropCgroups, killAll, leftCgroups, mountsOf, processesOf, storeProblems } from "./leaks.ts";
import { busyboxTar, debianTar } from "./images.ts";
import { dropInterface, interfaces, isolate } from "./netns.ts";

const REPOSITORY = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** The program under test, as an absolute path. */
export const BIN = new URL(Deno.env.get("MYDOCKER_BIN") ?? "./mydocker", `file://${REPOSITORY}/`).pathname;

isolate();

const inCI = Deno.env.get("CI") === "true";

/**
 * All waits take so many times as long as they say: `make test-vm` runs the tests on an emulated processor.
 */
const PATIENCE = Deno.env.has("MYDOCKER_VM") ? 15 : 1;

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

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Resolves once `condition` answers something other than false and undefined; throws after `seconds`. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  patience = 20,
): Promise<Exclude<T, false | undefined>> {
  const seconds = patience * PATIENCE;
  const end = performance.now() + seconds * 1000;
  for (;;) {
    const answer = await condition();
    if (answer !== false && answer !== undefined) return answer as Exclude<T, false | undefined>;
    if (performance.now() > end) throw new Error(`waited ${seconds} s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

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

async function within<T>(promise: Promise<T>, patience: number, what: string): Promise<T> {
  const seconds = patience * PATIENCE;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${seconds} s in vain until ${what}`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A root directory of its own, below a scratch directory that goes at the end with all that is in it. */
export class Box implements AsyncDisposable {
  /** Scratch directory on disk; its name is in no other path. */
  readonly dir: string;
  /** MYDOCKER_ROOT. */
  readonly root: string;
  readonly #interfaces = interfaces();

  constructor() {
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

  /** Runs `mydocker ARGS` to its end. */
  run(args: string[], options: RunOptions = {}): Promise<Result> {
    return this.exec([BIN, ...args], options);
  }

  /** As run, but fails unless the exit code is 0. Returns stdout without the last line's end. */
  async ok(args: string[], options: RunOptions = {}): Promise<string> {
    const result = await this.run(args, options);
    assertEquals(result.code, 0, `mydocker ${args.join(" ")}: ${result.stdout}${result.stderr}`);
    return result.stdout.replace(/\n$/, "");
  }

  /** Runs any command in mydocker's environment, for what comes before mydocker on a command line. */
  async exec(argv: string[], options: RunOptions = {}): Promise<Result> {
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
      killAll(processesOf(this.dir));
      const { stdout, stderr } = await output;
      throw new Error(`${(error as Error).message}; stdout: ${text(stdout)}; stderr: ${text(stderr)}`);
    }
  }

  /** Starts `mydocker ARGS`; a test waits for what it says, signals it, and awaits its end. */
  spawn(args: string[], options: Pick<RunOptions, "env" | "cwd"> = {}): Running {
    return this.start([BIN, ...args], options);
  }

  /** As spawn, for any command. */
  start(argv: string[], options: Pick<RunOptions, "env" | "cwd"> = {}): Running {
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
      const { code, stdout } = await this.run(["inspect", "-f", "{{.State.Pid}}", container]);
      return code === 0 && Number(stdout) > 0 && Number(stdout);
    });
  }

  /** What is left of the sandbox outside its directory, and what in it does not add up. */
  async leaks(): Promise<string[]> {
    return [
      ...processesOf(this.dir).map(({ pid, command, found }) => `process ${pid} (${found}): ${command}`),
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
    await until("nothing is left", isClean, 12).catch(() => {}); // Said below, in full.
    for (let left; (left = processesOf(this.dir)).length > 0;) {
      killAll(left);
      dropCgroups(this.root);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // The kernel takes its time to empty them.
    for (let n = 0; n < 200 && cgroups(this.root).length > 0; n++) {
      dropCgroups(this.root);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const name of interfaces()) if (!this.#interfaces.includes(name)) await dropInterface(name);
    const removed = await new Deno.Command("rm", { args: ["-rf", this.dir], stderr: "piped" }).output();
    if (!removed.success) leaks.push(`rm -rf: ${text(removed.stderr)}`);
    if (leaks.length > 0) throw new Error(`left behind:\n  ${leaks.join("\n  ")}`);
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

/** A root directory that has busybox: copied where an import takes too long. */
const TEMPLATE = Deno.env.get("MYDOCKER_TEMPLATE");

/** A sandbox with these images imported. */
export async function sandbox(...images: ("busybox" | "debian")[]): Promise<Box> {
  const box = new Box();
  try {
    if (TEMPLATE) {
      const { success } = await new Deno.Command("cp", { args: ["-a", TEMPLATE, box.root] }).output();
      if (!success) throw new Error(`can't copy ${TEMPLATE}`);
    }
    for (const image of images) {
      if (TEMPLATE && image === "busybox") continue;
      const tar = image === "busybox" ? await busyboxTar() : (await debianTar()).path!;
      await box.ok(["import", tar, image]);
    }
    return box;
  } catch (error) {
    await box[Symbol.asyncDispose]();
    throw error;
  }
}

const FACILITIES: Record<string, () => Promise<string | undefined> | string | undefined> = {
  root: () => Deno.uid() === 0 ? undefined : "needs root",
  debian: async () => (await debianTar()).missing,
  strace: () => program("strace"),
  zstd: () => program("zstd"),
  xz: () => program("xz"),
  bzip2: () => program("bzip2"),
  "docker-registry": () => program("docker-registry"),
  skopeo: () => program("skopeo"),
  openssl: () => program("openssl"),
  htpasswd: () => program("htpasswd"),
  gcc: () => program("gcc"),
  setcap: () => program("setcap"),
  nft: () => program("nft"),
  iptables: () => program("iptables"),
  ip: () => program("ip"),
  setfattr: () => program("setfattr"),
  umoci: () => program("umoci"),
  podman: () => program("podman"),
  dockerd: () => program("dockerd"),
  built: () => BIN.endsWith("/mydocker") ? undefined : "needs the built ./mydocker",
};

/** Too large for CI to install: tests that need them are skipped there as elsewhere. */
const NOT_IN_CI = ["podman", "dockerd"];

async function program(name: string): Promise<string | undefined> {
  const { success } = await new Deno.Command("sh", { args: ["-c", `command -v ${name}`], stdout: "null" })
    .output();
  return success ? undefined : `needs ${name}`;
}

/** What a test needs beyond root; `missing` says why it can't run here. */
export interface Requirements {
  missing?: string;
  /** Also skipped in CI. */
  optional?: boolean;
  /** Seconds the whole test may take. */
  seconds?: number;
}

/**
 * Looks whether the host has all of these; unknown names are a mistake. Without an answer in CI the test
 * fails.
 */
export async function requires(...facilities: string[]): Promise<Requirements> {
  for (const facility of facilities) {
    const check = FACILITIES[facility];
    if (!check) throw new Error(`no such facility: ${facility}`);
    const missing = await check();
    if (missing !== undefined) return { missing, optional: NOT_IN_CI.includes(facility) };
  }
  return {};
}

const root = await requires("root");

/**
 * Registers a test that gets a sandbox with busybox. It is skipped, with the reason in its name, where the
 * host lacks what it requires, and fails there if CI=true.
 */
export function test(name: string, body: (box: Box) => Promise<void>, needs: Requirements = {}): void {
  bare(name, async () => {
    try {
      await using box = await sandbox("busybox");
      await within(body(box), needs.seconds ?? 40, "the test was over");
    } catch (error) {
      if (!(error instanceof SuppressedError)) throw error;
      // What went wrong first is what matters; that something was left is often its consequence.
      const { suppressed, error: later } = error;
      throw new Error(`${suppressed?.message ?? suppressed}\nand ${later?.message ?? later}`, {
        cause: suppressed,
      });
    }
  }, needs);
}

/** As test, but without a sandbox. */
export function bare(name: string, body: () => Promise<void>, needs: Requirements = {}): void {
  const missing = root.missing ?? needs.missing;
  Deno.test({
    name: missing === undefined ? name : `${name} (${missing})`,
    ignore: missing !== undefined && (!inCI || needs.optional === true),
    // A test that ran out of time leaves its promises behind, which would be reported in place of the reason.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      if (missing !== undefined) throw new Error(missing);
      await within(body(), (needs.seconds ?? 40) + 20, "the test and its clean-up were over");
    },
  });
}
