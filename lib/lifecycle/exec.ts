// Starts a command in a running container.

import { ESRCH } from "../../ffi/constants.ts";
import { errnoText } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { openPidfd, pipe, spawn } from "../../ffi/process.ts";
import { isDevpts } from "../../ffi/terminal.ts";
import { groupsToJoin } from "../cgroup/join.ts";
import { Failure } from "../base/error.ts";
import { append } from "../events/append.ts";
import { containerEvent } from "../events/emit.ts";
import { framesOf } from "../events/event.ts";
import { openInsideIfAny } from "../layer/inside.ts";
import { randomHex } from "../base/hex.ts";
import { rootFd } from "../store/root.ts";
import { processEnvironment } from "./environment.ts";
import { execError, stepError } from "./exec_error.ts";
import { execDescriptors, type ExecPlan, execProgram } from "../keeper/exec_program.ts";
import { resolveIdentity } from "./identity.ts";
import { confinementOf, filterError } from "./confinement.ts";
import { openProcessRoot } from "./root.ts";
import type { Running } from "./start.ts";
import { awaitReport } from "./start_report.ts";
import { containerState, firstProcess } from "../container/state.ts";
import { type Attachment, isDetached, openStreams } from "./streams.ts";
import type { Container } from "../model/container.ts";
import { RENAMED } from "../base/frames.ts";

/** Milliseconds in which the helper, which has a shorter limit itself, has to report. */
const PATIENCE = 40_000;

/** A command, and how to execute it. */
export interface ExecRequest {
  argv: string[];
  /** "NAME=value"; they override the container's own. */
  environment: string[];
  /** Undefined for the container's user. */
  user?: string;
  workingDirectory?: string;
  tty: boolean;
  stdin: boolean;
  privileged: boolean;
}

/** The container's state does not allow exec. */
export class WrongState extends Failure {}

/**
 * Starts the command and returns once it is executed; `attached` says which of this process's streams it
 * gets. Throws Failure: 127 command not found, 126 not executable or no such user or directory, 1 where
 * the container does not run.
 */
export async function execIn(
  container: Container,
  request: ExecRequest,
  attached: Attachment,
): Promise<Running> {
  const opened: number[] = [];
  const ours: number[] = [];
  const keep = (fd: number) => (opened.push(fd), fd);
  const { config } = container;
  try {
    const [pidfd, root] = enter(container, keep);
    const identity = identityIn(root, request.user ?? config.process.User ?? "", config.groupAdd);
    const terminals = request.tty ? keep(openDevpts(root)) : -1;
    const streams = openStreams(request, attached, terminals, keep, (fd) => (ours.push(fd), fd), identity);
    const [messages, messagesWrite] = pipe().map(keep);
    const plan: ExecPlan = {
      container: pidfd,
      groups: groupsToJoin(config, () => firstProcess(container.dir)),
      stdio: streams.inside,
      sources: streams.sources,
      messages: messagesWrite,
      devNull: keep(file.openat(file.AT_FDCWD, "/dev/null", file.O_RDWR)),
      tty: request.tty,
      identity,
      argv: request.argv,
      confinement: confinementOf(config, request.privileged),
      rlimits: config.ulimits ?? [],
      oomScoreAdj: config.oomScoreAdj,
      workingDirectory: request.workingDirectory ?? (config.process.WorkingDir || "/"),
      environment: processEnvironment(config, identity, request.tty, request.environment),
      detached: isDetached(attached),
      ...execEvents(container, request.argv, keep),
    };
    return await launch(plan, container, streams, attached, messages, opened);
  } catch (error) {
    for (const fd of ours) file.close(fd);
    throw error;
  } finally {
    for (const fd of opened) file.close(fd);
  }
}

/** Its three events: that of the end is for the helper to note, who has ROOT/events open for that. */
function execEvents(container: Container, argv: string[], keep: (fd: number) => number) {
  const attributes = { execID: randomHex() };
  const event = (action: string) => containerEvent(container, action, attributes);
  const [command, ...args] = argv;
  // Docker adds a blank after the command even without arguments.
  append(["exec_create", "exec_start"].map((action) => event(`${action}: ${command} ${args.join(" ")}`)));
  const root = keep(file.openat(rootFd(), ".", file.O_PATH | file.O_DIRECTORY));
  const die = event("exec_die");
  const named = { name: die.Actor.Attributes.name, dir: root, path: `containers/${container.id}/${RENAMED}` };
  return { root, ended: { frames: framesOf([die]), named } };
}

/** A pidfd of the first process, and its root directory: of a process that is certainly the container's. */
function enter({ id, dir }: Container, keep: (fd: number) => number): [number, number] {
  const before = containerState(dir);
  if (before.status === "paused") {
    throw new WrongState(`Container ${id} is paused, unpause the container before exec`);
  }
  if (before.status === "restarting") {
    throw new WrongState(`Container ${id} is restarting, wait until the container is running`);
  }
  const pidfd = before.status === "running" ? openPidfd(before.pid) : undefined;
  if (pidfd !== undefined) {
    keep(pidfd);
    const root = openProcessRoot(dir, before.pid);
    if (root !== undefined) return [pidfd, keep(root)];
  }
  throw new WrongState(`Container ${id} is not running`);
}

function identityIn(root: number, user: string, groups?: string[]) {
  try {
    return resolveIdentity(root, user, groups);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(error.message, { kind: "not executable", cause: error });
  }
}

/** The container's terminals, if what is mounted there is that. */
function openDevpts(root: number): number {
  const fd = openInsideIfAny(root, "/dev/pts", file.O_DIRECTORY);
  if (fd !== undefined && isDevpts(fd)) return fd;
  if (fd !== undefined) file.close(fd);
  throw new Failure("can't open a terminal: /dev/pts in the container is not a devpts file system", {
    kind: "not executable",
  });
}

async function launch(
  plan: ExecPlan,
  { id, config }: Container,
  { input, terminal }: ReturnType<typeof openStreams>,
  attached: Attachment,
  messages: number,
  opened: number[],
): Promise<Running> {
  const program = execProgram(plan);
  const helper = spawn(program, `mydocker: exec in ${config.name}`, execDescriptors(plan));
  opened.splice(opened.indexOf(messages), 1); // this process reads it
  while (opened.length > 0) file.close(opened.pop()!);
  const report = await awaitReport(messages, helper, PATIENCE);
  if (report?.kind !== "started") {
    file.close(messages);
    if (report?.kind !== "failed") {
      throw new Failure("the helper of exec ended before the command ran", { kind: "not executable" });
    }
    const { call, what } = program.describe(report.step);
    if (call === "execve") throw execError(plan.argv[0], report.errno);
    if (call === "seccomp") throw filterError(report.errno, "not executable");
    // The container has ended after it was checked.
    if (call === "setns" && report.errno === ESRCH) {
      throw new WrongState(`Container ${id} is not running`);
    }
    const reason = stepError(call, what, report.errno) ?? `${call} ${what}: ${errnoText(report.errno)}`;
    throw new Failure(`can't execute ${plan.argv[0]}: ${reason}`, { kind: "not executable" });
  }
  if (!attached.stdin && input !== undefined) file.close(input);
  return { pid: report.pid, messages, input: attached.stdin ? input ?? terminal : undefined, terminal };
}
