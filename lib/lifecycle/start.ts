// Starting a container: everything is opened and decided here, in JavaScript, and handed to the keeper as a
// program and a set of descriptors.

import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import { pipe, spawn } from "../../ffi/process.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { DEFAULT_DEVICE_RULES } from "../cgroup/devices.ts";
import { makeGroups, removeGroups } from "../cgroup/group.ts";
import { step } from "../base/debug.ts";
import { Failure } from "../base/error.ts";
import { writeFile } from "../base/json.ts";
import { writeEtcFiles } from "./etc_files.ts";
import { endIfFrozen } from "../container/frozen.ts";
import { keeperDescriptors, keeperProgram } from "../keeper/keeper_program.ts";
import type { Joined } from "../network/join.ts";
import { clearRecords, type Report } from "../keeper/report.ts";
import { awaitReport } from "./start_report.ts";
import { containerState, type Restarts, type StartFailure } from "../container/state.ts";
import { openLock } from "../container/lost_lock.ts";
import { type Attachment, isDetached, NOTHING, openStreams, type Streams } from "./streams.ts";
import { changesIsolation, type Container, type ContainerConfig } from "../model/container.ts";
import type { KeeperPlan } from "../keeper/plan.ts";
import type { Group } from "../cgroup/types.ts";
import { aftermath, leavePlan, lifeEvents } from "./keeper_plan.ts";
import { prepareInit } from "./init_plan.ts";
import { noteFailure, startError } from "./start_failure.ts";

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
  const ours: number[] = [];
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
    const streams = openStreams(
      config,
      attached,
      init.devpts,
      keep,
      (fd) => (ours.push(fd), fd),
      init.identity,
    );
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
    for (const fd of ours) file.close(fd);
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

async function loadIsolation(container: Container, keep: (fd: number) => number) {
  const { prepareIsolation } = await import("./isolation.ts");
  return prepareIsolation(container, keep);
}

/** The log, with the room left in it, and /dev/null. */
function openOutput({ dir, config }: Container, keep: (fd: number) => number) {
  const fd = keep(file.openat(dir, "log", file.O_WRONLY | file.O_CREAT | file.O_APPEND, 0o600));
  const { maxSize, maxFiles } = config.log;
  const left = maxSize === undefined ? 0 : Math.max(0, maxSize - file.stat(fd, "").size);
  const devNull = keep(file.openat(file.AT_FDCWD, "/dev/null", file.O_RDWR));
  return { devNull, log: { fd, dir, maxSize, maxFiles, left } };
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
