// What is measured of one start: the first of a copy on a new host, what it takes in memory at most, and
// where its milliseconds go.

import { type Candidate, median, type Outcome, run, timed } from "./measure.ts";
import { type Cli, installed } from "./peers.ts";
import type { Place } from "./place.ts";

const argvOf = ({ argv }: Cli) => [
  ...argv,
  ...["run", "--rm", "--network", "none", "bench-busybox", "true"],
];

export const [FIRST, AGAIN] = ["mydocker run --rm, the first", "mydocker run --rm, another"];

/** A start where nothing is unpacked yet, and one after it. */
export function firsts(place: Place, cli: Cli): Candidate[] {
  const cache = (round: number) => `${place.dir}/first-${round}`;
  const env = (round: number) => ({ ...cli.env, MYDOCKER_CACHE: cache(round) });
  return [
    {
      name: FIRST,
      prepare: (round) => Promise.resolve(place.mkdir(`first-${round}`)),
      command: (round) => place.command(argvOf(cli), env(round)),
      remove: (round) => place.run(["/bin/rm", "-rf", cache(round)]),
    },
    { name: AGAIN, command: () => place.command(argvOf(cli), cli.env) },
  ];
}

export const RESIDENT = "mydocker run --rm: peak RSS of its largest process";

/** kB, as GNU time has them of a process and those it waited for. */
export async function resident(place: Place, cli: Cli): Promise<Map<string, Outcome>> {
  const sizes: number[] = [];
  try {
    const time = installed("time");
    for (let round = 0; round < 5; round++) {
      const result = `${place.dir}/time`;
      await place.run([time, "-f", "%M", "-o", result, ...argvOf(cli)], cli.env);
      sizes.push(Number(Deno.readTextFileSync(result)));
    }
    return new Map([[RESIDENT, { times: sizes }]]);
  } catch (error) {
    place.signal.throwIfAborted();
    return new Map([[RESIDENT, { failed: `GNU time: ${(error as Error).message}` }]]);
  }
}

/** The unpacked deno with which mydocker starts; undefined where it is compiled into one executable. */
function unpackedDeno({ MYDOCKER_CACHE: cache }: Record<string, string>): string | undefined {
  for (const { name, isDirectory } of Deno.readDirSync(cache)) {
    if (isDirectory && name.startsWith("deno-")) return `${cache}/${name}/deno`;
  }
}

/** Milliseconds of a start, in the order in which they pass; medians of so many. */
export async function steps(place: Place, cli: Cli, rounds: number): Promise<Map<string, number>> {
  const clock = async (argv: string[]) => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) times.push(await timed(place.command(argv), place.signal));
    return median(times)!;
  };
  const shell = await clock(["/bin/sh", "-c", ":"]);
  const found = unpackedDeno(cli.env);
  const empty = `${place.mkdir("empty")}/empty.js`;
  Deno.writeTextFileSync(empty, "");
  const loaded = found === undefined ? undefined : await clock([found, "--version"]);
  const ready = found === undefined
    ? undefined
    : await clock([found, "run", "-A", "--quiet", "--no-config", empty]);
  const totals: number[] = [];
  const reported = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    const words = ["/bin/sh", "-c", 'exec "$@" 2>&1', "sh", cli.argv[0], "--debug", ...argvOf(cli).slice(1)];
    const said = await run(place.command(words, cli.env), place.signal);
    for (const [, time, done] of said.matchAll(/debug: +([0-9.]+) ms {2}(.*)/g)) {
      // Numbers differ from start to start.
      const name = done.replace(/[0-9a-f]{12,}|\d+/g, "N");
      reported.set(name, [...reported.get(name) ?? [], Number(time)]);
    }
    totals.push(await timed(place.command(argvOf(cli), cli.env), place.signal));
  }
  const total = median(totals)!;
  const rows = new Map<string, number>([["launcher: a shell", shell]]);
  if (loaded !== undefined && ready !== undefined) {
    rows.set("executable loaded (deno --version)", loaded);
    rows.set("runtime ready (an empty script, without that)", ready - loaded);
  }
  const named = [...rows.values()].reduce((sum, time) => sum + time, 0);
  const own = new Map([...reported].map(([name, times]) => [name, median(times)!]));
  const debugged = [...own.values()].reduce((sum, time) => sum + time, 0);
  rows.set("bundle loaded, and what no row has", total - named - debugged);
  for (const [name, time] of own) rows.set(name, time);
  return rows.set("all of it", total);
}
