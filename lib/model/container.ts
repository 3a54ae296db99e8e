// A container: what it was asked to be, and where it is on disk. Types alone, which many floors share.

import type { Limits } from "../cgroup/limits.ts";

/**
 * The part of a container that commit hands on to an image, with OCI image-spec names (config.md, "config").
 */
export interface ProcessConfig {
  User?: string;
  ExposedPorts?: Record<string, Record<string, never>>;
  Env?: string[];
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Volumes?: Record<string, Record<string, never>>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  Healthcheck?: unknown;
  OnBuild?: string[];
  Shell?: string[];
}

/**
 * One mount below the rootfs besides the kernel's own file systems, as resolved when the container was
 * created.
 */
export interface Mount {
  type: "bind" | "volume" | "tmpfs";
  /** Host path, or the volume's name; "" for tmpfs. */
  source: string;
  /** Absolute path in the container. */
  target: string;
  readOnly: boolean;
  /** tmpfs: mount data ("size=64m,mode=1777"). */
  data?: string;
  /** tmpfs: MS_ flags besides read-only. */
  flags?: number;
  /** The volume was made for this container and has no name of the user's: rm -v and --rm take it along. */
  anonymous?: boolean;
  /** bind: make the host directory where it is missing (-v does, --mount does not). */
  createSource?: boolean;
  /** bind: what is mounted below the source stays out. */
  nonRecursive?: boolean;
  /** bind, read-only: what is mounted below the source is not. */
  writableBelow?: boolean;
  /** bind: "rprivate", where absent. */
  propagation?: Propagation;
  /** volume: do not copy the image's content in on first use. */
  noCopy?: boolean;
}

/** Whether mounts on the host show in the container (slave), and also the other way round (shared). */
export type Propagation = "rprivate" | "private" | "rslave" | "slave" | "rshared" | "shared";

/** --restart */
export interface RestartPolicy {
  name: "no" | "on-failure" | "always" | "unless-stopped";
  /** on-failure: how often at most; 0 for no limit. */
  maximumRetryCount: number;
}

/** --log-driver and --log-opt */
export interface LogConfig {
  /** As given, for inspect; "none" keeps just what those who are attached read. */
  driver: "json-file" | "local" | "none";
  options: Record<string, string>;
  /** Bytes after which a file is full; undefined for no limit. */
  maxSize?: number;
  /** How many files there are at most: log, log.1, log.2 and so on. */
  maxFiles: number;
}

/** A device of the host's in the container: --device */
export interface Device {
  /** Of the host: a device, or a directory of such. */
  source: string;
  target: string;
  /** What the container may do with it: letters of "rwm". */
  access: string;
}

/** --ulimit: setrlimit(2)'s two values, -1 for none. */
export interface Ulimit {
  /** As docker calls it: "nofile". */
  name: string;
  soft: number;
  hard: number;
}

/** What a container may do and see besides docker's defaults. Old configurations have none of it. */
export interface WallConfig {
  privileged?: boolean;
  /** "CAP_…" or "ALL". */
  capAdd?: string[];
  capDrop?: string[];
  /** Names or numbers. */
  groupAdd?: string[];
  devices?: Device[];
  /** As given: "c 1:3 rwm". */
  deviceCgroupRules?: string[];
  /**
   * Whose namespaces it has, where not its own: "host" or "container:ID"; ipcMode also "shareable" and
   * "none".
   */
  pidMode?: string;
  ipcMode?: string;
  utsMode?: string;
  cgroupnsMode?: string;
  ulimits?: Ulimit[];
  /** Bytes of /dev/shm; docker's 64 MiB where undefined. */
  shmSize?: number;
  sysctls?: Record<string, string>;
  oomScoreAdj?: number;
}

export interface ContainerConfig extends WallConfig {
  /** 64 hex digits. */
  id: string;
  name: string;
  /** RFC 3339, UTC, with nanoseconds' worth of digits. */
  created: string;
  /** "sha256:HEX" of the image. */
  image: string;
  /** What the user called it. */
  imageName: string;
  /** Diff ids' hex digits, bottom layer first. */
  layers: string[];
  hostname: string;
  process: ProcessConfig;
  /** Entrypoint and command put together: what is executed. */
  argv: string[];
  tty: boolean;
  /** It has a stdin (-i). */
  stdin: boolean;
  /** Its stdin ends with that of the first command that is attached to it. */
  stdinOnce: boolean;
  attachStdin: boolean;
  attachStdout: boolean;
  attachStderr: boolean;
  autoRemove: boolean;
  restart: RestartPolicy;
  /** Seconds between the stop signal and SIGKILL; -1 for ever; docker's 10 where undefined. */
  stopTimeout?: number;
  /** A reaping process is PID 1, and the command its child. */
  init: boolean;
  log: LogConfig;
  readOnlyRootfs: boolean;
  mounts: Mount[];
  /** As given: docker's HostConfig.Binds and Tmpfs, for inspect. */
  binds: string[];
  tmpfs: Record<string, string>;
  /** "none", "host", "bridge", the name of another network, or "container:ID". */
  network: string;
  /** Its networks, for eth0, eth1 and so on. */
  networks?: EndpointRequest[];
  /** --dns, --dns-search and --dns-option */
  dns?: { servers: string[]; search: string[]; options: string[] };
  /** --add-host: "name:address" */
  extraHosts?: string[];
  /** --mac-address */
  macAddress?: string;
  /**
   * Ports to publish: docker's PortBindings by "80/tcp", and whether all others that are exposed are, too.
   */
  ports?: { bindings: Record<string, PortBinding[]>; all: boolean };
  /** Undefined where there is none. */
  limits?: Limits;
  /** --security-opt as given, but with the profile in place of its file: docker's HostConfig.SecurityOpt. */
  securityOptions?: string[];
  /**
   * No filter of system calls, or the one of a profile (encodeFilter); docker's default one where undefined.
   */
  seccomp?: "unconfined" | { filter: string };
  /** Executing a file gives no privileges. */
  noNewPrivileges?: boolean;
  /** Nothing of /proc and /sys is masked or read-only (systempaths=unconfined). */
  exposedSystemPaths?: boolean;
}

/** Where a port is to be found, with docker's names: "" is for any; HostPort may be a range. */
export interface PortBinding {
  HostIp: string;
  HostPort: string;
}

/** What a container wants of a network. */
export interface EndpointRequest {
  /** The network's name. */
  network: string;
  aliases?: string[];
  /** Addresses of its own choice. */
  ip?: string;
  ip6?: string;
  mac?: string;
}

export interface Container {
  id: string;
  /** Descriptor of containers/ID. */
  dir: number;
  config: ContainerConfig;
}

/** What takes more than capabilities and groups, which every start decides. */
const MOVING_WALLS = [
  ...["privileged", "devices", "deviceCgroupRules", "pidMode", "ipcMode", "utsMode", "cgroupnsMode"] as const,
  ...["ulimits", "shmSize", "sysctls", "oomScoreAdj"] as const,
];

/** Whether a start has to see to more than capabilities and groups: with lifecycle/walls.ts. */
export function movesWalls(config: WallConfig): boolean {
  return MOVING_WALLS.some((name) => config[name] !== undefined);
}
