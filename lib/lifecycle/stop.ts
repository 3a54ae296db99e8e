// Stops containers; the restart policy then does not apply.

import { SIGKILL, SIGTERM } from "../../ffi/constants.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { signalPidfd } from "../../ffi/process.ts";
import { Failure } from "../base/error.ts";
import { writeFile } from "../base/json.ts";
import { emitContainer } from "../events/emit.ts";
import { thawIfPaused } from "../container/frozen.ts";
import { hasEnded } from "../container/ended.ts";
import {
  closeLockFile,
  nextChange,
  openLockFile,
  processOf,
  RECHECK_MS,
  recordsIn,
  restingKeeperOf,
} from "../container/process.ts";
import { containerState } from "../container/state.ts";
import type { Container, ContainerConfig } from "../model/container.ts";
import { parseSignal } from "../base/signals.ts";

/** Seconds, docker's. */
const STOP_TIMEOUT = 10;
/** Docker's time in ms for a process to end after SIGKILL. */
const KILL_TIMEOUT = 10_000;

export interface StopOptions {
  /** Sent instead of the container's own stop signal. */
  signal?: number;
  /** Seconds before SIGKILL, instead of the container's own; below 0 for no limit. */
  timeout?: number;
}

/**
 * Stops a container, even if it is paused or waits to be restarted, and returns once its keeper has recorded
 * the end. Returns false if it was not running. Throws Failure if not even SIGKILL helps.
 */
export async function stopContainer(container: Container, options: StopOptions = {}): Promise<boolean> {
  const { process: { StopSignal }, stopTimeout } = container.config;
  const signal = options.signal ?? (StopSignal ? parseSignal(StopSignal) : SIGTERM);
  const seconds = options.timeout ?? stopTimeout ?? STOP_TIMEOUT;
  const hasRun = await untilOver(container, (pidfd) => endProcess(pidfd, container, signal, seconds));
  if (hasRun) emitContainer(container, "stop");
  return hasRun;
}

/** A container to stop; a damaged one has no configuration. */
type Target = Pick<Container, "id" | "dir"> & { config?: ContainerConfig };

/** Kills a container, whatever it is doing; does nothing if it is not running. Throws Failure. */
export async function endContainer(container: Target): Promise<void> {
  await untilOver(container, endNow);
}

/**
 * Sends a signal to the container's first process. For SIGKILL, returns once the process has ended; others
 * may be ignored. Throws Failure if there is no process.
 */
export async function killContainer(container: Container, signal: number): Promise<void> {
  const { id, dir, config } = container;
  const first = processOf(container);
  if (first === undefined) {
    if (containerState(dir).status !== "restarting") {
      throw new Failure(`Container ${id} is not running`);
    }
    // There is no process to signal, but the wait for the restart ends.
    if (isFinal(config, signal)) await untilOver(container, endNow);
    return;
  }
  let marked: ReturnType<typeof markStopped> = false;
  try {
    if (isFinal(config, signal) || config.restart.name === "unless-stopped") marked = markStopped(dir);
    send(first, container, signal);
    if (isFinal(config, signal)) thawIfPaused(container);
  } finally {
    file.close(first);
  }
  if (signal === SIGKILL) await untilOver(container, marked === "no room" ? endNow : expectEnd);
}

/**
 * Whether a signal ends a container for good, as docker sees it: any does, unless the container has its own
 * stop signal. Then others have a meaning for the program, and its restart policy stays in force.
 */
function isFinal({ process: { StopSignal } }: ContainerConfig, signal: number): boolean {
  return !StopSignal || signal === SIGKILL || signal === parseSignal(StopSignal);
}

/**
 * Prevents a restart, ends the process by `end`, and waits for the keeper's last record. Returns false if
 * nobody had the container.
 */
async function untilOver(
  container: Target,
  end: (pidfd: number, container: Target) => Promise<void>,
): Promise<boolean> {
  const lockFile = openLockFile(container);
  if (!lockFile) return false;
  try {
    const mark = recordsIn(lockFile).kept && markStopped(container.dir);
    if (!mark) return false;
    // Without the mark, it was started again by a user meanwhile, which this command must not undo.
    while (recordsIn(lockFile).kept && (mark === "no room" || file.statIfAny(container.dir, "stopped"))) {
      const first = processOf(container);
      if (first === undefined) await endResting(container);
      else await end(first, container).finally(() => file.close(first));
      await nextChange(lockFile, RECHECK_MS);
    }
    return true;
  } finally {
    closeLockFile(lockFile);
  }
}

/**
 * Returns false if the container was just removed. There may be no room on a full disk: its keeper then
 * restarts the container, unless it is ended while it waits to do so.
 */
function markStopped(dir: number): boolean | "no room" {
  if (file.statIfAny(dir, "stopped")) return true;
  try {
    writeFile(dir, "stopped", "");
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    if (isErrno(error, "ENOSPC", "EDQUOT")) return "no room";
    throw error;
  }
}

async function endProcess(
  pidfd: number,
  container: Container,
  signal: number,
  seconds: number,
): Promise<void> {
  send(pidfd, container, signal);
  // Frozen processes receive no signal, under cgroup v1 not even SIGKILL. Thawed afterwards, they act on it
  // first.
  thawIfPaused(container);
  if (await hasEnded(pidfd, seconds < 0 ? Infinity : 1000 * seconds)) return;
  await endNow(pidfd, container);
}

/** The first process takes all others in its PID namespace with it. */
async function endNow(pidfd: number, container: Target): Promise<void> {
  send(pidfd, container, SIGKILL);
  thawIfPaused(container);
  await expectEnd(pidfd, container);
}

/** Waits for the end after SIGKILL. */
async function expectEnd(pidfd: number, { id }: Target): Promise<void> {
  if (await hasEnded(pidfd, KILL_TIMEOUT)) return;
  throw new Failure(
    `tried to kill container ${id}, but it has not ended within ${KILL_TIMEOUT / 1000} s; ` +
      "is it frozen from outside, or does it wait for a disk?",
  );
}

/** Emits the event first, so that it comes before that of the end. */
function send(pidfd: number, { id, dir, config }: Target, signal: number): void {
  if (config) emitContainer({ id, dir, config }, "kill", { signal: String(signal) });
  signalPidfd(pidfd, signal);
}

/** Ends a keeper that only waits to restart the container. */
async function endResting(container: Target): Promise<void> {
  const keeper = restingKeeperOf(container);
  if (keeper === undefined) return;
  signalPidfd(keeper, SIGKILL);
  // Until it is dead, it has its locks, and its networks seem to be in use.
  await expectEnd(keeper, container).finally(() => file.close(keeper));
  if (!container.config?.networks?.length) return;
  const { removeUnusedBridges } = await import("../network/for_lifecycle.ts");
  await removeUnusedBridges();
}
