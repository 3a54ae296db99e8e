// Where a benchmark works, and how nothing of it stays: directories, processes, mounts and cgroups with names
// of its own.

import { type Command, run } from "./measure.ts";
import { exists } from "../world/exists.ts";

const BASE = "/var/tmp/mydocker-bench";
/** Debian's programs before whatever else has the same name. */
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";
const CGROUPS = "/sys/fs/cgroup";
/**
 * What peers leave outside the directories they are given. It goes, if it is new and nothing else is in it.
 */
const STRAYS = [
  "/var/lib/containers/cache/blob-info-cache-v1.boltdb",
  "/var/lib/containers/cache",
  "/var/lib/containers",
  "/etc/docker/key.json",
  "/etc/docker",
  "/run/docker/plugins",
  "/run/docker",
  "/run/containerd/s",
  "/run/containerd",
  "/run/runc",
  "/run/crun",
];

/** Controllers in version 1, and a version 2 hierarchy beside them: crun doesn't take that. */
export const HYBRID = exists(`${CGROUPS}/unified/cgroup.procs`);

/** The absolute path of an installed program. */
export function find(program: string): string | undefined {
  return PATH.split(":").map((dir) => `${dir}/${program}`).find(exists);
}

/** A pause. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Asks again and again until the answer is true; false if it never was. */
export async function wait(
  seconds: number,
  condition: () => boolean | Promise<boolean>,
  interval = 50,
): Promise<boolean> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await pause(interval)) {
    if (await condition()) return true;
  }
  return false;
}

/**
 * Two directories and a cgroup name. All processes of the benchmark can be told by a variable in their
 * environment.
 */
export class Place implements AsyncDisposable {
  /** On disk: images and layers. */
  readonly dir: string;
  /** Below /run, where runtimes keep their state. */
  readonly state: string;
  /** To be made at the top of each hierarchy by peers that want a parent for their containers' cgroups. */
  readonly cgroup = `mydocker-bench-${Deno.pid}`;
  readonly #own = new AsyncDisposableStack();
  readonly #strays = STRAYS.filter((path) => !exists(path));

  constructor(readonly signal: AbortSignal) {
    Deno.mkdirSync(BASE, { recursive: true });
    this.dir = Deno.makeTempDirSync({ dir: BASE });
    this.state = Deno.makeTempDirSync({ dir: "/run", prefix: "mydocker-bench-" });
  }

  /** A process here, with nothing of the caller's environment but HOME. */
  command(argv: string[], env: Record<string, string> = {}, cwd = this.dir): Command {
    const home = Deno.env.get("HOME") ?? "/root";
    return { argv, env: { PATH, HOME: home, MYDOCKER_BENCH: this.dir, ...env }, cwd };
  }

  /** Runs such a process, which has to succeed, and returns what it wrote. */
  run(argv: string[], env: Record<string, string> = {}): Promise<string> {
    return run(this.command(argv, env), this.signal);
  }

  /** A new directory, on disk unless said otherwise. */
  mkdir(name: string, where = this.dir): string {
    Deno.mkdirSync(`${where}/${name}`, { recursive: true });
    return `${where}/${name}`;
  }

  /** Has something ended before the directories go. */
  use<T extends AsyncDisposable>(resource: T): T {
    return this.#own.use(resource);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#own.disposeAsync();
    } finally {
      // What comes later must not depend on what comes first, and an interrupt has no say any more.
      const steps = [() => this.#kill(), () => this.#unmount(), () => this.#remove()];
      for (const step of steps) await step().catch((error) => console.error(`Clean-up: ${error.message}`));
    }
  }

  /** SIGKILL for all that still has the mark, again until there is nobody left. */
  async #kill(): Promise<void> {
    const gone = await wait(10, () => {
      const left = this.processes();
      for (const pid of left) killOne(pid);
      return left.length === 0;
    });
    if (!gone) throw new Error(`still running: ${this.processes().join(" ")}`);
  }

  /** Processes of the benchmark, but for this one and those that have ended. */
  processes(): number[] {
    const mark = `MYDOCKER_BENCH=${this.dir}`;
    return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) => {
      if (!(pid > 0) || pid === Deno.pid) return false;
      try {
        return Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0").includes(mark);
      } catch {
        return false; // It has ended.
      }
    });
  }

  /** The last mount first. */
  async #unmount(): Promise<void> {
    const points = Deno.readTextFileSync("/proc/self/mountinfo").split("\n").map((line) =>
      line.split(" ")[4] ?? ""
    );
    const ours = points.filter((point) =>
      [this.dir, this.state].some((dir) => `${point}/`.startsWith(`${dir}/`))
    );
    for (const point of ours.reverse()) await tool("umount", point);
  }

  async #remove(): Promise<void> {
    for (const { name } of Deno.readDirSync(CGROUPS)) removeCgroup(`${CGROUPS}/${name}/${this.cgroup}`);
    removeCgroup(`${CGROUPS}/${this.cgroup}`);
    await tool("rm", "-rf", "--one-file-system", this.dir, this.state);
    for (const path of [...this.#strays, BASE]) {
      try {
        Deno.removeSync(path);
      } catch { /* It never came, or somebody else uses it. */ }
    }
  }
}

/** Ends a process, unless it has ended. */
export function killOne(pid: number, signal: Deno.Signal = "SIGKILL"): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Only directories can be removed there, and only empty ones. */
function removeCgroup(path: string): void {
  if (!exists(path)) return;
  for (const { name, isDirectory } of Deno.readDirSync(path)) {
    if (isDirectory) removeCgroup(`${path}/${name}`);
  }
  Deno.removeSync(path);
}

async function tool(name: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(name, { args, stdout: "null", stderr: "piped" })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
}
