// A container as docker inspect shows it, with the fields that have a meaning here.

import type { DeviceLimit, Limits } from "../cgroup/limits.ts";
import { networkSettings } from "../network/settings.ts";
import { MASKED_PATHS, READ_ONLY_PATHS } from "../security/paths.ts";
import { rootPath } from "../store/root.ts";
import { sortedByKey } from "../base/sorted.ts";
import { timestamp } from "../base/time.ts";
import { imageSizeOf, writableSize } from "../container/size.ts";
import {
  type ContainerState,
  containerState,
  isAlive,
  restartCount,
  wasOutOfMemory,
} from "../container/state.ts";
import { type Container, type ContainerConfig, DEFAULT_SHM_SIZE, type Mount } from "../model/container.ts";

/** Docker's value for a missing time. */
const NEVER = "0001-01-01T00:00:00Z";

function time(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return NEVER;
  const seconds = Math.floor(milliseconds / 1000);
  return timestamp({ seconds, nanoseconds: Math.floor((milliseconds - seconds * 1000) * 1e6) });
}

/**
 * Docker's JSON shape (its API's ContainerInspect), fields in docker's order; what there is no such thing as
 * here has docker's value for a container without it, or is there as `undefined` where docker leaves it out
 * of its JSON, but lets templates have it. With `size`, how much it takes on disk is among it.
 */
export function containerInspect({ id, dir, config }: Container, size: boolean): Record<string, unknown> {
  const home = `${rootPath()}/containers/${id}`;
  const state = containerState(dir);
  return {
    Id: id,
    Created: config.created,
    Path: config.argv[0],
    Args: config.argv.slice(1),
    State: stateOf(state, wasOutOfMemory(dir)),
    Image: config.image,
    ResolvConfPath: `${home}/resolv.conf`,
    HostnamePath: `${home}/hostname`,
    HostsPath: `${home}/hosts`,
    LogPath: config.log.driver === "none" ? "" : `${home}/log`,
    Name: `/${config.name}`,
    RestartCount: restartCount(dir),
    Driver: "overlay2",
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: null,
    HostConfig: hostConfig(config),
    GraphDriver: {
      // No MergedDir: it is mounted nowhere on the host.
      Data: {
        LowerDir: config.layers.map((hex) => `${rootPath()}/layers/${hex}/diff`).reverse().join(":"),
        UpperDir: `${home}/upper`,
        WorkDir: `${home}/work`,
      },
      Name: "overlay2",
    },
    ...(size ? sizes(id, config) : {}),
    Mounts: config.mounts.map(mountPoint),
    Config: processOf(config),
    NetworkSettings: networkSettings(dir, config, isAlive(state)),
  };
}

function sizes(id: string, config: ContainerConfig): Record<string, number> {
  const written = writableSize(id);
  return { SizeRw: written, SizeRootFs: written + imageSizeOf(config) };
}

function stateOf(state: ContainerState, outOfMemory: boolean): Record<string, unknown> {
  return {
    Status: state.status,
    // Docker counts restarting containers as running.
    Running: isAlive(state) || state.status === "restarting",
    Paused: state.status === "paused",
    Restarting: state.status === "restarting",
    OOMKilled: outOfMemory,
    Dead: false,
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: time(state.started),
    FinishedAt: time(state.finished),
  };
}

/** What was asked for; the fields that nothing can be asked for yet are docker's for a plain container. */
function hostConfig(config: ContainerConfig): Record<string, unknown> {
  return {
    Binds: config.binds.length > 0 ? config.binds : null,
    ContainerIDFile: "",
    LogConfig: { Type: config.log.driver, Config: config.log.options },
    NetworkMode: config.network,
    PortBindings: config.ports?.bindings ?? {},
    RestartPolicy: { Name: config.restart.name, MaximumRetryCount: config.restart.maximumRetryCount },
    AutoRemove: config.autoRemove,
    VolumeDriver: "",
    VolumesFrom: null,
    CapAdd: config.capAdd ?? null,
    CapDrop: config.capDrop ?? null,
    CgroupnsMode: config.cgroupnsMode ?? "private",
    Dns: config.dns?.servers ?? [],
    DnsOptions: config.dns?.options ?? [],
    DnsSearch: config.dns?.search ?? [],
    ExtraHosts: config.extraHosts ?? null,
    GroupAdd: config.groupAdd ?? null,
    IpcMode: config.ipcMode ?? "private",
    Cgroup: "",
    Links: null,
    OomScoreAdj: config.oomScoreAdj ?? 0,
    PidMode: config.pidMode ?? "",
    Privileged: config.privileged ?? false,
    PublishAllPorts: config.ports?.all ?? false,
    ReadonlyRootfs: config.readOnlyRootfs,
    SecurityOpt: shownOptions(config),
    Tmpfs: Object.keys(config.tmpfs).length > 0 ? config.tmpfs : undefined,
    UTSMode: config.utsMode ?? "",
    UsernsMode: "",
    ShmSize: config.shmSize ?? DEFAULT_SHM_SIZE,
    Runtime: "mydocker",
    ConsoleSize: [0, 0],
    Isolation: "",
    Sysctls: config.sysctls,
    StorageOpt: undefined,
    ...NO_LIMITS,
    ...config.limits && limitsOf(config.limits),
    ...devicesAndUlimits(config),
    Init: config.init || undefined,
    ...systemPaths(config),
  };
}

function systemPaths({ privileged, exposedSystemPaths }: ContainerConfig) {
  if (privileged) return { MaskedPaths: null, ReadonlyPaths: null };
  if (exposedSystemPaths) return { MaskedPaths: [], ReadonlyPaths: [] };
  return { MaskedPaths: MASKED_PATHS, ReadonlyPaths: READ_ONLY_PATHS };
}

/**
 * Docker turns labels off for containers that see the host's processes or memory, whether or not labels
 * exist.
 */
function shownOptions({ securityOptions, privileged, pidMode, ipcMode }: ContainerConfig): string[] | null {
  const isOpen = privileged || pidMode === "host" || ipcMode === "host";
  if (!isOpen || securityOptions?.some((option) => option.startsWith("label"))) {
    return securityOptions ?? null;
  }
  return [...securityOptions ?? [], "label=disable"];
}

/** In the places that NO_LIMITS provides for them. */
function devicesAndUlimits({ devices = [], deviceCgroupRules, ulimits }: ContainerConfig) {
  return {
    Devices: devices.map(({ source, target, access }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: access,
    })),
    DeviceCgroupRules: deviceCgroupRules ?? null,
    Ulimits: ulimits?.map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft })) ?? null,
  };
}

const NO_LIMITS = {
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: "",
  BlkioWeight: 0,
  BlkioWeightDevice: [],
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: "",
  CpusetMems: "",
  Devices: [],
  DeviceCgroupRules: null,
  DeviceRequests: null,
  KernelMemory: 0,
  KernelMemoryTCP: 0,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
};

/** The given limits, under docker's names. */
function limitsOf(limits: Limits): Record<string, unknown> {
  const rates = (devices?: DeviceLimit[]) => devices?.map(({ path, value }) => ({ Path: path, Rate: value }));
  const all = {
    CpuShares: limits.cpuShares,
    Memory: limits.memory,
    NanoCpus: limits.nanoCpus,
    CgroupParent: limits.cgroupParent,
    BlkioWeight: limits.blkioWeight,
    BlkioWeightDevice: limits.blkioWeightDevice?.map(({ path, value }) => ({ Path: path, Weight: value })),
    BlkioDeviceReadBps: rates(limits.deviceReadBps),
    BlkioDeviceWriteBps: rates(limits.deviceWriteBps),
    BlkioDeviceReadIOps: rates(limits.deviceReadIops),
    BlkioDeviceWriteIOps: rates(limits.deviceWriteIops),
    CpuPeriod: limits.cpuPeriod,
    CpuQuota: limits.cpuQuota,
    CpusetCpus: limits.cpusetCpus,
    CpusetMems: limits.cpusetMems,
    MemoryReservation: limits.memoryReservation,
    MemorySwap: limits.memorySwap,
    OomKillDisable: limits.oomKillDisable,
    PidsLimit: limits.pidsLimit,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function mountPoint(mount: Mount): Record<string, unknown> {
  const common = { Destination: mount.target, RW: !mount.readOnly };
  const unnamed = { Name: undefined, Driver: undefined };
  if (mount.type === "tmpfs") {
    return { Type: "tmpfs", ...unnamed, Source: "", ...common, Mode: "", Propagation: "" };
  }
  const Mode = [mount.readOnly && "ro", mount.propagation].filter(Boolean).join(",");
  if (mount.type === "bind") {
    const { source: Source, propagation: Propagation = "rprivate" } = mount;
    return { Type: "bind", ...unnamed, Source, ...common, Mode, Propagation };
  }
  const source = `${rootPath()}/volumes/${mount.source}/_data`;
  return {
    Type: "volume",
    Name: mount.source,
    Source: source,
    ...common,
    Driver: "local",
    Mode,
    Propagation: "",
  };
}

function processOf(config: ContainerConfig): Record<string, unknown> {
  const { process } = config;
  return {
    Hostname: config.hostname,
    Domainname: "",
    User: process.User ?? "",
    AttachStdin: config.attachStdin,
    AttachStdout: config.attachStdout,
    AttachStderr: config.attachStderr,
    ExposedPorts: sortedByKey(process.ExposedPorts),
    Tty: config.tty,
    OpenStdin: config.stdin,
    StdinOnce: config.stdinOnce,
    Env: process.Env?.length ? process.Env : null,
    Cmd: process.Cmd ?? null,
    Healthcheck: process.Healthcheck,
    Image: config.imageName,
    Volumes: sortedByKey(process.Volumes) ?? null,
    WorkingDir: process.WorkingDir ?? "",
    Entrypoint: process.Entrypoint ?? null,
    MacAddress: config.macAddress,
    OnBuild: process.OnBuild ?? null,
    Labels: sortedByKey(process.Labels) ?? {},
    StopSignal: process.StopSignal,
    Shell: process.Shell,
    StopTimeout: config.stopTimeout,
  };
}
