// What is measured is the time between the start and the end of a process, as its parent sees it: the same
// for all. Run as a program, this module does so for commands it reads: a process in another mount namespace
// can be the parent.

/** A process to start: an absolute path with its arguments, all of its environment, its directory. */
export interface Command {
  argv: string[];
  env: Record<string, string>;
  cwd: string;
}

/**
 * Runs a command to its end and returns the milliseconds that took; throws with its last words if it failed.
 */
export type Clock = (command: Command, signal: AbortSignal) => Promise<number>;

/** One of those that do the same work in turn. */
export interface Candidate {
  name: string;
  /** What is timed in this round. */
  command(round: number): Command;
  /** What has to be in place for it; not timed. */
  prepare?(round: number): Promise<unknown>;
  /** Takes away what it made; not timed. */
  remove?(round: number): Promise<unknown>;
  /** Where it isn't this process that starts it. */
  clock?: Clock;
}

/** Seconds after which a command has failed. */
const PATIENCE = 180;

function spawn(
  { argv, env, cwd }: Command,
  stdout: "null" | "piped",
  signal: AbortSignal,
): Deno.ChildProcess {
  const late = AbortSignal.timeout(PATIENCE * 1000);
  return new Deno.Command(argv[0], {
    args: argv.slice(1),
    clearEnv: true,
    env,
    cwd,
    stdin: "null",
    stdout,
    stderr: "piped",
    signal: AbortSignal.any([signal, late]),
  }).spawn();
}

function failure({ argv }: Command, { code, signal }: Deno.CommandStatus, stderr: string): Error {
  const words = stderr.trim().split("\n").slice(-2).join(" / ") || "it said nothing";
  return new Error(`${argv.join(" ")}: ${signal ?? `exit code ${code}`}: ${words}`);
}

/** The clock stops when the process has ended, whoever still holds its streams. */
export const timed: Clock = async (command, signal) => {
  const start = performance.now();
  const child = spawn(command, "null", signal);
  const status = await child.status;
  const elapsed = performance.now() - start;
  if (!status.success) throw failure(command, status, await new Response(child.stderr).text());
  await child.stderr.cancel();
  return elapsed;
};

/** Runs a command that is not timed, and returns its output; throws as a clock does. */
export async function run(command: Command, signal: AbortSignal): Promise<string> {
  const child = spawn(command, "piped", signal);
  const [status, stdout, stderr] = await Promise.all([
    child.status,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if (!status.success) throw failure(command, status, stderr);
  return stdout.trim();
}

/** What came of a candidate: its times, or why there are none. */
export type Outcome = { times: number[] } | { failed: string };

/** The middle one of the times; undefined if there are none. */
export function median(times: number[]): number | undefined {
  const sorted = times.toSorted((one, other) => one - other);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[half]
    : sorted.length === 0
    ? undefined
    : (sorted[half - 1] + sorted[half]) / 2;
}

/** How often, and what happens before each round and each command. */
export interface Schedule {
  warmups: number;
  rounds: number;
  beforeRound?(): Promise<unknown>;
  before(): Promise<unknown>;
  signal: AbortSignal;
}

/**
 * Runs all candidates once per round, A B C A B C, so that whatever slows the machine for a while slows each
 * of them. The times of the first rounds are dropped. A candidate that fails is out; an interrupt ends it
 * all.
 */
export async function interleave(candidates: Candidate[], schedule: Schedule): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>(candidates.map(({ name }) => [name, { times: [] }]));
  for (let round = 0; round < schedule.warmups + schedule.rounds; round++) {
    await schedule.beforeRound?.();
    for (const candidate of candidates) {
      const outcome = outcomes.get(candidate.name)!;
      if ("failed" in outcome) continue;
      try {
        const time = await once(candidate, round, schedule);
        if (round >= schedule.warmups) outcome.times.push(time);
      } catch (error) {
        schedule.signal.throwIfAborted();
        outcomes.set(candidate.name, { failed: (error as Error).message });
      }
    }
  }
  return outcomes;
}

async function once(candidate: Candidate, round: number, { before, signal }: Schedule): Promise<number> {
  signal.throwIfAborted();
  await candidate.prepare?.(round);
  await before();
  const time = await (candidate.clock ?? timed)(candidate.command(round), signal);
  await candidate.remove?.(round);
  return time;
}

/**
 * This module as a program behind `prefix`, which ends by executing the words it gets: a clock in another
 * world.
 */
export class RemoteClock implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: ReadableStreamDefaultReader<string>;

  constructor(prefix: string[], env: Record<string, string>) {
    const argv = [...prefix, Deno.execPath(), "run", "-A", "--quiet", "--no-config", import.meta.filename!];
    this.#child = new Deno.Command(argv[0], {
      args: argv.slice(1),
      clearEnv: true,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#requests = this.#child.stdin.getWriter();
    this.#answers = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Has a command run and timed over there. */
  readonly clock: Clock = async (command) => {
    await this.#requests.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
    let answer = "";
    while (!answer.endsWith("\n")) {
      const { value, done } = await this.#answers.read();
      if (done) throw new Error("the process that was to start it has ended");
      answer += value;
    }
    const { time, failed } = JSON.parse(answer);
    if (failed !== undefined) throw new Error(failed);
    return time;
  };

  /** The end of its input is the end of the program. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#requests.close().catch(() => {});
    await this.#answers.cancel().catch(() => {});
    await this.#child.status;
  }
}

async function serve(): Promise<void> {
  const never = new AbortController().signal;
  let text = "";
  for await (const chunk of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (!text.endsWith("\n")) continue;
    const command: Command = JSON.parse(text);
    text = "";
    const answer = await timed(command, never).then(
      (time) => ({ time }),
      ({ message }) => ({ failed: message }),
    );
    console.log(JSON.stringify(answer));
  }
}

if (import.meta.main) await serve();
