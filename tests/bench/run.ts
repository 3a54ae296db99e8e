// make bench: mydocker beside whatever else of its kind is installed, in one run, on this machine.
//
// make bench ONLY=exec,ps   (--only) measures some of: run walls exec ps life stop memory many chatter import
//                           load save commit peak network throughput
// make bench RUNS=N         (--runs) rounds of `run`, 20 unless told; of what takes longer it is a part of
//                           that

import { toolArguments } from "../../lib/launcher/arguments.ts";
import { docker } from "./docker.ts";
import { commits, loads, peaks, saves } from "./images.ts";
import {
  CAT,
  chatter,
  execs,
  listings,
  lives,
  many,
  memory,
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
import { exists, pause, Place, wait } from "./place.ts";
import { type Kind, load, machine, type Outcomes, table, verdicts } from "./report.ts";
import { ALL_WALLS, NO_WALLS, walls } from "./walls.ts";
import { busyboxTar, debianTar } from "../world/images.ts";

/** In this order, round after round. */
const SETUPS: Record<string, Setup> = { deno: floor, mydocker, crun, runc, podman, docker, tar };

/** What share of the rounds each has, in this order; memory, many and peak are measured once. */
const SHARES: Record<Kind, number> = {
  ...{
    run: 1,
    walls: 1,
    exec: 1,
    ps: 1,
    life: 0.5,
    stop: 0.5,
    memory: 0,
    many: 0,
    chatter: 0.2,
    import: 0.2,
  },
  ...{ load: 0.25, save: 0.25, commit: 0.25, peak: 0, network: 1, throughput: 0.25 },
};
const KINDS = Object.keys(SHARES) as Kind[];

interface Settings {
  kinds: Kind[];
  runs: number;
}

function settings(): Settings {
  const given = toolArguments({ texts: ["only", "runs"] });
  const only = given.only?.split(/[, ]+/).filter((word) => word !== "") ?? [];
  const unknown = only.find((word) => !(KINDS as string[]).includes(word));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there are ${KINDS.join(" ")}`);
  const runs = Number(given.runs ?? 20);
  if (!(Number.isInteger(runs) && runs > 0)) throw new Error("--runs is a number of rounds");
  return { kinds: only.length > 0 ? KINDS.filter((kind) => only.includes(kind)) : KINDS, runs };
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
  ps: "ps, 10 containers, ms",
  life: "run -d and rm -f, ms",
  stop: "stop of what ends on SIGTERM, ms",
  memory: "per detached container, kB (PSS)",
  many: "1,000 one after another, ms",
  chatter: "100 MB of output through a pipe, ms",
  import: "import of a Debian root, each after sync, ms",
  load: "load of a Debian image's docker-archive, each after sync, ms",
  save: "save of a Debian image, each after sync, ms",
  commit: "commit of a change of 50 MB, each after sync, ms",
  peak: "load of a layer of 2 GB, kB (peak)",
  network: "run --rm on the default network, ms",
  throughput: "iperf3, container to host, Gbit/s",
};

/** Columns of a table besides the times: what the median is compared with. */
const BASES: Record<Kind, Record<string, string>> = {
  run: { mydocker: "mydocker run --rm", floor: FLOOR },
  walls: { all: ALL_WALLS, none: NO_WALLS },
  exec: { mydocker: "mydocker exec" },
  ps: { mydocker: "mydocker ps" },
  life: { mydocker: "mydocker run -d, rm -f" },
  stop: { mydocker: "mydocker stop" },
  memory: { mydocker: "mydocker: mydocker-keeper" },
  many: { "start at 10": TENTH, "ps at 10": PS_TEN },
  chatter: { mydocker: "mydocker run cat", cat: CAT },
  import: { mydocker: "mydocker import", "tar xf": TAR },
  load: { mydocker: "mydocker load" },
  save: { mydocker: "mydocker save" },
  commit: { mydocker: "mydocker commit" },
  peak: {},
  network: { mydocker: "mydocker run --rm", none: "mydocker run --rm --network none" },
  throughput: { docker: "docker" },
};

/** How a kind's rounds begin, and what is waited for before each command. */
function around(place: Place, kind: Kind, all: Candidate[]): Pick<Schedule, "beforeRound" | "before"> {
  if (["run", "walls", "exec", "ps", "network"].includes(kind)) return quiet(place, all);
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
): Promise<string> {
  const rounds = Math.ceil(runs * SHARES[kind]);
  let outcomes: Outcomes;
  if (kind === "memory") outcomes = memory(place, peers);
  else if (kind === "peak") outcomes = await peaks(place, ownCli(peers));
  else if (kind === "throughput") outcomes = await throughput(place, peers, rounds);
  else if (kind === "many") outcomes = await many(place, ownCli(peers), found.busybox);
  else {
    const all = await candidates(place, peers, kind, found);
    const warmups = rounds > 5 ? 2 : 1;
    outcomes = await interleave(all, { ...around(place, kind, all), rounds, warmups, signal: place.signal });
  }
  const title = rounds > 0 ? `${TITLES[kind]}, ${rounds} rounds` : TITLES[kind];
  return `${table(title, outcomes, BASES[kind])}\n\n${verdicts(kind, outcomes)}`;
}

function ownCli(peers: Peer[]): Cli {
  const own = peers.find(({ name }) => name === "mydocker")?.cli;
  if (own === undefined) throw new Error("there is no mydocker to measure");
  return own;
}

async function bench(signal: AbortSignal): Promise<void> {
  const { kinds, runs } = settings();
  if (Deno.uid() !== 0) throw new Error("make bench needs root");
  const found = await archives(kinds);
  await using place = new Place(signal);
  const before = load();
  const peers = kinds.every(onNetwork) ? [] : await gather(place, found);
  let sleepers = false;
  let networked: Peer[] | undefined;
  for (const kind of kinds) {
    if (needsDebian(kind) && found.debian === undefined) continue;
    if (!sleepers && ["exec", "ps", "memory"].includes(kind)) {
      await startSleepers(place, peers);
      sleepers = true;
    }
    // The last kinds: there is no way back from there.
    if (onNetwork(kind)) networked ??= await onNetworks(place, found);
    console.log(`\n${await measure(place, kind, onNetwork(kind) ? networked! : peers, found, runs)}`);
  }
  console.log(`\n${machine()}; load ${before} before, ${load()} after`);
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
