// make bench: mydocker beside whatever else of its kind is installed, in one run, on this machine.
//
// make bench ONLY=exec,ps   (--only) measures some of: run walls exec ps life stop deeds memory resident many
//                           parallel chatter import load save commit peak first network throughput steps
// make bench RUNS=N         (--runs) rounds of `run`, 20 unless told; of what takes longer it is a part of
//                           that
// make bench WRITE=1        (--write) puts what a complete run found into docs/benchmarks.md and README.md

import { toolArguments } from "../../lib/launcher/arguments.ts";
import { docker } from "./docker.ts";
import { commits, loads, peaks, saves } from "./images.ts";
import {
  CAT,
  chatter,
  deeds,
  execs,
  listings,
  lives,
  many,
  memory,
  parallel,
  PS_TEN,
  startSleepers,
  stops,
  TENTH,
} from "./life.ts";
import { type Candidate, interleave, type Schedule, timed } from "./measure.ts";
import {
  type Archives,
  type Cli,
  crun,
  FLOOR,
  floor,
  mydocker,
  type Peer,
  podman,
  runc,
  type Setup,
  TAR,
  tar,
} from "./peers.ts";
import { networkRuns, onNetworks, throughput } from "./network.ts";
import { pause, Place, wait } from "./place.ts";
import { exists } from "../world/exists.ts";
import { type Kind, load, machine, markdown, type Outcomes, table, verdicts } from "./report.ts";
import { AGAIN, firsts, resident, steps } from "./start.ts";
import { ALL_WALLS, NO_WALLS, walls } from "./walls.ts";
import { type Short, writeDocuments } from "./write.ts";
import { busyboxTar, debianTar } from "../world/images.ts";

/** In this order, round after round. */
const SETUPS: Record<string, Setup> = { deno: floor, mydocker, crun, runc, podman, docker, tar };

/** What share of the rounds each has, in this order; those that have none are measured once. */
const SHARES: Record<Kind, number> = {
  ...{ run: 1, walls: 0.5, exec: 1, ps: 0.5, life: 0.5, stop: 0.5, deeds: 0.5 },
  ...{ memory: 0, resident: 0, many: 0, parallel: 0, chatter: 0.25, import: 0.15 },
  ...{ load: 0.25, save: 0.25, commit: 0.25, peak: 0, first: 0.25, network: 1, throughput: 0.15 },
  steps: 0.5,
};
const KINDS = Object.keys(SHARES) as Kind[];

interface Settings {
  kinds: Kind[];
  runs: number;
  write: boolean;
}

function settings(): Settings {
  const given = toolArguments({ texts: ["only", "runs"], switches: ["write"] });
  const only = given.only?.split(/[, ]+/).filter((word) => word !== "") ?? [];
  const unknown = only.find((word) => !(KINDS as string[]).includes(word));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${KINDS.join(" ")}`);
  const runs = Number(given.runs ?? 20);
  if (!(Number.isInteger(runs) && runs > 0)) throw new Error("--runs is a number of rounds");
  if (given.write && only.length > 0) throw new Error("--write is for a complete run, without --only");
  const kinds = only.length > 0 ? KINDS.filter((kind) => only.includes(kind)) : KINDS;
  return { kinds, runs, write: given.write };
}

const onNetwork = (kind: Kind) => kind === "network" || kind === "throughput";
const needsDebian = (kind: Kind) => kind === "import" || kind === "load" || kind === "save";

async function archives(kinds: Kind[]): Promise<Archives> {
  const busybox = await busyboxTar();
  if (!kinds.some(needsDebian)) return { busybox };
  const cached = "/var/tmp/debian.tar";
  const { path, missing } = exists(cached) ? { path: cached } : await debianTar();
  if (missing !== undefined) console.log(`import, load and save are not measured: ${missing}`);
  return { busybox, debian: path };
}

/** All that can take part; the others are named, with the reason. */
async function gather(place: Place, found: Archives): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const [name, setup] of Object.entries(SETUPS)) {
    place.signal.throwIfAborted();
    try {
      const peer = await setup(place, found);
      peers.push(peer);
      console.log(`${peer.name} ${peer.about}`);
    } catch (error) {
      place.signal.throwIfAborted();
      console.log(`${name} is skipped: ${(error as Error).message}`);
    }
  }
  return peers;
}

async function candidates(place: Place, peers: Peer[], kind: Kind, found: Archives): Promise<Candidate[]> {
  switch (kind) {
    case "walls":
      return walls(place, ownCli(peers));
    case "exec":
      return execs(place, peers);
    case "ps":
      return listings(place, peers);
    case "life":
      return lives(place, peers);
    case "stop":
      return stops(place, peers);
    case "deeds":
      return deeds(place, peers.filter(({ name }) => name !== "podman"));
    case "first":
      return [
        ...firsts(place, ownCli(peers)),
        ...peers.flatMap(({ name, run }) => name === "deno" && run ? [run] : []),
      ];
    case "chatter":
      return await chatter(place, peers);
    case "load":
      return loads(place, peers, found.debian!);
    case "save":
      return await saves(place, peers, found.debian!);
    case "commit":
      return await commits(place, peers);
    case "network":
      return networkRuns(place, peers);
    default:
      return peers.map((peer) => peer[kind as "run" | "import"]).filter((one) => one !== undefined);
  }
}

/**
 * Around `run`: what a peer leaves to be done behind its back (podman its clean-up) is over before the next
 * one starts. No longer than that: after some idle time the kernel takes many milliseconds more for a cgroup
 * or a mount. A daemon's work can't be seen to end, so a round starts with a pause, and with a process that
 * counts for nobody.
 */
function quiet(place: Place, all: Candidate[]): Pick<Schedule, "beforeRound" | "before"> {
  const daemons = place.processes().length;
  return {
    async beforeRound() {
      await pause(100);
      await timed(all[0].command(0), place.signal);
    },
    before: () => wait(2, () => place.processes().length <= daemons, 2),
  };
}

const TITLES: Record<Kind, string> = {
  run: "run --rm --network none IMAGE true, ms",
  walls: "run --rm IMAGE true, its walls, ms",
  exec: "exec CONTAINER true, ms",
  ps: "commands that look, 10 containers, ms",
  life: "run -d and rm -f, ms",
  stop: "stop of what ends on SIGTERM, ms",
  deeds: "done to one container, ms",
  memory: "per detached container, kB (PSS)",
  resident: "memory of a start, kB",
  many: "1,000 one after another, ms",
  parallel: "200 at the same time, ms",
  chatter: "100 MB through a pipe, ms",
  import: "import of a Debian root, each after sync, ms",
  load: "load of a Debian image's docker-archive, each after sync, ms",
  save: "save of a Debian image, each after sync, ms",
  commit: "commit of a change of 50 MB, each after sync, ms",
  peak: "load of a layer of 2 GB, kB (peak)",
  first: "first start after copying the file to a new host, ms",
  network: "run --rm on the default network, ms",
  throughput: "iperf3, container to host, Gbit/s",
  steps: "where a start's milliseconds go",
};

/** Columns of a table besides the times: what the median is compared with. */
const BASES: Record<Kind, Record<string, string>> = {
  run: { mydocker: "mydocker run --rm", floor: FLOOR },
  walls: { all: ALL_WALLS, none: NO_WALLS },
  exec: { mydocker: "mydocker exec" },
  ps: { floor: FLOOR },
  life: { mydocker: "mydocker run -d, rm -f" },
  stop: { mydocker: "mydocker stop" },
  deeds: {},
  memory: { mydocker: "mydocker: mydocker-keeper" },
  resident: {},
  parallel: { docker: "docker run -d" },
  many: { "start at 10": TENTH, "ps at 10": PS_TEN },
  chatter: { mydocker: "mydocker run cat", cat: CAT },
  import: { mydocker: "mydocker import", "tar xf": TAR },
  load: { mydocker: "mydocker load" },
  save: { mydocker: "mydocker save" },
  commit: { mydocker: "mydocker commit" },
  peak: {},
  first: { another: AGAIN, floor: FLOOR },
  steps: {},
  network: { mydocker: "mydocker run --rm", none: "mydocker run --rm --network none" },
  throughput: { docker: "docker" },
};

/** How a kind's rounds begin, and what is waited for before each command. */
function around(place: Place, kind: Kind, all: Candidate[]): Pick<Schedule, "beforeRound" | "before"> {
  if (["run", "walls", "exec", "network"].includes(kind)) return quiet(place, all);
  if (kind === "import" || kind === "load" || kind === "save" || kind === "commit") {
    return { before: () => place.run(["/bin/sync"]) };
  }
  return { before: () => pause(20) };
}

async function measure(
  place: Place,
  kind: Kind,
  peers: Peer[],
  found: Archives,
  runs: number,
): Promise<Outcomes> {
  const rounds = Math.ceil(runs * SHARES[kind]);
  if (kind === "memory") return memory(place, peers);
  if (kind === "resident") return await resident(place, ownCli(peers));
  if (kind === "peak") return await peaks(place, ownCli(peers));
  if (kind === "throughput") return await throughput(place, peers, rounds);
  if (kind === "many") return await many(place, ownCli(peers), found.busybox);
  if (kind === "parallel") return await parallel(place, peers);
  const all = await candidates(place, peers, kind, found);
  const warmups = rounds > 5 ? 2 : 1;
  return await interleave(all, { ...around(place, kind, all), rounds, warmups, signal: place.signal });
}

/** A heading, what was measured, and what was wanted of it; in markdown. */
function section(kind: Kind, outcomes: Outcomes, runs: number): string {
  const rounds = Math.ceil(runs * SHARES[kind]);
  const title = rounds > 0 ? `${TITLES[kind]}, ${rounds} rounds` : TITLES[kind];
  return [`### ${title}`, table("", outcomes, BASES[kind]), verdicts(kind, outcomes)].filter(Boolean).join(
    "\n\n",
  );
}

/** Where a start's milliseconds go. */
async function breakdown(place: Place, peers: Peer[], runs: number): Promise<string> {
  const rounds = Math.ceil(runs * SHARES.steps);
  const rows = [...await steps(place, ownCli(peers), rounds)].map(([name, time]) => [name, time.toFixed(2)]);
  return `### ${TITLES.steps}, medians of ${rounds}\n\n${
    markdown([["run --rm --network none", "ms"], ...rows])
  }`;
}

function ownCli(peers: Peer[]): Cli {
  const own = peers.find(({ name }) => name === "mydocker")?.cli;
  if (own === undefined) throw new Error("there is no mydocker to measure");
  return own;
}

async function bench(signal: AbortSignal): Promise<void> {
  const { kinds, runs, write } = settings();
  if (Deno.uid() !== 0) throw new Error("make bench needs root");
  const found = await archives(kinds);
  await using place = new Place(signal);
  const before = load();
  const peers = kinds.every(onNetwork) ? [] : await gather(place, found);
  const sections: string[] = [];
  const short: Short = new Map();
  const say = (text: string) => {
    sections.push(text);
    console.log(`\n${text}`);
  };
  let sleepers = false;
  let networked: Peer[] | undefined;
  // Where the milliseconds go is asked before there is no way back from other namespaces, and said at the
  // end.
  const last = kinds.includes("steps") ? await breakdown(place, peers, runs) : undefined;
  for (const kind of kinds) {
    if (kind === "steps" || needsDebian(kind) && found.debian === undefined) continue;
    if (!sleepers && ["exec", "ps", "deeds", "memory"].includes(kind)) {
      await startSleepers(place, peers);
      sleepers = true;
    }
    if (onNetwork(kind)) networked ??= await onNetworks(place, found);
    const outcomes = await measure(place, kind, onNetwork(kind) ? networked! : peers, found, runs);
    short.set(kind, outcomes);
    say(section(kind, outcomes, runs));
  }
  if (last) say(last);
  const about = peers.map(({ name, about }) => `${name} ${about}`).join("; ");
  say(`${machine()}; load ${before} before, ${load()} after. ${about}.`);
  if (write) await writeDocuments(sections, short);
}

async function main(): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => interrupt.abort(new Error(signal)));
  }
  try {
    await bench(interrupt.signal);
    return 0;
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    return interrupt.signal.aborted ? 130 : 1;
  }
}

if (import.meta.main) Deno.exit(await main());
