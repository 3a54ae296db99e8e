// Networks: containers on everybody's default network, in a network and a mount namespace of the benchmark's
// own, so that neither the host's interfaces nor its packet filter, nor what CNI keeps in /var/lib/cni, are
// touched.

import { isolate } from "../world/netns.ts";
import { DockerDaemon, dockerPeer } from "./docker.ts";
import { type Candidate, type Outcome, run } from "./measure.ts";
import { type Archives, type Cli, installed, mydocker, type Peer, podman } from "./peers.ts";
import { killOne, pause, type Place } from "./place.ts";
import { exists } from "../world/exists.ts";

/** Seconds that one measurement of throughput takes. */
const SECONDS = 2;

/** mydocker, podman and docker, which can make networks there; the thread that calls this stays there. */
export async function onNetworks(place: Place, archives: Archives): Promise<Peer[]> {
  isolate();
  await place.run([
    "/bin/sh",
    "-c",
    "mount --make-rprivate / && mkdir -p /var/lib/cni && mount -t tmpfs tmpfs /var/lib/cni",
  ]);
  const peers: Peer[] = [];
  for (const [name, setup] of Object.entries({ mydocker, podman, docker })) {
    place.signal.throwIfAborted();
    try {
      peers.push(await setup(place, archives));
    } catch (error) {
      place.signal.throwIfAborted();
      console.log(`${name} on a network is skipped: ${(error as Error).message}`);
    }
  }
  return peers;
}

/** Docker with its default network: a daemon of its own, beside the one that has none. */
const docker = (place: Place, archives: Archives): Promise<Peer> =>
  dockerPeer(place, archives, (dockerd) => new DockerDaemon(place, dockerd, "docker-network", []));

const clis = (peers: Peer[]) => peers.map(({ cli }) => cli).filter((cli) => cli !== undefined);

function runArgv({ argv, flags }: Cli, network: string[], ...command: string[]): string[] {
  return [...argv, "run", "--rm", ...network, ...flags, ...command];
}

/** run --rm on the default networks, and mydocker's without one. */
export function networkRuns(place: Place, peers: Peer[]): Candidate[] {
  const runs = clis(peers).map((cli) => ({
    name: `${cli.name} run --rm`,
    command: () => place.command(runArgv(cli, [], "bench-busybox", "true"), cli.env),
  }));
  const own = clis(peers).find(({ name }) => name === "mydocker");
  if (own === undefined) return runs;
  const argv = runArgv(own, ["--network", "none"], "bench-busybox", "true");
  return [{ name: "mydocker run --rm --network none", command: () => place.command(argv, own.env) }, ...runs];
}

/** What iperf3 in a container sends to one on the host, in Gbit/s; each in turn. */
export async function throughput(place: Place, peers: Peer[], rounds: number): Promise<Map<string, Outcome>> {
  const archive = await iperfImage(place);
  const server = await startServer(place);
  const outcomes = new Map<string, Outcome>();
  const senders = new Map<string, string[]>();
  for (const cli of clis(peers)) {
    await place.run([...cli.argv, "import", archive, "bench-iperf"], cli.env);
    outcomes.set(cli.name, { times: [] });
    const route = await place.run(runArgv(cli, [], "bench-busybox", "ip", "route"), cli.env);
    const gateway = /default via (\S+)/.exec(route)![1];
    const command = ["/usr/bin/iperf3", "-J", "-t", String(SECONDS), "-c", gateway];
    senders.set(cli.name, runArgv(cli, [], "bench-iperf", ...command));
  }
  for (let round = 0; round < rounds; round++) {
    for (const cli of clis(peers)) {
      const outcome = outcomes.get(cli.name)!;
      if ("failed" in outcome) continue;
      try {
        const said = await run(place.command(senders.get(cli.name)!, cli.env), place.signal);
        outcome.times.push(JSON.parse(said).end.sum_received.bits_per_second / 1e9);
      } catch (error) {
        place.signal.throwIfAborted();
        outcomes.set(cli.name, { failed: (error as Error).message });
      }
      await pause(100);
    }
  }
  killOne(server);
  return outcomes;
}

/** An archive of Debian's iperf3 and the libraries it needs, and of the few directories a container needs. */
async function iperfImage(place: Place): Promise<string> {
  const path = installed("iperf3");
  const libraries = [...(await place.run(["/usr/bin/ldd", path])).matchAll(/(\/\S+) \(0x/g)].map((
    [, found],
  ) => found);
  const archive = `${place.dir}/iperf3.tar`;
  const script =
    'cd "$1" && mkdir -p tmp proc sys dev && shift && for file; do cp --parents -L "$file" .; done; tar cf ../iperf3.tar .';
  await place.run(["/bin/sh", "-ec", script, "sh", place.mkdir("iperf3"), path, ...libraries]);
  return archive;
}

/** The pid of an iperf3 that listens on all addresses of the namespace. */
async function startServer(place: Place): Promise<number> {
  const { argv, env, cwd } = place.command([installed("iperf3"), "-s"]);
  const options = { args: argv.slice(1), clearEnv: true, env, cwd, stdout: "null", stderr: "null" } as const;
  const server = new Deno.Command(argv[0], options).spawn();
  await pause(500);
  if (!exists(`/proc/${server.pid}`)) throw new Error("iperf3 -s has ended at once");
  return server.pid;
}
