// What is measured of images beyond import: load, save, commit, and the memory that a layer of 2 GB takes.

import type { Candidate, Outcome } from "./measure.ts";
import type { Cli, Peer } from "./peers.ts";
import { pause, type Place } from "./place.ts";
import { exists } from "../world/exists.ts";

/** Bytes that the container whose change is committed has written. */
const CHANGE = 50_000_000;
/** The layer whose loading is watched, in MB. */
const LARGE = 2000;

const clis = (peers: Peer[]) => peers.map(({ cli }) => cli).filter((cli) => cli !== undefined);

/**
 * A docker-archive of one layer, that of root "$2" with a file "$3" in front, which is the image's tag too.
 */
const DEBIAN = `set -eu
cd "$1"
echo "$3" >"$3"
{ tar -c "$3" | head -c 1024; cat "$2"; } >layer
printf '{"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$(sha256sum layer | cut -c 1-64)" >config.json
printf '[{"Config":"config.json","RepoTags":["bench-debian:%s"],"Layers":["layer"]}]' "$3" >manifest.json
tar -cf "$3.tar" config.json manifest.json layer
rm layer "$3"`;

async function dockerArchive(place: Place, root: string, tag: string): Promise<string> {
  const dir = place.mkdir("archives");
  const path = `${dir}/${tag}.tar`;
  if (!exists(path)) await place.run(["/bin/sh", "-c", DEBIAN, "sh", dir, root, tag]);
  return path;
}

/**
 * load of the archive of a Debian image, another one in each round: they are not removed, because ext4 avoids
 * the inodes of files that were deleted in the last minutes, and looking for others takes three times as long
 * as all the rest.
 */
export function loads(place: Place, peers: Peer[], root: string): Candidate[] {
  const archives: string[] = [];
  return clis(peers).map(({ name, argv, env }) => ({
    name: `${name} load`,
    prepare: async (round) => archives[round] = await dockerArchive(place, root, `round-${round}`),
    command: (round) => place.command([...argv, "load", "-q", "-i", archives[round]], env),
  }));
}

/** save of such an image to a file. */
export async function saves(place: Place, peers: Peer[], root: string): Promise<Candidate[]> {
  const archive = await dockerArchive(place, root, "saved");
  for (const { argv, env } of clis(peers)) await place.run([...argv, "load", "-q", "-i", archive], env);
  const saved = `${place.dir}/saved.tar`;
  return clis(peers).map(({ name, argv, env }) => ({
    name: `${name} save`,
    command: () => place.command([...argv, "save", "-o", saved, "bench-debian:saved"], env),
    remove: () => Deno.remove(saved),
  }));
}

/** commit of a stopped container that has written a file. */
export async function commits(place: Place, peers: Peer[]): Promise<Candidate[]> {
  const container = `${place.cgroup}-change`;
  const all = clis(peers);
  for (const { argv, env, flags } of all) {
    const run = [...argv, "run", "--network", "none", ...flags, "--name", container, "bench-busybox"];
    await place.run([...run, "sh", "-c", `head -c ${CHANGE} /dev/urandom >/change`], env);
    place.use({
      [Symbol.asyncDispose]: () => place.run([...argv, "rm", "-f", container], env).then(() => {}),
    });
  }
  return all.map(({ name, argv, env }) => ({
    name: `${name} commit`,
    command: () => place.command([...argv, "commit", container, "bench-committed"], env),
    remove: () => place.run([...argv, "rmi", "bench-committed"], env),
  }));
}

/**
 * An archive of one image, whose layer is a file of zeros; `name` is of the layer's file and of the image.
 */
const ARCHIVE = `set -eu
cd "$1"
hex() { sha256sum "$1" | cut -c 1-64; }
truncate -s "$2M" zeros
tar -cf plain zeros
printf '{"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' "$(hex plain)" >config.json
gzip -1 <plain >gzip
for name in plain gzip; do
  printf '[{"Config":"config.json","RepoTags":["bench-%s:1"],"Layers":["%s"]}]' $name $name >manifest.json
  tar -cf $name.tar config.json manifest.json $name
  rm $name
done`;

/** kB that load of a large layer has in memory at most, as it is in the archive and compressed. */
export async function peaks(place: Place, { argv, env }: Cli): Promise<Map<string, Outcome>> {
  const dir = place.mkdir("peak");
  await place.run(["/bin/bash", "-c", ARCHIVE, "sh", dir, String(LARGE)]);
  const outcomes = new Map<string, Outcome>();
  for (const kind of ["plain", "gzip"]) {
    const command = place.command([...argv, "load", "-q", "-i", `${dir}/${kind}.tar`], env);
    const peak = await peakOf(command.argv, command.env, command.cwd);
    outcomes.set(`load, ${kind}`, { times: [peak] });
    await place.run([...argv, "rmi", `bench-${kind}:1`], env);
  }
  await place.run(["/bin/rm", "-r", dir]);
  return outcomes;
}

/** The kernel keeps a process's highest mark; it is read until the process has ended. */
async function peakOf(argv: string[], env: Record<string, string>, cwd: string): Promise<number> {
  const options = { args: argv.slice(1), clearEnv: true, env, cwd, stdin: "null", stdout: "null" } as const;
  const child = new Deno.Command(argv[0], options).spawn();
  let ended = false;
  const end = child.status.finally(() => ended = true);
  let peak = 0;
  for (; !ended; await pause(5)) {
    const status = await Deno.readTextFile(`/proc/${child.pid}/status`).catch(() => "");
    peak = Math.max(peak, Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1] ?? 0));
  }
  const { code } = await end;
  if (code !== 0) throw new Error(`${argv.join(" ")}: exit code ${code}`);
  return peak;
}
