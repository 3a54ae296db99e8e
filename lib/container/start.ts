// Starting a container: everything is opened and decided here, in JavaScript, and handed to the keeper as a program
// and a set of descriptors.

import { errnoText, isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import { MOUNT_ATTR, mountDetached } from "../../ffi/mount.ts";
import { pipe, spawn } from "../../ffi/process.ts";
import { copyWindowSize, openTerminal } from "../../ffi/terminal.ts";
import { step } from "../cli/debug.ts";
import { callerEnvironment, selfPath } from "../cli/environment.ts";
import { CommandError } from "../cli/error.ts";
import { mountRootfs } from "../layer/overlay.ts";
import { writeFile } from "../state/json.ts";
import { rootPath } from "../state/root.ts";
import type { Container } from "./find.ts";
import { processEnvironment } from "./environment.ts";
import { type Identity, resolveIdentity } from "./identity.ts";
import { keeperDescriptors, type KeeperPlan, keeperProgram, type Source } from "./keeper_program.ts";
import { prepareMounts } from "./mounts.ts";
import { decodeReport, MESSAGE_SIZE, type Report } from "./report.ts";
import type { StartFailure } from "./state.ts";

/** A container that runs, as the command that started it sees it. */
export interface Running {
  pid: number;
  /** Messages of the keeper; closed at its end. */
  messages: number;
  /** Write end of the container's stdin, or undefined where it has none. */
  stdin?: number;
  /** The master side of its terminal, or undefined where it has none. */
  terminal?: number;
}

/** The container's ends of its standard streams, and ours. */
interface Streams {
  inside: [number, number, number];
  sources: Source[];
  stdin?: number;
  terminal?: number;
}

/** Group 5 is tty, everywhere docker runs. */
const DEVPTS: [string, string][] = [["source", "devpts"], ["ptmxmode", "666"], ["mode", "620"], ["gid", "5"]];

/**
 * Starts the container and returns once its command is executed. Its output goes to this process's stdout and stderr.
 * Throws CommandError: 127 command not found, 126 not executable, 125 all else; the container then is as created.
 */
export async function startContainer(container: Container): Promise<Running> {
  const { dir, config } = container;
  const opened: number[] = [];
  const keep = (fd: number) => (opened.push(fd), fd);
  const lock = keep(file.openat(dir, "lock", file.O_RDWR | file.O_CREAT, 0o600));
  if (!tryLock(lock, "exclusive")) throw new CommandError(`container ${config.name} is already running`);
  try {
    for (const record of ["started", "exit", "start.json", "restart.json", "stopped"]) {
      file.unlinkIfAny(dir, record);
    }
    const rootfs = keep(mountRootfs(config));
    step("overlay mounted, detached");
    requireDirectories(rootfs, config.imageName);
    const identity = resolveIdentity(rootfs, config.process.User ?? "");
    const mounts = await prepareMounts(container, rootfs);
    for (const { source } of mounts) if ("fd" in source) keep(source.fd);
    step("mounts prepared");
    const devpts = keep(mountDetached("devpts", DEVPTS, MOUNT_ATTR.noSuid | MOUNT_ATTR.noExec));
    const streams = openStreams(config.tty, config.stdin, devpts, keep, identity);
    const [messages, messagesWrite] = pipe();
    keep(messagesWrite);
    const log = keep(file.openat(dir, "log", file.O_WRONLY | file.O_CREAT | file.O_APPEND, 0o600));
    const devNull = keep(file.openat(file.AT_FDCWD, "/dev/null", file.O_RDWR));
    const plan: KeeperPlan = {
      init: {
        ...{ rootfs, devpts, stdio: streams.inside, tty: config.tty, hostname: config.hostname },
        ...{ ownNetwork: config.network !== "host", readOnlyRootfs: config.readOnlyRootfs, mounts, identity },
        workingDirectory: config.process.WorkingDir || "/",
        argv: config.argv,
        environment: processEnvironment(config, identity),
      },
      ...{ sources: streams.sources, dir, log, messages: messagesWrite, devNull, lock },
      finish: config.autoRemove ? removal(container) : undefined,
    };
    const program = keeperProgram(plan);
    step(`kernel program of ${program.count} steps assembled`);
    spawn(program, `mydocker: keeper of ${config.name}`, keeperDescriptors(plan));
    // The keeper has its own copies by now, and the end of a pipe is seen only when nobody else has it open.
    while (opened.length > 0) file.close(opened.pop()!);
    const report = readReport(messages);
    if (report?.kind !== "started") {
      file.close(messages);
      throw startError(report, program, container);
    }
    step(`process ${report.pid} executed ${config.argv[0]}`);
    return { pid: report.pid, messages, stdin: streams.stdin, terminal: streams.terminal };
  } catch (error) {
    noteFailure(dir, error);
    throw error;
  } finally {
    for (const fd of opened) file.close(fd);
  }
}

/** Mounted through a symlink, a /proc would be one place and its masks another. */
function requireDirectories(rootfs: number, image: string): void {
  for (const name of ["proc", "sys", "dev"]) {
    const found = file.statIfAny(rootfs, name);
    if (found && (found.mode & file.S_IFMT) !== file.S_IFDIR) {
      throw new CommandError(`/${name} of image ${image} is not a directory, which a container needs there`);
    }
  }
}

/** `rm -v` of the container, by the mydocker that runs now. */
function removal({ id }: Container): KeeperPlan["finish"] {
  const names = ["PATH", "HOME", "XDG_CACHE_HOME", "MYDOCKER_CACHE"];
  const inherited = names.map((name) => [name, callerEnvironment(name)]).filter(([, value]) =>
    value !== undefined
  );
  const environment = [["MYDOCKER_ROOT", rootPath()], ...inherited].map((entry) => entry.join("="));
  return { path: selfPath(), argv: ["mydocker", "rm", "-v", id], environment };
}

function openStreams(
  tty: boolean,
  stdin: boolean,
  devpts: number,
  keep: (fd: number) => number,
  identity: Identity,
): Streams {
  if (tty) {
    const [master, slave] = openTerminal(devpts);
    keep(slave);
    // The keeper reads the master; this process writes it and sets its size.
    copyWindowSize(0, master);
    file.fchown(slave, identity.uid, 5);
    return {
      inside: [slave, slave, slave],
      sources: [{ fd: master, to: 1 }],
      stdin: stdin ? master : undefined,
      terminal: master,
    };
  }
  const [input, inputWrite] = stdin
    ? pipe()
    : [file.openat(file.AT_FDCWD, "/dev/null", file.O_RDONLY), undefined];
  const [out, outWrite] = pipe();
  const [err, errWrite] = pipe();
  for (const fd of [input, out, outWrite, err, errWrite]) keep(fd);
  // Or a command that is not root could not open /dev/stdout again.
  const pipes = stdin ? [input, outWrite, errWrite] : [outWrite, errWrite];
  if (identity.uid !== 0) { for (const fd of pipes) file.fchown(fd, identity.uid, identity.gid); }
  return {
    inside: [input, outWrite, errWrite],
    sources: [{ fd: out, to: 1 }, { fd: err, to: 2 }],
    stdin: inputWrite,
  };
}

function readReport(messages: number): Report | undefined {
  const buffer = new Uint8Array(MESSAGE_SIZE);
  return decodeReport(buffer.subarray(0, file.read(messages, buffer)));
}

/** Docker's words and codes for a start that failed, from the step that did. */
function startError(
  report: Report | undefined,
  program: ReturnType<typeof keeperProgram>,
  { config }: Container,
): CommandError {
  if (report?.kind !== "failed") {
    return new CommandError(`the keeper of ${config.name} ended before the container ran`);
  }
  const { call, what } = program.describe(report.step);
  const reason = errnoText(report.errno);
  if (call === "move_mount") {
    const hint = "a directory can be mounted on a directory only, and a file on a file";
    return new CommandError(`can't mount on ${what}: ${reason}; ${hint}`);
  }
  if (call !== "execve") return new CommandError(`can't start ${config.name}: ${call} ${what}: ${reason}`);
  const [ENOENT, EACCES] = [2, 13];
  const command = JSON.stringify(config.argv[0]);
  if (report.errno === ENOENT && !config.argv[0].includes("/")) {
    return new CommandError(`exec: ${command}: executable file not found in $PATH`, 127);
  }
  if (report.errno === ENOENT) return new CommandError(`exec: ${command}: ${reason}`, 127);
  const hint = report.errno === EACCES
    ? ""
    : " (is it built for this machine, and does a script begin with #!?)";
  return new CommandError(`exec: ${command}: ${reason}${hint}`, 126);
}

/** For inspect and ps: a container that could not be started says why. */
function noteFailure(dir: number, error: unknown): void {
  const failure: StartFailure = {
    error: error instanceof Error ? error.message : String(error),
    exitCode: error instanceof CommandError ? error.exitCode : 128,
  };
  try {
    writeFile(dir, "start.json", JSON.stringify(failure));
  } catch (writing) {
    // The disk is full, or the container was removed meanwhile: the error itself is what the user needs.
    if (!isErrno(writing, "ENOSPC", "EDQUOT", "ENOENT")) throw writing;
  }
}
