// Docker, with a daemon of the benchmark's own: another one on the machine is neither asked nor disturbed.

import { find, killOne, type Place, wait } from "./place.ts";
import { exists } from "../world/exists.ts";
import { type Archives, importing, installed, type Peer, running, type Setup, version } from "./peers.ts";

const NO_NETWORK = [
  ...["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"],
];

/** A daemon, from its first answer until it is told to stop. `name` is that of its directories. */
export class DockerDaemon implements AsyncDisposable {
  readonly socket: string;
  readonly #child: Deno.ChildProcess;
  #ended = false;

  readonly #log: string;

  constructor(place: Place, dockerd: string, name = "docker", network = NO_NETWORK) {
    const state = place.mkdir(name, place.state);
    const log = this.#log = `${place.dir}/${name}.log`;
    const config = `${place.dir}/${name}.json`;
    this.socket = `${state}/docker.sock`;
    Deno.writeTextFileSync(config, "{}");
    const { argv, env, cwd } = place.command([
      ...["/bin/sh", "-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh", log, dockerd],
      ...["--host", `unix://${this.socket}`, "--config-file", config],
      ...["--data-root", place.mkdir(name), "--exec-root", state, "--pidfile", `${state}/dockerd.pid`],
      ...network,
      ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", `/${place.cgroup}`],
      ...[
        "--containerd-namespace",
        `${place.cgroup}-${name}`,
        "--containerd-plugins-namespace",
        `${place.cgroup}-${name}-plugins`,
      ],
    ]);
    this.#child = new Deno.Command(argv[0], {
      args: argv.slice(1),
      clearEnv: true,
      env,
      cwd,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#child.status.then(() => this.#ended = true);
  }

  /** Resolves once it answers; throws if it doesn't, with the end of its log. */
  async ready(place: Place, ask: () => Promise<unknown>): Promise<void> {
    const answers = () => ask().then(() => true, () => false);
    const ready = await wait(40, async () => {
      place.signal.throwIfAborted();
      return this.#ended || exists(this.socket) && await answers();
    });
    if (ready && !this.#ended) return;
    const log = Deno.readTextFileSync(this.#log).trim().split("\n");
    throw new Error(`dockerd doesn't answer: ${log.at(-1)}`);
  }

  /** It ends its containerd itself; what it leaves behind goes with all else that is the benchmark's. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    killOne(this.#child.pid, "SIGTERM");
    if (!await wait(20, () => this.#ended)) killOne(this.#child.pid);
    await this.#child.status;
  }
}

/** docker with Debian's client. */
export const docker: Setup = (place, archives) =>
  dockerPeer(place, archives, (dockerd) => new DockerDaemon(place, dockerd));

/** The same with another daemon. */
export async function dockerPeer(
  place: Place,
  archives: Archives,
  start: (dockerd: string) => DockerDaemon,
): Promise<Peer> {
  const client = installed("docker");
  const dockerd = find("dockerd");
  if (dockerd === undefined) throw new Error("there is a client, but no dockerd");
  const daemon = place.use(start(dockerd));
  const env = { DOCKER_HOST: `unix://${daemon.socket}`, DOCKER_CONFIG: place.mkdir("docker-config") };
  await daemon.ready(place, () => place.run([client, "version"], env));
  const driver = await place.run([client, "info", "-f", "{{.Driver}}, {{.DefaultRuntime}}"], env);
  return {
    name: "docker",
    about: `${(await version(place, client)).replace(/,.*/, "")} (${driver})`,
    cli: { name: "docker", argv: [client], env, flags: [] },
    run: await running("docker run --rm", place, [client], archives.busybox, env),
    import: archives.debian && importing("docker import", place, [client], archives.debian, env) || undefined,
  };
}
