// Starting a container: everything is opened and decided here, in JavaScript, and handed to the keeper as a
// program and a set of descriptors.

import { errnoText, isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import { MOUNT_ATTR, mountDetached } from "../../ffi/mount.ts";
import { pipe, spawn } from "../../ffi/process.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { DEFAULT_DEVICE_RULES } from "../cgroup/devices.ts";
import { makeGroups, removeGroups, shownGroups } from "../cgroup/group.ts";
import { step } from "../base/debug.ts";
import { callerEnvironment, selfPath } from "../base/environment.ts";
import { Failure } from "../base/error.ts";
import { mountRootfs } from "../layer/overlay.ts";
import { writeFile } from "../base/json.ts";
import { containerEvent, endpointEvent, volumeEvents } from "../events/emit.ts";
import { framesOf } from "../events/event.ts";
import { forgetRenamed } from "../events/names.ts";
import { rootPath } from "../store/root.ts";
import { confinementOf, filterError } from "./confinement.ts";
import { processEnvironment } from "./environment.ts";
import { writeEtcFiles } from "./etc_files.ts";
import { execError, stepError } from "./exec_error.ts";
import { endIfFrozen } from "../container/frozen.ts";
import { resolveIdentity } from "./identity.ts";
import { keeperDescriptors, keeperProgram } from "../keeper/keeper_program.ts";
import { openMounts } from "./mounts.ts";
import type { Joined } from "../network/join.ts";
import { clearRecords, type Report } from "../keeper/report.ts";
import { nextDelay } from "./restart.ts";
import { awaitReport } from "./start_report.ts";
import { containerState, type Restarts, type StartFailure } from "../container/state.ts";
import { openLock } from "../container/lost_lock.ts";
import { type Attachment, isDetached, NOTHING, openStreams, type Streams } from "./streams.ts";
import type { PreparedIsolation } from "./isolation.ts";
import { changesIsolation, type Container, type ContainerConfig } from "../model/container.ts";
import type { KeeperPlan, RestartPlan, Successor } from "../keeper/plan.ts";
import type { Group } from "../cgroup/types.ts";

/** A running container, as the command that started it sees it. */
export interface Running {
  pid: number;
  /** Pipe with the keeper's messages, which closes at its end. */
  messages: number;
  /** The write end of its stdin, if this command writes it: a pipe or the terminal. */
  input?: number;
  /** The master side of its terminal; undefined without terminal. */
  terminal?: number;
}

/** The error of startContainer if the container runs or is being started. */
export class AlreadyStarted extends Failure {}

/** Group 5 is tty wherever docker runs. */
const DEVPTS: [string, string][] = [["source", "devpts"], ["ptmxmode", "666"], ["mode", "620"], ["gid", "5"]];

/** Files of an earlier run that a start by a user removes. */
const FORMER = ["start.json", "stopped", "oomkilled"];
const FIRST: Restarts = { count: 0, delay: 0 };

/**
 * Starts the container and returns once its command is executed. Its output goes to the log and, as far as
 * `attached` says, to this process's stdout and stderr. Throws Failure; its kind says whether the command
 * does not exist or can't be executed. The container is then as it was when it was created.
 */
export async function startContainer(
  container: Container,
  attached: Attachment = NOTHING,
): Promise<Running> {
  const lock = await openLock(container);
  if (!tryLock(lock, "exclusive")) {
    file.close(lock);
    throw new AlreadyStarted(`container ${container.config.name} is already running`);
  }
  return await launch(container, attached, lock, FIRST, forgetFormer(container, lock));
}

/**
 * Removes what an earlier run left, and returns its times. Releases the lock if it throws, as on a full disk.
 */
function forgetFormer({ dir, config }: Container, lock: number): Pick<StartFailure, "started" | "finished"> {
  try {
    const { started, finished } = containerState(dir);
    for (const record of FORMER) removeTree(dir, record);
    if (config.restart.name !== "no") writeFile(dir, "restart.json", JSON.stringify(FIRST));
    // The record of the last end stays true until the container runs. Without an end, the record is only a
    // meaningless PID.
    if (finished === undefined) clearRecords(lock);
    return { started, finished };
  } catch (error) {
    file.close(lock);
    throw error;
  }
}

/**
 * Starts the container detached for its restart policy. The keeper that has ended left its lock as descriptor
 * `lock`.
 */
export async function startAgain(container: Container, lock: number, restarts: Restarts): Promise<void> {
  const { started, finished } = containerState(container.dir);
  file.unlinkIfAny(container.dir, "oomkilled");
  writeFile(container.dir, "restart.json", JSON.stringify(restarts));
  const { messages } = await launch(container, NOTHING, lock, restarts, { started, finished });
  file.close(messages);
}

/** The caller holds the lock. The keeper inherits it, or the end of the caller releases it. */
async function launch(
  container: Container,
  attached: Attachment,
  lock: number,
  restarts: Restarts,
  former: Pick<StartFailure, "started" | "finished">,
): Promise<Running> {
  const { dir, config } = container;
  const opened: number[] = [lock];
  let release: Joined["release"] = async () => {};
  const keep = (fd: number) => (opened.push(fd), fd);
  let groups: Group[] = [];
  try {
    file.unlinkIfAny(dir, "updated");
    endIfFrozen(dir, () => true); // processes that a killed keeper left
    const isolation = changesIsolation(config) ? await loadIsolation(container, keep) : undefined;
    writeEtcFiles(container);
    groups = await makeGroups(config, isolation?.deviceRules ?? DEFAULT_DEVICE_RULES);
    step("cgroup made");
    if (isolation && groups.length === 0) isolation.mindNoGroups();
    const network = await prepareNetwork(container, keep);
    release = network.release ?? release;
    const init = { ...await prepareInit(container, groups, isolation, keep), ...network.init };
    const streams = openStreams(config, attached, init.devpts, keep, init.identity);
    const [messages, messagesWrite] = pipe().map(keep);
    const held = { messages: messagesWrite, lock, ...openOutput(container, keep) };
    const plan: KeeperPlan = {
      init: { ...init, stdio: streams.inside },
      ...held,
      sources: streams.sources,
      events: lifeEvents(container, network.endpoints),
      detached: isDetached(attached),
      terminal: streams.terminal,
      stdin: config.stdinOnce ? undefined : streams.input,
      ...aftermath(container, lock, restarts),
      networks: network.leave && leavePlan(network.leave, config),
    };
    const program = keeperProgram(plan);
    step(`kernel program of ${program.count} steps assembled`);
    const keeper = spawn(program, `mydocker: keeper of ${config.name}`, keeperDescriptors(plan));
    release = async () => {}; // the keeper releases everything from now on
    opened.splice(opened.indexOf(messages), 1); // this process reads it
    const report = await handOver(opened, messages, keeper);
    if (report?.kind !== "started") {
      file.close(messages);
      throw startError(report, program, container);
    }
    step(`process ${report.pid} executed ${config.argv[0]}`);
    return running(report.pid, messages, streams, attached, config);
  } catch (error) {
    await release();
    noteFailure(dir, error, former);
    removeGroups(groups);
    throw error;
  } finally {
    for (const fd of opened) file.close(fd);
  }
}

/**
 * Closes what was opened for the keeper, which has its own copies. The end of a pipe is only seen when nobody
 * else has it open.
 */
function handOver(opened: number[], messages: number, keeper: number): Promise<Report | undefined> {
  while (opened.length > 0) file.close(opened.pop()!);
  return awaitReport(messages, keeper);
}

/** The parts that this process continues to use; the other streams are closed. */
function running(
  pid: number,
  messages: number,
  { input, terminal }: Streams,
  attached: Attachment,
  config: ContainerConfig,
): Running {
  if (attached.stdin && config.stdin) return { pid, messages, input: input ?? terminal, terminal };
  for (const fd of [input, attached.stdout ? undefined : terminal]) if (fd !== undefined) file.close(fd);
  return { pid, messages, terminal: attached.stdout ? terminal : undefined };
}

/** Opens and decides everything that the first process needs, except its streams. */
async function prepareInit(
  container: Container,
  groups: Group[],
  isolation: PreparedIsolation | undefined,
  keep: (fd: number) => number,
): Promise<Omit<KeeperPlan["init"], "stdio" | "ownNetwork">> {
  const { config } = container;
  const rootfs = keep(mountRootfs(config));
  step("overlay mounted, detached");
  requireDirectories(rootfs, config.imageName);
  const identity = resolveIdentity(rootfs, config.process.User ?? "", config.groupAdd);
  const mounts = await openMounts(container, rootfs);
  for (const { fd } of mounts) keep(fd);
  step("mounts prepared");
  const devpts = keep(mountDetached("devpts", DEVPTS, MOUNT_ATTR.noSuid | MOUNT_ATTR.noExec));
  return {
    rootfs,
    devpts,
    tty: config.tty,
    hostname: config.hostname,
    readOnlyRootfs: config.readOnlyRootfs,
    mounts,
    identity,
    confinement: confinementOf(config),
    isolation: isolation?.steps,
    cgroups: shownGroups(groups),
    groups,
    exposedSystemPaths: config.exposedSystemPaths === true || config.privileged === true,
    workingDirectory: config.process.WorkingDir || "/",
    argv: config.argv,
    environment: processEnvironment(config, identity),
    reaper: config.init ? await openReaper(config, keep) : undefined,
  };
}

async function loadIsolation(container: Container, keep: (fd: number) => number) {
  const { prepareIsolation } = await import("./isolation.ts");
  return prepareIsolation(container, keep);
}

async function openReaper(
  { argv, pidMode }: ContainerConfig,
  keep: (fd: number) => number,
): Promise<KeeperPlan["init"]["reaper"]> {
  const { reaperArguments, reaperExecutable } = await import("../keeper/reaper_program.ts");
  return { fd: keep(reaperExecutable(pidMode !== undefined)), argv: reaperArguments(argv) };
}

/** The log, with the room left in it, and /dev/null. */
function openOutput({ dir, config }: Container, keep: (fd: number) => number) {
  const fd = keep(file.openat(dir, "log", file.O_WRONLY | file.O_CREAT | file.O_APPEND, 0o600));
  const { maxSize, maxFiles } = config.log;
  const left = maxSize === undefined ? 0 : Math.max(0, maxSize - file.stat(fd, "").size);
  const devNull = keep(file.openat(file.AT_FDCWD, "/dev/null", file.O_RDWR));
  return { devNull, log: { fd, dir, maxSize, maxFiles, left } };
}

function lifeEvents(former: Container, endpoints: Joined["endpoints"] = []): KeeperPlan["events"] {
  const name = forgetRenamed(former.dir, former.config.name);
  const container = { ...former, config: { ...former.config, name } };
  const networks = (action: "connect" | "disconnect") =>
    endpoints.map(({ network, networkId }) =>
      endpointEvent({ id: networkId, name: network }, container.id, action)
    );
  const ended = [
    containerEvent(container, "die"),
    ...networks("disconnect"),
    ...volumeEvents(container, "unmount"),
  ];
  return {
    started: framesOf([
      ...networks("connect"),
      ...volumeEvents(container, "mount"),
      containerEvent(container, "start"),
    ]),
    ended: framesOf(ended),
    outOfMemory: framesOf([containerEvent(container, "oom")]),
    name,
  };
}

/** The keeper's actions after the container has ended. */
function aftermath(
  { id, config }: Container,
  lock: number,
  { count, delay }: Restarts,
): Pick<KeeperPlan, "finish" | "restart" | "removeGroups"> {
  if (config.autoRemove) return { finish: ourselves("rm", "-v", id) };
  const { name, maximumRetryCount } = config.restart;
  const spent = name === "on-failure" && maximumRetryCount > 0 && count >= maximumRetryCount;
  const when = name === "no" || spent ? "if updated" : name === "on-failure" ? "on failure" : "always";
  const restart: RestartPlan = {
    when,
    delay: nextDelay(delay),
    successor: ourselves("start-again", id, String(lock)),
  };
  return { restart, removeGroups: ourselves("remove-groups", id) };
}

/** The container's networks, and what its first process has to do for them. */
async function prepareNetwork(container: Container, keep: (fd: number) => number): Promise<PreparedNetwork> {
  const { network } = container.config;
  if (network.startsWith("container:")) {
    const { openNetworkOf } = await import("../network/shared.ts");
    return { init: { ownNetwork: false, networkNamespace: keep(openNetworkOf(network)) } };
  }
  if (network === "none" || network === "host") return { init: { ownNetwork: network === "none" } };
  const { joinNetworks } = await import("../network/for_lifecycle.ts");
  const { init, leave, endpoints, release } = await joinNetworks(container, keep);
  return { init: { ownNetwork: true, network: init }, leave, endpoints, release };
}

interface PreparedNetwork extends Partial<Pick<Joined, "leave" | "endpoints" | "release">> {
  init: Pick<KeeperPlan["init"], "ownNetwork" | "network" | "networkNamespace">;
}

/** The keeper's actions for the networks. Names exist on networks that users made, not on the default one. */
function leavePlan(leave: Joined["leave"], { networks = [] }: ContainerConfig): KeeperPlan["networks"] {
  const named = networks.map(({ network }) => network).filter((name) => name !== "bridge");
  return {
    ...leave,
    repair: ourselves("repair-networks"),
    refresh: named.length > 0 ? ourselves("repair-networks", ...named) : undefined,
    unpublish: leave.ports && unpublish(leave.ports),
  };
}

/** A command for what remains to be done for ports. Rules of nf_tables disappear with their socket. */
function unpublish({ held, rules, udp }: NonNullable<Joined["leave"]["ports"]>): Successor | undefined {
  if (held && udp.length === 0) return undefined;
  return ourselves(
    "unpublish-ports",
    held ? "" : rules,
    ...udp.map(({ hostIp, hostPort }) => `${hostPort}@${hostIp}`),
  );
}

/** If /proc were mounted through a symlink, it and its masks would be in different places. */
function requireDirectories(rootfs: number, image: string): void {
  for (const name of ["proc", "sys", "dev"]) {
    const found = file.statIfAny(rootfs, name);
    if (found && (found.mode & file.S_IFMT) !== file.S_IFDIR) {
      throw new Failure(`/${name} of image ${image} is not a directory, which a container needs there`);
    }
  }
}

/** The present mydocker with other arguments. */
function ourselves(...args: string[]): Successor {
  const names = ["PATH", "HOME", "MYDOCKER_FIREWALL", "XDG_CACHE_HOME", "MYDOCKER_CACHE", "MYDOCKER_PRELINK"];
  const inherited = names.map((name) => [name, callerEnvironment(name)]).filter(([, value]) =>
    value !== undefined
  );
  const environment = [["MYDOCKER_ROOT", rootPath()], ...inherited].map((entry) => entry.join("="));
  return { path: selfPath(), argv: ["mydocker", ...args], environment };
}

/** The error of a start, from the step that failed. */
function startError(
  report: Report | undefined,
  program: ReturnType<typeof keeperProgram>,
  { config }: Container,
): Failure {
  if (report?.kind !== "failed") {
    return new Failure(`the keeper of ${config.name} ended before the container ran`);
  }
  const { call, what } = program.describe(report.step);
  if (call === "execve") return execError(config.argv[0], report.errno);
  if (call === "seccomp") return filterError(report.errno);
  const reason = errnoText(report.errno);
  const plain = stepError(call, what, report.errno);
  if (plain !== undefined) return new Failure(`can't start ${config.name}: ${plain}`);
  if (call === "move_mount") {
    const hint = "a directory can be mounted on a directory only, and a file on a file";
    return new Failure(`can't mount on ${what}: ${reason}; ${hint}`);
  }
  if (call === "recvfrom") return new Failure(`can't set up ${what} in ${config.name}: ${reason}`);
  return new Failure(`can't start ${config.name}: ${call} ${what}: ${reason}`);
}

/** The exit code that docker records for a container that could not be started. */
function notedCode(error: unknown): number {
  const kind = error instanceof Failure ? error.kind : "failed";
  return kind === "not found" ? 127 : kind === "not executable" ? 126 : 128;
}

/** Records why the container could not be started, for inspect and ps. */
function noteFailure(dir: number, error: unknown, former: Pick<StartFailure, "started" | "finished">): void {
  const failure: StartFailure = {
    ...former,
    error: error instanceof Error ? error.message : String(error),
    exitCode: notedCode(error),
  };
  try {
    writeFile(dir, "start.json", JSON.stringify(failure));
  } catch (writing) {
    // The disk is full, or the container was removed meanwhile: the error itself is what the user needs.
    if (!isErrno(writing, "ENOSPC", "EDQUOT", "ENOENT")) throw writing;
  }
}
