// Those who take part: each is set up in the benchmark's own directories, or says why it isn't there.

// @ts-types="../../lib/cli/std.d.ts"
import { basename } from "@std/path/posix/basename";
import { type Candidate, RemoteClock } from "./measure.ts";
import { find, HYBRID, type Place } from "./place.ts";
import { exists } from "../world/exists.ts";

/** A program with what it is timed at. */
export interface Peer {
  name: string;
  /** Its version, and what of its set-up matters for the figures. */
  about: string;
  run?: Candidate;
  import?: Candidate;
  /** Of those that know docker's commands; bench-busybox is imported. */
  cli?: Cli;
}

/** How a peer is called: words before the command, and flags of its `run`. */
export interface Cli {
  name: string;
  argv: string[];
  env: Record<string, string>;
  flags: string[];
}

/** The archives of the two images. */
export interface Archives {
  busybox: string;
  debian?: string;
}

/** Makes a peer; throws why there is none. */
export type Setup = (place: Place, archives: Archives) => Promise<Peer>;

/** The floor and the roof of what mydocker can be, which are no containers. */
export const FLOOR = "deno run of an empty script";
export const TAR = "tar xf";

const BIN = new URL("../../mydocker", import.meta.url).pathname;

/** The path of a program of Debian; throws if it isn't installed. */
export function installed(program: string): string {
  const path = find(program);
  if (path === undefined) throw new Error("not installed");
  return path;
}

/** The first line a program says when asked for its version, without its name. */
export async function version(place: Place, path: string): Promise<string> {
  const [line] = (await place.run([path, "--version"])).split("\n");
  return line.replace(/^.*?\bversion /i, "").replace(/^\S*[a-z]\s+/, "");
}

/** `import` and `rmi` as they are spelled by docker, podman and mydocker alike. */
export function importing(name: string, place: Place, cli: string[], archive: string, env = {}): Candidate {
  return {
    name,
    command: () => place.command([...cli, "import", archive, "bench-debian"], env),
    remove: () => place.run([...cli, "rmi", "bench-debian"], env),
  };
}

/** `run --rm --network none IMAGE true`, likewise; the image is imported here. */
export async function running(
  name: string,
  place: Place,
  cli: string[],
  archive: string,
  env = {},
  flags: string[] = [],
): Promise<Candidate> {
  await place.run([...cli, "import", archive, "bench-busybox"], env);
  const argv = [...cli, "run", "--rm", "--network", "none", ...flags, "bench-busybox", "true"];
  return { name, command: () => place.command(argv, env) };
}

/** The program whose benchmark this is. */
export const mydocker: Setup = async (place, archives) => {
  if (!exists(BIN)) throw new Error("not built");
  const env = { MYDOCKER_ROOT: `${place.dir}/mydocker`, MYDOCKER_CACHE: place.mkdir("mydocker-cache") };
  return {
    name: "mydocker",
    about: await version(place, BIN),
    cli: { name: "mydocker", argv: [BIN], env, flags: [] },
    run: await running("mydocker run --rm", place, [BIN], archives.busybox, env),
    import: archives.debian && importing("mydocker import", place, [BIN], archives.debian, env) || undefined,
  };
};

/** What any program on deno pays before its first line. */
export const floor: Setup = (place) => {
  const cwd = place.mkdir("empty");
  const script = `${cwd}/empty.ts`;
  Deno.writeTextFileSync(script, "");
  const command = place.command([Deno.execPath(), "run", script], { DENO_NO_UPDATE_CHECK: "1" }, cwd);
  return Promise.resolve({
    name: "deno",
    about: Deno.version.deno,
    run: { name: FLOOR, command: () => command },
  });
};

/** What unpacking costs without anything else. */
export const tar: Setup = async (place, { debian }) => {
  const path = installed("tar");
  const target = `${place.dir}/tar`;
  return {
    name: "tar",
    about: await version(place, path),
    import: debian === undefined ? undefined : {
      name: TAR,
      prepare: () => Promise.resolve(Deno.mkdirSync(target)),
      command: () => place.command([path, "xf", debian, "-C", target]),
      remove: () => place.run(["/bin/rm", "-rf", target]),
    },
  };
};

/**
 * A bundle with the root ready in it: the specification the runtime itself suggests, with `true` and no
 * terminal.
 */
async function bundle(place: Place, runtime: string, archive: string): Promise<string> {
  const dir = place.mkdir(`bundle-${basename(runtime)}`);
  place.mkdir("rootfs", dir);
  await place.run([installed("tar"), "xf", archive, "-C", `${dir}/rootfs`]);
  await place.run(["/bin/sh", "-c", 'cd "$0" && exec "$1" spec', dir, runtime]);
  const config = JSON.parse(Deno.readTextFileSync(`${dir}/config.json`));
  config.process.terminal = false;
  config.process.args = ["true"];
  Deno.writeTextFileSync(`${dir}/config.json`, JSON.stringify(config));
  return dir;
}

/** `run` of a bare bundle: no image, no overlay, no network but loopback. */
async function bare(name: string, place: Place, archive: string): Promise<Peer & { run: Candidate }> {
  const path = installed(name);
  const cwd = await bundle(place, path, archive);
  const state = place.mkdir(name, place.state);
  const command = (round: number) =>
    place.command([path, "--root", state, "run", `${place.cgroup}-${name}-${round}`], {}, cwd);
  return { name, about: await version(place, path), run: { name: `${name} run, ready bundle`, command } };
}

/** runc, as it is. */
export const runc: Setup = (place, { busybox }) => bare("runc", place, busybox);

/**
 * All hierarchies in another place, which then becomes /sys/fs/cgroup: without `unified`, whose bare
 * directory, where only the mount on it is taken away, crun takes for a hierarchy and fills with files.
 */
const WITHOUT_UNIFIED = `set -e
mount -t tmpfs tmpfs "$0"
for hierarchy in /sys/fs/cgroup/*; do
  name=\${hierarchy##*/}
  if [ "$name" = unified ]; then continue; fi
  if [ -L "$hierarchy" ]; then cp -P "$hierarchy" "$0"; continue; fi
  mkdir "$0/$name"
  mount --bind "$hierarchy" "$0/$name"
done
mount --move "$0" /sys/fs/cgroup
exec "$@"`;

/**
 * crun. It refuses a version 2 hierarchy beside those of version 1, so where there is one, crun is started,
 * and timed, by a process in a mount namespace that doesn't have it: making that is in nobody's time.
 */
export const crun: Setup = async (place, { busybox }) => {
  const peer = await bare("crun", place, busybox);
  if (!HYBRID) return peer;
  const { env } = place.command([]);
  const prefix = [installed("unshare"), "-m", "/bin/sh", "-c", WITHOUT_UNIFIED, place.mkdir("cgroups")];
  peer.run.clock = place.use(new RemoteClock(prefix, env)).clock;
  return { ...peer, about: `${peer.about} (in a mount namespace without cgroup v2)` };
};

/**
 * runc on cgroups it and crun both find acceptable; limits are those it may set even where the caller's are
 * lower.
 */
function podmanConf(place: Place, dir: string): string {
  const runtime = HYBRID ? 'runtime = "runc"\n' : "";
  const path = `${dir}/containers.conf`;
  Deno.writeTextFileSync(
    path,
    `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[network]
network_config_dir = "${dir}/networks"
[engine]
${runtime}cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
tmp_dir = "${place.state}/podman/tmp"
volume_path = "${dir}/volumes"
`,
  );
  return path;
}

/** podman with storage of its own, on overlay if it can. */
export const podman: Setup = async (place, archives) => {
  const path = installed("podman");
  const dir = place.mkdir("podman");
  const env = { CONTAINERS_CONF: podmanConf(place, dir) };
  const cli = [
    path,
    "--root",
    dir,
    "--runroot",
    place.mkdir("podman", place.state),
    "--storage-driver",
    "overlay",
  ];
  const about = "{{.Store.GraphDriverName}}, {{.Host.OCIRuntime.Name}}";
  const storage = await place.run([...cli, "info", "-f", about], env).catch(() => {
    cli[cli.length - 1] = "vfs";
    return place.run([...cli, "info", "-f", about], env);
  });
  const flags = ["--cgroup-parent", `/${place.cgroup}`];
  return {
    name: "podman",
    about: `${await version(place, path)} (${storage})`,
    cli: { name: "podman", argv: cli, env, flags },
    run: await running("podman run --rm", place, cli, archives.busybox, env, flags),
    import: archives.debian && importing("podman import", place, cli, archives.debian, env) || undefined,
  };
};
