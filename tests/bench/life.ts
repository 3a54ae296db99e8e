// What is measured of containers that live on: exec, ps, run -d, stop, what each costs in memory, and many of
// them.

import { type Candidate, type Outcome, timed } from "./measure.ts";
import type { Cli, Peer } from "./peers.ts";
import { type Place, wait } from "./place.ts";

/** Containers of each peer that just sleep, for exec, ps and the memory. */
const SLEEPERS = 10;
/** How many are started one after another. */
const MANY = 1000;
/** Starts that are looked at together, around the tenth and at the end. */
const WINDOW = 9;
/** Bytes that a chatty container writes, about. */
const MEGABYTES = 100;

export const CAT = "cat, no container";

const clis = (peers: Peer[]) => peers.map(({ cli }) => cli).filter((cli) => cli !== undefined);

/** A name that says whose process it is, in /proc too. */
const nameOf = (place: Place, what: string | number) => `${place.cgroup}-${what}`;

function detached({ argv, flags }: Cli, name: string, ...command: string[]): string[] {
  return [...argv, "run", "-d", "--network", "none", ...flags, "--name", name, "bench-busybox", ...command];
}

/** Starts the sleepers, and has them removed before the directories go. */
export async function startSleepers(place: Place, peers: Peer[]): Promise<void> {
  const names = Array.from({ length: SLEEPERS }, (_, number) => nameOf(place, number));
  for (const cli of clis(peers)) {
    place.use({
      [Symbol.asyncDispose]: async () => {
        // An interrupt has no say here.
        const { argv, env, cwd } = place.command([...cli.argv, "rm", "-f", ...names], cli.env);
        const options = {
          args: argv.slice(1),
          clearEnv: true,
          env,
          cwd,
          stdout: "null",
          stderr: "null",
        } as const;
        await new Deno.Command(argv[0], options).output();
      },
    });
    for (const name of names) await place.run(detached(cli, name, "sleep", "100000"), cli.env);
  }
}

/** exec in the first sleeper. */
export function execs(place: Place, peers: Peer[]): Candidate[] {
  return clis(peers).map(({ name, argv, env }) => ({
    name: `${name} exec`,
    command: () => place.command([...argv, "exec", nameOf(place, 0), "true"], env),
  }));
}

/** ps of the sleepers. */
export function listings(place: Place, peers: Peer[]): Candidate[] {
  return clis(peers).map(({ name, argv, env }) => ({
    name: `${name} ps`,
    command: () => place.command([...argv, "ps"], env),
  }));
}

/**
 * run -d, and rm -f as soon as that has returned; podman would give a process ten seconds to act on another
 * signal.
 */
export function lives(place: Place, peers: Peer[]): Candidate[] {
  return clis(peers).map((cli) => {
    const script = 'id=$("$@") && exec "$0" $REST rm -f "$id"';
    const [program, ...rest] = cli.argv;
    const killed = { ...cli, flags: [...cli.flags, "--stop-signal", "KILL"] };
    const env = { ...cli.env, REST: rest.join(" ") };
    const command = (round: number) =>
      place.command(
        [
          "/bin/sh",
          "-c",
          script,
          program,
          ...detached(killed, nameOf(place, `life-${round}`), "sleep", "100000"),
        ],
        env,
      );
    return { name: `${cli.name} run -d, rm -f`, command };
  });
}

/** stop of a shell that ends on SIGTERM. */
export function stops(place: Place, peers: Peer[]): Candidate[] {
  const script = 'trap "exit 0" TERM; echo ready; sleep 100000 & wait';
  return clis(peers).map((cli) => {
    const { name, argv, env } = cli;
    const container = (round: number) => nameOf(place, `stop-${round}`);
    return {
      name: `${name} stop`,
      async prepare(round) {
        await place.run(detached(cli, container(round), "sh", "-c", script), env);
        const isReady = async () => await place.run([...argv, "logs", container(round)], env) === "ready";
        if (!await wait(20, isReady)) {
          throw new Error("the process to be stopped doesn't say that it is ready");
        }
      },
      command: (round) => place.command([...argv, "stop", container(round)], env),
      remove: (round) => place.run([...argv, "rm", "-f", container(round)], env),
    };
  });
}

/**
 * Output through a pipe to cat, beside what cat itself takes for that. docker would take half a minute each
 * time.
 */
export async function chatter(place: Place, peers: Peer[]): Promise<Candidate[]> {
  const file = `${place.dir}/chatter`;
  await place.run(["/bin/sh", "-c", `seq 1 100000000 | head -c ${MEGABYTES}000000 >"$0"`, file]);
  const piped = (argv: string[], env?: Record<string, string>) =>
    place.command(["/bin/sh", "-c", '"$@" | cat >/dev/null', "sh", ...argv], env);
  return [
    { name: CAT, command: () => piped(["cat", file]) },
    ...clis(peers).filter(({ name }) => name !== "docker").map(({ name, argv, env, flags }) => {
      const run = [...argv, "run", "--rm", "--network", "none", ...flags, "-v", `${file}:/chatter:ro`];
      return {
        name: `${name} run cat`,
        command: () => piped([...run, "bench-busybox", "cat", "/chatter"], env),
      };
    }),
  ];
}

/** Who stays with a detached container, by the peer's name. */
const HELPERS: Record<string, string> = {
  mydocker: "mydocker-keeper",
  podman: "conmon",
  docker: "containerd-shim",
};

/**
 * kB that each helper process has for itself, shared pages by their share; of those that belong to sleepers.
 */
export function memory(place: Place, peers: Peer[]): Map<string, Outcome> {
  const processes = [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name));
  return new Map(
    clis(peers).map(({ name }) => {
      const sizes = processes.flatMap(({ name: pid }) => {
        try {
          const comm = Deno.readTextFileSync(`/proc/${pid}/comm`);
          // comm has 15 characters at most.
          if (!HELPERS[name].startsWith(comm.trim())) return [];
          if (!Deno.readTextFileSync(`/proc/${pid}/cmdline`).includes(place.cgroup)) return [];
          const pss = /^Pss:\s*(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`));
          return pss ? [Number(pss[1])] : [];
        } catch (error) {
          if (error instanceof Deno.errors.NotFound) return []; // It has ended.
          throw error;
        }
      });
      const outcome = sizes.length > 0 ? { times: sizes } : { failed: `no ${HELPERS[name]} found` };
      return [`${name}: ${HELPERS[name]}`, outcome];
    }),
  );
}

export const [TENTH, LAST] = [`run -d, around the tenth`, `run -d, the last of ${MANY}`];
export const [PS_TEN, PS_MANY] = [`ps with ${SLEEPERS} containers`, `ps with ${MANY} containers`];

/**
 * Starts many containers of mydocker one after another, in a root directory of their own; ps at the tenth and
 * the last.
 */
export async function many(
  place: Place,
  { argv, env: usual, flags, name }: Cli,
  archive: string,
): Promise<Map<string, Outcome>> {
  const env = { ...usual, MYDOCKER_ROOT: place.mkdir("many") };
  await place.run([...argv, "import", archive, "bench-busybox"], env);
  const starts: number[] = [];
  const listed = async () => {
    const times = [];
    for (let round = 0; round < WINDOW; round++) times.push(await clock([...argv, "ps"]));
    return times.slice(1);
  };
  const clock = (command: string[]) => timed(place.command(command, env), place.signal);
  let ps: number[] = [];
  try {
    for (let number = 1; number <= MANY; number++) {
      const container = nameOf(place, `many-${number}`);
      starts.push(await clock(detached({ name, argv, env, flags }, container, "sleep", "100000")));
      if (number === SLEEPERS) ps = await listed();
    }
    return new Map([
      [TENTH, { times: starts.slice(SLEEPERS - 1, SLEEPERS - 1 + WINDOW) }],
      [LAST, { times: starts.slice(-WINDOW) }],
      [PS_TEN, { times: ps }],
      [PS_MANY, { times: await listed() }],
    ]);
  } finally {
    const remove = ["/bin/sh", "-c", '"$0" rm -f $("$0" ps -aq) >/dev/null', argv[0]];
    await timed(place.command(remove, env), new AbortController().signal);
  }
}
