// What a container is doing: asked of the kernel, not remembered. Its keeper holds the lock of the file
// `lock` in the container's directory for as long as it lives; what it leaves are the records of
// keeper/report.ts.

import * as file from "../../ffi/file.ts";
import { isLocked } from "../../ffi/lock.ts";
import { finite, optional, readRecord, shapeOf, text, whole } from "../base/shape.ts";
import { endIfFrozen, isMarkedPaused } from "./frozen.ts";
import { type EndRecord, exitCode, openRecords, readRecords, type StartRecord } from "../keeper/report.ts";
import { strayKeeper } from "./stray.ts";

export interface ContainerState {
  status: "created" | "running" | "paused" | "restarting" | "exited";
  /** Of the first process, as this process's PID namespace has it; 0 unless there is one. */
  pid: number;
  exitCode: number;
  /** Why it could not be started. */
  error: string;
  /** Milliseconds since 1970; undefined where it never was. */
  started?: number;
  finished?: number;
}

/** `start.json`: how the last start failed, and what was before it. */
export interface StartFailure {
  error: string;
  exitCode: number;
  started?: number;
  finished?: number;
}

/**
 * `restart.json`, of a container with a restart policy: how often the container was started again by itself,
 * and how long that waited the last time, in ms.
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

/** SIGKILL's: what the first process got when a keeper ended without a word. */
export const UNKNOWN_END = 137;

/** The state of the container whose directory is `dir`. */
export function containerState(dir: number): ContainerState {
  const { kept, start, end, damaged } = readLock(dir);
  const times = { started: start?.time, finished: end?.time };
  const ended = end ? exitCode(end.status) : start ? UNKNOWN_END : 0;
  if (kept) {
    // It has ended, and somebody is about to start it again: its keeper, or a user, of whom it can't be said
    // yet.
    if (end) {
      const status = file.statIfAny(dir, "restart.json") ? "restarting" : "exited";
      return { status, pid: 0, exitCode: ended, error: "", ...times };
    }
    if (!start) return { status: "created", pid: 0, exitCode: 0, error: "" };
    const status = isMarkedPaused(dir) ? "paused" : "running";
    return { status, pid: start.pid, exitCode: 0, error: "", ...times };
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

/** What the file `lock` says. */
export interface Records {
  /** A keeper has the container: it runs, is being started, or waits to be started again. */
  kept: boolean;
  start?: StartRecord;
  end?: EndRecord;
  /** It says nothing that could be relied on. */
  damaged?: boolean;
}

/** The same from the open file. */
export function readKept(lock: number): Records {
  // In this order: a record found after the lock was free is the last one there will be.
  const kept = isLocked(lock);
  return { kept, ...readRecords(lock) };
}

function readLock(dir: number): Records {
  const fd = openRecords(dir);
  if (fd !== undefined) {
    const records = readKept(fd);
    file.close(fd);
    if (!records.damaged) return records;
  }
  const start = strayKeeper(dir);
  return { kept: start !== undefined, start, damaged: true };
}

/** Its first process, where there is one; asked without a look at whether it is paused. */
export function firstProcess(dir: number): number | undefined {
  const { kept, start, end } = readLock(dir);
  return kept && !end ? start?.pid : undefined;
}

/** Whether it has a process: also one that is paused. */
export function isAlive({ status }: ContainerState): boolean {
  return status === "running" || status === "paused";
}

/** What `restart.json` says, if it says anything. */
export function readRestarts(dir: number): Restarts | undefined {
  return readRecord<Restarts>(dir, "restart.json", isRestarts);
}

/** How often the container was started again by its restart policy. */
export function restartCount(dir: number): number {
  return readRestarts(dir)?.count ?? 0;
}

/** Whether it was a user who ended it last: its restart policy leaves it alone then. */
export function wasStopped(dir: number): boolean {
  return file.statIfAny(dir, "stopped") !== undefined;
}

/** Whether the kernel killed a process of it for want of memory, while it last ran. */
export function wasOutOfMemory(dir: number): boolean {
  return file.statIfAny(dir, "oomkilled") !== undefined;
}

/**
 * Whether a keeper has the container: it runs, is being started, or waits to be started again. `home` leads
 * from the open directory `dir` to the container's.
 */
export function keeperLives(dir: number, home = ""): boolean {
  const fd = openRecords(dir, home ? `${home}/lock` : "lock");
  if (fd === undefined) return strayKeeper(dir, home) !== undefined;
  try {
    return isLocked(fd);
  } finally {
    file.close(fd);
  }
}
