// What a container is doing: asked of the kernel, not remembered. Its keeper holds the lock of the file `lock` in the
// container's directory for as long as it lives; what it leaves are the records of report.ts.

import * as file from "../../ffi/file.ts";
import { isLocked } from "../../ffi/lock.ts";
import { readJson } from "../state/json.ts";
import { exitCode, readRecord } from "./report.ts";

export interface ContainerState {
  status: "created" | "running" | "exited";
  /** Of the first process, as this process's PID namespace has it; 0 unless running. */
  pid: number;
  exitCode: number;
  /** Why it could not be started. */
  error: string;
  /** Milliseconds since 1970; undefined where it never was. */
  started?: number;
  finished?: number;
}

/** `start.json`: how the last start failed. */
export interface StartFailure {
  error: string;
  exitCode: number;
}

/** SIGKILL's: what the first process got when a keeper ended without a word. */
const UNKNOWN_END = 137;

/** The state of the container whose directory is `dir`. */
export function containerState(dir: number): ContainerState {
  // The lock first: an exit record found after it was free is the last one there will be.
  const running = keeperLives(dir);
  const started = readRecord(dir, "started");
  if (running && started) {
    return { status: "running", pid: started.value, exitCode: 0, error: "", started: started.time };
  }
  const exit = running ? undefined : readRecord(dir, "exit");
  if (exit) {
    return {
      status: "exited",
      pid: 0,
      exitCode: exitCode(exit.value),
      error: "",
      started: started?.time,
      finished: exit.time,
    };
  }
  if (started) {
    return { status: "exited", pid: 0, exitCode: UNKNOWN_END, error: "", started: started.time };
  }
  const failure = readJson<StartFailure>(dir, "start.json");
  return { status: "created", pid: 0, exitCode: failure?.exitCode ?? 0, error: failure?.error ?? "" };
}

function keeperLives(dir: number): boolean {
  const fd = file.openIfAny(dir, "lock", file.O_RDWR);
  if (fd === undefined) return false;
  try {
    return isLocked(fd);
  } finally {
    file.close(fd);
  }
}
