// A container's configuration and its place on disk. These types are shared by many floors.

import type { Limits } from "../cgroup/limits.ts";

/**
 * The part of a container's configuration that commit copies to an image, with the names of OCI image-spec
 * (config.md, "config").
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
 * A mount below the rootfs, except the kernel's own file systems, as resolved when the container was created.
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
  /** The volume was made for this container and has no name of the user's, so rm -v and --rm remove it. */
  anonymous?: boolean;
  /** bind: make the host directory if it is missing (-v does, --mount does not). */
  createSource?: boolean;
  /** bind: leave out what is mounted below the source. */
  nonRecursive?: boolean;
  /** bind, read-only: mounts below the source stay writable. */
  writableBelow?: boolean;
  /** bind; "rprivate" if absent. */
  propagation?: Propagation;
  /** volume: don't copy the image's content on first use. */
  noCopy?: boolean;
}

/** Whether mounts on the host appear in the container (slave), and also the other way round (shared). */
export type Propagation = "rprivate" | "private" | "rslave" | "slave" | "rshared" | "shared";

/** --restart */
export interface RestartPolicy {
  name: "no" | "on-failure" | "always" | "unless-stopped";
  /** on-failure: the largest number of restarts; 0 for no limit. */
  maximumRetryCount: number;
}

/** --log-driver and --log-opt */
export interface LogConfig {
  /** As given, for inspect. "none" keeps output only for attached clients. */
  driver: "json-file" | "local" | "none";
  options: Record<string, string>;
  /** The size in bytes at which a file is full; undefined for no limit. */
  maxSize?: number;
  /** The largest number of files: log, log.1, log.2 and so on. */
  maxFiles: number;
}

/** A device of the host in the container: --device */
export interface Device {
  /** A device of the host, or a directory of devices. */
  source: string;
  target: string;
  /** The container's access to it: letters of "rwm". */
  access: string;
}

/** --ulimit: the two values of setrlimit(2); -1 for unlimited. */
export interface Ulimit {
  /** As docker calls it: "nofile". */
  name: string;
  soft: number;
  hard: number;
}

/** What a container may do and see besides docker's defaults. Old configurations have none of it. */
export interface IsolationConfig {
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
   * The owner of namespaces that are not the container's own: "host" or "container:ID"; for ipcMode also
   * "shareable" and "none".
   */
  pidMode?: string;
  ipcMode?: string;
  utsMode?: string;
  cgroupnsMode?: string;
  ulimits?: Ulimit[];
  /** Size of /dev/shm in bytes; docker's 64 MiB if undefined. */
  shmSize?: number;
  sysctls?: Record<string, string>;
  oomScoreAdj?: number;
}

export interface ContainerConfig extends IsolationConfig {
  /** 64 hex digits. */
  id: string;
  name: string;
  /** RFC 3339, UTC, with nanoseconds' worth of digits. */
  created: string;
  /** "sha256:HEX" of the image. */
  image: string;
  /** The image's name as the user gave it. */
  imageName: string;
  /** Diff ids' hex digits, bottom layer first. */
  layers: string[];
  hostname: string;
  process: ProcessConfig;
  /** The command to execute: entrypoint and command together. */
  argv: string[];
  tty: boolean;
  /** It has a stdin (-i). */
  stdin: boolean;
  /** Its stdin is closed when the first attached client's ends. */
  stdinOnce: boolean;
  attachStdin: boolean;
  attachStdout: boolean;
  attachStderr: boolean;
  autoRemove: boolean;
  restart: RestartPolicy;
  /** Seconds between the stop signal and SIGKILL; -1 for no limit; docker's 10 if undefined. */
  stopTimeout?: number;
  /** PID 1 is an init that reaps processes, and the command is its child. */
  init: boolean;
  log: LogConfig;
  readOnlyRootfs: boolean;
  mounts: Mount[];
  /** As given, for inspect: docker's HostConfig.Binds and Tmpfs. */
  binds: string[];
  tmpfs: Record<string, string>;
  /** "none", "host", "bridge", the name of another network, or "container:ID". */
  network: string;
  /** Its networks, in the order of eth0, eth1 and so on. */
  networks?: EndpointRequest[];
  /** --dns, --dns-search and --dns-option */
  dns?: { servers: string[]; search: string[]; options: string[] };
  /** --add-host: "name:address" */
  extraHosts?: string[];
  /** --mac-address */
  macAddress?: string;
  /**
   * Ports to publish: docker's PortBindings by "80/tcp", and whether all other exposed ports are published
   * too.
   */
  ports?: { bindings: Record<string, PortBinding[]>; all: boolean };
  /** Undefined for no limits. */
  limits?: Limits;
  /**
   * --security-opt as given, but with the profile's content in place of its file: docker's
   * HostConfig.SecurityOpt.
   */
  securityOptions?: string[];
  /** "unconfined", or the filter of a profile (encodeFilter); docker's default filter if undefined. */
  seccomp?: "unconfined" | { filter: string };
  /** Executing a file gives no privileges. */
  noNewPrivileges?: boolean;
  /** Nothing of /proc and /sys is masked or read-only (systempaths=unconfined). */
  exposedSystemPaths?: boolean;
}

/** The host's side of a published port, with docker's names. "" means any; HostPort may be a range. */
export interface PortBinding {
  HostIp: string;
  HostPort: string;
}

/** A container's request for a network. */
export interface EndpointRequest {
  /** The network's name. */
  network: string;
  aliases?: string[];
  /** Addresses that the user chose. */
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
const ISOLATION_FIELDS = [
  "privileged",
  "devices",
  "deviceCgroupRules",
  "pidMode",
  "ipcMode",
  "utsMode",
  "cgroupnsMode",
  "ulimits",
  "shmSize",
  "sysctls",
  "oomScoreAdj",
] as const;

/** Whether a start has to see to more than capabilities and groups: with lifecycle/isolation.ts. */
export function changesIsolation(config: IsolationConfig): boolean {
  return ISOLATION_FIELDS.some((name) => config[name] !== undefined);
}

/** Bytes of /dev/shm where --shm-size is not given: docker's. */
export const DEFAULT_SHM_SIZE = 64 * 1024 * 1024;

/** Bytes of a log file, and how many there are, where --log-opt is not given. Docker's have no bound. */
export const DEFAULT_LOG_LIMITS = { maxSize: 64 * 1024 * 1024, maxFiles: 2 };
