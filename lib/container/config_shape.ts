// Checks that config.json has the fields and types that the program expects. Fields that old versions did not
// write may be missing.

import type { DeviceLimit, Limits } from "../cgroup/limits.ts";
import {
  type Check,
  hexId,
  listOf,
  mapOf,
  matching,
  moment,
  nullable,
  oneOf,
  optional,
  shapeOf,
  text,
  truth,
  whole,
} from "../base/shape.ts";
import type {
  ContainerConfig,
  Device,
  EndpointRequest,
  LogConfig,
  Mount,
  PortBinding,
  ProcessConfig,
  RestartPolicy,
  Ulimit,
} from "../model/container.ts";

const anything: Check = () => true;
const texts = listOf(text);
const sets = mapOf(mapOf(anything));

const process = shapeOf<ProcessConfig>({
  User: optional(text),
  ExposedPorts: nullable(sets),
  Env: nullable(texts),
  Entrypoint: nullable(texts),
  Cmd: nullable(texts),
  Volumes: nullable(sets),
  WorkingDir: optional(text),
  Labels: nullable(mapOf(text)),
  StopSignal: optional(text),
  Healthcheck: anything,
  OnBuild: nullable(texts),
  Shell: nullable(texts),
});

const mount = shapeOf<Mount>({
  type: oneOf("bind", "volume", "tmpfs"),
  source: text,
  target: matching(/^\//),
  readOnly: truth,
  data: optional(text),
  flags: optional(whole),
  anonymous: optional(truth),
  createSource: optional(truth),
  nonRecursive: optional(truth),
  writableBelow: optional(truth),
  propagation: optional(oneOf("rprivate", "private", "rslave", "slave", "rshared", "shared")),
  noCopy: optional(truth),
});

const log = shapeOf<LogConfig>({
  driver: oneOf("json-file", "local", "none"),
  options: mapOf(text),
  maxSize: optional(whole),
  maxFiles: whole,
});

const restart = shapeOf<RestartPolicy>({
  name: oneOf("no", "on-failure", "always", "unless-stopped"),
  maximumRetryCount: whole,
});

const endpoint = shapeOf<EndpointRequest>({
  network: text,
  aliases: optional(texts),
  ip: optional(text),
  ip6: optional(text),
  mac: optional(text),
});

const binding = shapeOf<PortBinding>({ HostIp: text, HostPort: text });

const deviceLimits = optional(listOf(shapeOf<DeviceLimit>({ path: text, value: whole })));

const limits = shapeOf<Limits>({
  memory: optional(whole),
  memorySwap: optional(whole),
  memoryReservation: optional(whole),
  nanoCpus: optional(whole),
  cpuShares: optional(whole),
  cpuQuota: optional(whole),
  cpuPeriod: optional(whole),
  cpusetCpus: optional(text),
  cpusetMems: optional(text),
  pidsLimit: optional(whole),
  blkioWeight: optional(whole),
  blkioWeightDevice: deviceLimits,
  deviceReadBps: deviceLimits,
  deviceWriteBps: deviceLimits,
  deviceReadIops: deviceLimits,
  deviceWriteIops: deviceLimits,
  oomKillDisable: optional(truth),
  cgroupParent: optional(text),
});

const device = shapeOf<Device>({ source: text, target: text, access: matching(/^[rwm]+$/) });
const ulimit = shapeOf<Ulimit>({ name: text, soft: whole, hard: whole });

/** Whether a parsed JSON value is a container's configuration. */
export const isContainerConfig = shapeOf<ContainerConfig>({
  id: hexId,
  name: matching(/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/),
  created: moment,
  image: matching(/^sha256:[0-9a-f]{64}$/),
  imageName: text,
  layers: listOf(hexId),
  hostname: text,
  process,
  argv: (value) => texts(value) && (value as string[]).length > 0,
  tty: truth,
  stdin: truth,
  stdinOnce: truth,
  attachStdin: truth,
  attachStdout: truth,
  attachStderr: truth,
  autoRemove: truth,
  restart,
  stopTimeout: optional(whole),
  init: truth,
  log,
  readOnlyRootfs: truth,
  mounts: listOf(mount),
  binds: texts,
  tmpfs: mapOf(text),
  network: text,
  networks: optional(listOf(endpoint)),
  dns: optional(
    shapeOf<NonNullable<ContainerConfig["dns"]>>({ servers: texts, search: texts, options: texts }),
  ),
  extraHosts: optional(texts),
  macAddress: optional(text),
  ports: optional(
    shapeOf<NonNullable<ContainerConfig["ports"]>>({ bindings: mapOf(listOf(binding)), all: truth }),
  ),
  limits: optional(limits),
  securityOptions: optional(texts),
  seccomp: (value) =>
    value === undefined || value === "unconfined" || shapeOf<{ filter: string }>({ filter: text })(value),
  noNewPrivileges: optional(truth),
  exposedSystemPaths: optional(truth),
  privileged: optional(truth),
  capAdd: optional(texts),
  capDrop: optional(texts),
  groupAdd: optional(texts),
  devices: optional(listOf(device)),
  deviceCgroupRules: optional(listOf(matching(/^[abc] (\d+|\*):(\d+|\*) [rwm]+$/))),
  pidMode: optional(text),
  ipcMode: optional(text),
  utsMode: optional(text),
  cgroupnsMode: optional(text),
  ulimits: optional(listOf(ulimit)),
  shmSize: optional(whole),
  sysctls: optional(mapOf(text)),
  oomScoreAdj: optional(whole),
});
