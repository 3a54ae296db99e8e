// The state of a container, asked of the kernel rather than stored. Its keeper holds the lock of the file
// `lock` in the container's directory as long as it lives, and writes the records of keeper/report.ts to it.

import * as file from "../../ffi/file.ts";
import { isLocked } from "../../ffi/lock.ts";
import { finite, optional, readRecord, shapeOf, text, whole } from "../base/shape.ts";
import { endIfFrozen, isMarkedPaused } from "./frozen.ts";
import { type EndRecord, exitCode, openRecords, readRecords, type StartRecord } from "../keeper/report.ts";
import { findKeeper } from "./lost_lock.ts";

export interface ContainerState {
  status: "created" | "running" | "paused" | "restarting" | "exited";
  /** PID of the first process in this process's PID namespace; 0 if there is none. */
  pid: number;
  exitCode: number;
  /** The reason why it could not be started. */
  error: string;
  /** Milliseconds since 1970; undefined if it was never started. */
  started?: number;
  finished?: number;
}

/** `start.json`: how the last start failed, and the state before it. */
export interface StartFailure {
  error: string;
  exitCode: number;
  started?: number;
  finished?: number;
}

/**
 * `restart.json` of a container with a restart policy: how often it was restarted automatically, and the last
 * delay in ms.
 */
export interface Restarts {
  count: number;
  delay: number;
}

const isStartFailure = shapeOf<StartFailure>({
  error: text,
  exitCode: whole,
  started: optional(finite),
  finished: optional(finite),
});

const isRestarts = shapeOf<Restarts>({ count: whole, delay: whole });

/** SIGKILL's exit code: the first process was killed with a keeper that recorded no end. */
export const UNKNOWN_END = 137;

/** The state of the container whose directory is `dir`. */
export function containerState(dir: number): ContainerState {
  const { kept, start, end, damaged } = readLock(dir);
  const times = { started: start?.time, finished: end?.time };
  const ended = end ? exitCode(end.status) : start ? UNKNOWN_END : 0;
  if (kept) {
    // It has ended, and somebody is about to start it again: its keeper, or a user, which can't be told yet.
    if (end) {
      const status = file.statIfAny(dir, "restart.json") ? "restarting" : "exited";
      return { status, pid: 0, exitCode: ended, error: "", ...times };
    }
    if (!start) return { status: "created", pid: 0, exitCode: 0, error: "" };
    return { ...running(start), status: isMarkedPaused(dir) ? "paused" : "running" };
  }
  endIfFrozen(dir, () => !keeperLives(dir));
  const failure = readRecord<StartFailure>(dir, "start.json", isStartFailure);
  if (failure) return { status: failure.started ? "exited" : "created", pid: 0, ...failure };
  if (damaged) {
    const error = "how it ended is not known: its file lock is damaged";
    return { status: "exited", pid: 0, exitCode: UNKNOWN_END, error };
  }
  return { status: start ? "exited" : "created", pid: 0, exitCode: ended, error: "", ...times };
}

function running({ pid, time }: StartRecord): ContainerState {
  return { status: "running", pid, exitCode: 0, error: "", started: time };
}

/**
 * The state of the container to which `home` leads from the open directory `dir`, if it runs; "kept" where it
 * may be paused or its keeper has no process, undefined where nobody has it. Of a list of many containers
 * most are done with that, in few system calls.
 */
export function runningState(dir: number, home: string): ContainerState | "kept" | undefined {
  const { kept, start, end } = readLock(dir, home);
  if (!kept) return undefined;
  return start && !end && !file.statIfAny(dir, `${home}/paused`) ? running(start) : "kept";
}

/** The content of the file `lock`. */
export interface Records {
  /** A keeper has the container: it runs, is being started, or waits to be restarted. */
  kept: boolean;
  start?: StartRecord;
  end?: EndRecord;
  /** The file is unreliable. */
  damaged?: boolean;
}

/** The records in the open file. */
export function readKept(lock: number): Records {
  // The order matters: a record that is found after the lock was free is the last one.
  const kept = isLocked(lock);
  return { kept, ...readRecords(lock) };
}

function readLock(dir: number, home = ""): Records {
  const fd = openRecords(dir, home ? `${home}/lock` : "lock");
  if (fd !== undefined) {
    const records = readKept(fd);
    file.close(fd);
    if (!records.damaged) return records;
  }
  const start = findKeeper(dir, home);
  return { kept: start !== undefined, start, damaged: true };
}

/** The first process, if there is one; whether it is paused is not checked. */
export function firstProcess(dir: number): number | undefined {
  const { kept, start, end } = readLock(dir);
  return kept && !end ? start?.pid : undefined;
}

/** Whether it has a process, even a paused one. */
export function isAlive({ status }: ContainerState): boolean {
  return status === "running" || status === "paused";
}

/** The content of `restart.json`, if any. */
export function readRestarts(dir: number): Restarts | undefined {
  return readRecord<Restarts>(dir, "restart.json", isRestarts);
}

/** How often the restart policy has restarted the container. */
export function restartCount(dir: number): number {
  return readRestarts(dir)?.count ?? 0;
}

/** Whether a user ended it last, so that its restart policy does not apply. */
export function wasStopped(dir: number): boolean {
  return file.statIfAny(dir, "stopped") !== undefined;
}

/** Whether the kernel killed one of its processes for lack of memory in its last run. */
export function wasOutOfMemory(dir: number): boolean {
  return file.statIfAny(dir, "oomkilled") !== undefined;
}

/**
 * Whether a keeper has the container: it runs, is being started, or waits to be restarted. `home` is the path
 * from the open directory `dir` to the container's directory.
 */
export function keeperLives(dir: number, home = ""): boolean {
  const fd = openRecords(dir, home ? `${home}/lock` : "lock");
  if (fd === undefined) return findKeeper(dir, home) !== undefined;
  try {
    return isLocked(fd);
  } finally {
    file.close(fd);
  }
}
