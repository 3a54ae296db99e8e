// A container as docker inspect shows it: its JSON, with the fields that mean something here.

import { MASKED_PATHS, READ_ONLY_PATHS } from "../security/paths.ts";
import { rootPath } from "../state/root.ts";
import type { ContainerConfig, Mount } from "./config.ts";
import type { Container } from "./find.ts";
import { type ContainerState, containerState, isAlive, restartCount } from "./state.ts";

/** What docker shows where there is no time to show. */
const NEVER = "0001-01-01T00:00:00Z";

const time = (milliseconds: number | undefined) =>
  milliseconds === undefined ? NEVER : new Date(milliseconds).toISOString();

/** Docker's JSON shape (its API's ContainerInspect). */
export function containerInspect({ id, dir, config }: Container): Record<string, unknown> {
  const home = `${rootPath()}/containers/${id}`;
  const state = containerState(dir);
  return {
    Id: id,
    Created: config.created,
    Path: config.argv[0],
    Args: config.argv.slice(1),
    State: stateOf(state),
    Image: config.image,
    ResolvConfPath: `${home}/resolv.conf`,
    HostnamePath: `${home}/hostname`,
    HostsPath: `${home}/hosts`,
    LogPath: `${home}/log`,
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
      Data: {
        LowerDir: config.layers.map((hex) => `${rootPath()}/layers/${hex}/diff`).reverse().join(":"),
        UpperDir: `${home}/upper`,
        WorkDir: `${home}/work`,
      },
      Name: "overlay2",
    },
    Mounts: config.mounts.map(mountPoint),
    Config: processOf(config),
    NetworkSettings: {
      Bridge: "",
      Ports: {},
      Gateway: "",
      IPAddress: "",
      IPPrefixLen: 0,
      MacAddress: "",
      Networks: { [config.network]: { Gateway: "", IPAddress: "", IPPrefixLen: 0, MacAddress: "" } },
    },
  };
}

function stateOf(state: ContainerState): Record<string, unknown> {
  return {
    Status: state.status,
    // Docker counts those as running.
    Running: isAlive(state) || state.status === "restarting",
    Paused: state.status === "paused",
    Restarting: state.status === "restarting",
    OOMKilled: false,
    Dead: false,
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: time(state.started),
    FinishedAt: time(state.finished),
  };
}

function hostConfig(config: ContainerConfig): Record<string, unknown> {
  return {
    Binds: config.binds.length > 0 ? config.binds : null,
    LogConfig: { Type: config.log.driver, Config: config.log.options },
    NetworkMode: config.network,
    PortBindings: {},
    RestartPolicy: { Name: config.restart.name, MaximumRetryCount: config.restart.maximumRetryCount },
    AutoRemove: config.autoRemove,
    IpcMode: "private",
    Init: config.init || undefined,
    Privileged: false,
    ReadonlyRootfs: config.readOnlyRootfs,
    Tmpfs: Object.keys(config.tmpfs).length > 0 ? config.tmpfs : undefined,
    ShmSize: 64 * 1024 * 1024,
    MaskedPaths: MASKED_PATHS,
    ReadonlyPaths: READ_ONLY_PATHS,
  };
}

function mountPoint(mount: Mount): Record<string, unknown> {
  const common = { Destination: mount.target, RW: !mount.readOnly };
  if (mount.type === "tmpfs") return { Type: "tmpfs", Source: "", ...common, Mode: "", Propagation: "" };
  const Mode = mount.readOnly ? "ro" : "";
  if (mount.type === "bind") {
    return { Type: "bind", Source: mount.source, ...common, Mode, Propagation: "rprivate" };
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
    ExposedPorts: process.ExposedPorts,
    Tty: config.tty,
    OpenStdin: config.stdin,
    StdinOnce: config.stdinOnce,
    Env: process.Env ?? null,
    Cmd: process.Cmd ?? null,
    Healthcheck: process.Healthcheck,
    Image: config.imageName,
    Volumes: process.Volumes ?? null,
    WorkingDir: process.WorkingDir ?? "",
    Entrypoint: process.Entrypoint ?? null,
    OnBuild: process.OnBuild ?? null,
    Labels: process.Labels ?? {},
    StopSignal: process.StopSignal,
    StopTimeout: config.stopTimeout,
  };
}
