// make bench: mydocker beside whatever else of its kind is installed, in one run, on this machine.
//
// BENCH_RUNS=N    rounds of `run`, 20 unless told; of `import` it is a quarter of that
// BENCH_ONLY=...  run or import

import { docker } from "./bench/docker.ts";
import { type Candidate, interleave, type Schedule, timed } from "./bench/measure.ts";
import {
  type Archives,
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
} from "./bench/peers.ts";
import { exists, pause, Place, wait } from "./bench/place.ts";
import { load, machine, table, verdicts } from "./bench/report.ts";
import { busyboxTar, debianTar } from "./images.ts";

/** In this order, round after round. */
const SETUPS: Record<string, Setup> = { deno: floor, mydocker, crun, runc, podman, docker, tar };

type Kind = "run" | "import";

interface Settings {
  kinds: Kind[];
  rounds: Record<Kind, number>;
}

function settings(): Settings {
  const only = Deno.env.get("BENCH_ONLY") || undefined;
  if (only !== undefined && only !== "run" && only !== "import") {
    throw new Error("BENCH_ONLY is run or import");
  }
  const runs = Number(Deno.env.get("BENCH_RUNS") || 20);
  if (!(Number.isInteger(runs) && runs > 0)) throw new Error("BENCH_RUNS is a number of rounds");
  return {
    kinds: only === undefined ? ["run", "import"] : [only],
    rounds: { run: runs, import: Math.ceil(runs / 4) },
  };
}

async function archives(kinds: Kind[]): Promise<Archives> {
  const busybox = await busyboxTar();
  if (!kinds.includes("import")) return { busybox };
  const cached = "/var/tmp/debian.tar";
  const { path, missing } = exists(cached) ? { path: cached } : await debianTar();
  if (missing !== undefined) console.log(`import is not measured: ${missing}`);
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

const candidates = (peers: Peer[], kind: Kind) =>
  peers.map((peer) => peer[kind]).filter((one) => one !== undefined);

/**
 * Around `run`: what a peer leaves to be done behind its back (podman its clean-up) is over before the next one starts.
 * No longer than that: after some idle time the kernel takes many milliseconds more for a cgroup or a mount. A daemon's
 * work can't be seen to end, so a round starts with a pause, and with a process that counts for nobody.
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

async function measure(place: Place, kind: Kind, all: Candidate[], rounds: number): Promise<string> {
  const around = kind === "run" ? quiet(place, all) : { before: () => place.run(["/bin/sync"]) };
  const warmups = kind === "run" ? 2 : 1;
  const outcomes = await interleave(all, { ...around, rounds, warmups, signal: place.signal });
  const title = kind === "run"
    ? `run --rm --network none IMAGE true, ms, ${rounds} rounds`
    : `import of a Debian root, ms, ${rounds} rounds, each after sync`;
  const bases: Record<string, string> = kind === "run"
    ? { mydocker: "mydocker run --rm", floor: FLOOR }
    : { mydocker: "mydocker import", "tar xf": TAR };
  return `${table(title, outcomes, bases)}\n\n${verdicts(kind, outcomes)}`;
}

async function bench(signal: AbortSignal): Promise<void> {
  const { kinds, rounds } = settings();
  if (Deno.uid() !== 0) throw new Error("make bench needs root");
  const found = await archives(kinds);
  await using place = new Place(signal);
  const before = load();
  const peers = await gather(place, found);
  for (const kind of kinds) {
    const all = candidates(peers, kind);
    if (kind === "run" || found.debian !== undefined) {
      console.log(`\n${await measure(place, kind, all, rounds[kind])}`);
    }
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
