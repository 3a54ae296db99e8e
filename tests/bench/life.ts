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
export const [UNLOGGED, THROUGH, SHOWN] = [
  "mydocker run --log-driver none cat",
  "mydocker run -i cat, its stdin",
  "mydocker logs",
];

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

/** Commands that only look: what follows the words of the peer. */
const looks = (place: Place): [name: string, ...argv: string[]][] => [
  ["ps", "ps"],
  ["images", "images"],
  ["network ls", "network", "ls"],
  ["volume ls", "volume", "ls"],
  ["inspect", "inspect", nameOf(place, 0)],
  ["logs", "logs", nameOf(place, 0)],
  ["version", "version"],
];
export const LOOKS = ["ps", "images", "network ls", "volume ls", "inspect", "logs", "version"];

/** Each of them by each peer, beside what an empty script takes. */
export function listings(place: Place, peers: Peer[]): Candidate[] {
  const floor = peers.flatMap(({ name, run }) => name === "deno" && run ? [run] : []);
  const all = looks(place).flatMap(([what, ...words]) =>
    clis(peers).map(({ name, argv, env }) => ({
      name: `${name} ${what}`,
      command: () => place.command([...argv, ...words], env),
    }))
  );
  return [...floor, ...all];
}

/** What is done to one container: each on one of its own, or on the first sleeper. */
export function deeds(place: Place, peers: Peer[]): Candidate[] {
  const file = `${place.dir}/copied`;
  Deno.writeTextFileSync(file, "copied\n");
  return clis(peers).flatMap((cli) => {
    const { name, argv, env, flags } = cli;
    const own = (what: string, round: number) => nameOf(place, `${what}-${round}`);
    const command = (...words: string[]) => place.command([...argv, ...words], env);
    const drop = (container: string) => place.run([...argv, "rm", "-f", container], env);
    // podman would give a process ten seconds to act on another signal.
    const killed = { ...cli, flags: [...flags, "--stop-signal", "KILL"] };
    return [
      {
        name: `${name} rm -f`,
        prepare: (round: number) =>
          place.run(detached(killed, own("removed", round), "sleep", "100000"), env),
        command: (round: number) => command("rm", "-f", own("removed", round)),
      },
      {
        name: `${name} start`,
        prepare: (round: number) => {
          const [created] = [own("started", round)];
          const words = detached(cli, created, "sleep", "100000").map((word) =>
            word === "run" ? "create" : word
          );
          return place.run(words.filter((word) => word !== "-d"), env);
        },
        command: (round: number) => command("start", own("started", round)),
        remove: (round: number) => drop(own("started", round)),
      },
      {
        name: `${name} commit`,
        command: () => command("commit", nameOf(place, 0), "bench-nothing"),
        remove: () => place.run([...argv, "rmi", "bench-nothing"], env),
      },
      { name: `${name} cp`, command: () => command("cp", file, `${nameOf(place, 0)}:/tmp/copied`) },
    ];
  });
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
 * 100 MB through a pipe to cat, beside what cat itself takes for that: written by a container with and
 * without a log, read and written by one, and shown by `logs`. docker would take half a minute each time.
 */
export async function chatter(place: Place, peers: Peer[]): Promise<Candidate[]> {
  const file = `${place.dir}/chatter`;
  await place.run(["/bin/sh", "-c", `seq 1 100000000 | head -c ${MEGABYTES}000000 >"$0"`, file]);
  const piped = (argv: string[], env?: Record<string, string>, from = "/dev/null") =>
    place.command(["/bin/sh", "-c", 'exec <"$0"; "$@" | cat >/dev/null', from, ...argv], env);
  const runs = clis(peers).filter(({ name }) => name !== "docker").map(({ name, argv, env, flags }) => {
    const run = [...argv, "run", "--rm", "--network", "none", ...flags, "-v", `${file}:/chatter:ro`];
    return {
      name: `${name} run cat`,
      command: () => piped([...run, "bench-busybox", "cat", "/chatter"], env),
    };
  });
  const own = clis(peers).find(({ name }) => name === "mydocker");
  if (own === undefined) return [{ name: CAT, command: () => piped(["cat", file]) }, ...runs];
  const { argv, env } = own;
  const spoken = nameOf(place, "chatter");
  const run = [...argv, "run", "--network", "none", "-v", `${file}:/chatter:ro`];
  await place.run([
    "/bin/sh",
    "-c",
    '"$@" >/dev/null',
    "sh",
    ...run,
    "--name",
    spoken,
    "bench-busybox",
    "cat",
    "/chatter",
  ], env);
  place.use({ [Symbol.asyncDispose]: () => place.run([...argv, "rm", "-f", spoken], env).then(() => {}) });
  return [
    { name: CAT, command: () => piped(["cat", file]) },
    ...runs,
    {
      name: UNLOGGED,
      command: () => piped([...run, "--rm", "--log-driver", "none", "bench-busybox", "cat", "/chatter"], env),
    },
    {
      name: THROUGH,
      command: () =>
        piped([...argv, "run", "--rm", "-i", "--network", "none", "bench-busybox", "cat"], env, file),
    },
    { name: SHOWN, command: () => piped([...argv, "logs", spoken], env) },
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
    const remove = ["/bin/sh", "-c", '"$0" ps -aq | xargs -r "$0" rm -f >/dev/null', argv[0]];
    await timed(place.command(remove, env), new AbortController().signal);
  }
}

/** How many are started at the same time. */
const PARALLEL = 200;

/** run -d of many at the same time, until the last is up; once by each peer that is docker or mydocker. */
export async function parallel(place: Place, peers: Peer[]): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const each = nameOf(place, "parallel-{}");
  for (const cli of clis(peers).filter(({ name }) => name !== "podman")) {
    const all = ["xargs", "-P", String(PARALLEL), "-I", "{}", ...detached(cli, each, "sleep", "100000")];
    const script = (action: string) => ["/bin/sh", "-c", `seq ${PARALLEL} | ${action} >/dev/null`, "sh"];
    const time = await timed(place.command([...script('"$@"'), ...all], cli.env), place.signal).then(
      (time) => ({ times: [time] }),
      ({ message }) => ({ failed: message }),
    );
    place.signal.throwIfAborted();
    outcomes.set(`${cli.name} run -d`, time);
    const names = `sed "s/.*/${nameOf(place, "parallel-&")}/"`;
    const remove = place.command([...script(`${names} | xargs "$@"`), ...cli.argv, "rm", "-f"], cli.env);
    await timed(remove, new AbortController().signal);
  }
  return outcomes;
}
