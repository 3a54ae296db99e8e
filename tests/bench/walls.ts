// What a container's cgroup and filter cost: the same start with and without them.

import { type Candidate, RemoteClock } from "./measure.ts";
import { type Cli, installed } from "./peers.ts";
import type { Place } from "./place.ts";

export const ALL_WALLS = "mydocker run --rm";
export const NO_WALLS = "without filter, without cgroups";

/** Capabilities, masks and read-only mounts are in all of them. */
export function walls(place: Place, { argv, env }: Cli): Candidate[] {
  const command = (...flags: string[]) => () =>
    place.command([...argv, "run", "--rm", "--network", "none", ...flags, "bench-busybox", "true"], env);
  // Each is started, and timed, by a process of its own in a mount namespace, so that they differ in nothing
  // else.
  const clockAfter = (action: string) => {
    const prefix = [installed("unshare"), "-m", "/bin/sh", "-c", `${action} && exec "$@"`, "sh"];
    return place.use(new RemoteClock(prefix, place.command([]).env)).clock;
  };
  const open = ["--security-opt", "seccomp=unconfined"];
  const [as, without] = [clockAfter("true"), clockAfter("umount -R /sys/fs/cgroup")];
  return [
    { name: ALL_WALLS, command: command(), clock: as },
    { name: "with -m, --cpus, --pids-limit", command: command(...LIMITS), clock: as },
    { name: "without filter", command: command(...open), clock: as },
    { name: NO_WALLS, command: command(...open), clock: without },
  ];
}

const LIMITS = ["-m", "64m", "--cpus", "1", "--pids-limit", "50"];
