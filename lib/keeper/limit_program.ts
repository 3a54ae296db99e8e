// Steps that set a process's resource limits, for a container's first process and for a command in it.

import * as file from "../../ffi/file.ts";
import type { Program, Value } from "../../ffi/program.ts";
import { attempt } from "./mount_program.ts";
import { RLIMITS } from "../security/rlimits.ts";

/** As in a container's configuration (Ulimit). */
export interface Rlimit {
  name: string;
  soft: number;
  hard: number;
}

/** Calls setrlimit(2) for each limit; -1 is no limit. */
export function limitResources(p: Program, limits: Rlimit[]): void {
  for (const { name, soft, hard } of limits) {
    p.call("prlimit64", [0, RLIMITS[name], p.words([soft, hard]), 0], { what: `${name}=${soft}:${hard}` });
  }
}

/** Limits that count processes, even one that only sets up the next. */
const COUNTING = ["nproc"];

/**
 * Like limitResources, for a process that makes the limited one. Limits that would count both are left to the
 * latter. If this process has no right to raise a limit, the other has none either.
 */
export function limitResourcesOfNext(p: Program, limits: Rlimit[]): void {
  const NONE = -1;
  limitResources(p, limits.filter(({ name }) => !COUNTING.includes(name)));
  for (const { name } of limits.filter(({ name }) => COUNTING.includes(name))) {
    attempt(p, "prlimit64", [0, RLIMITS[name], p.words([NONE, NONE]), 0]);
  }
}

/** In the limited process: the remaining limits, which need no right. */
export function limitProcesses(p: Program, limits: Rlimit[]): void {
  limitResources(p, limits.filter(({ name }) => COUNTING.includes(name)));
}

/** Writes a kernel's file by one call. */
export function writeFile(p: Program, dir: Value, path: string, text: string): void {
  const fd = p.cell();
  const bytes = new TextEncoder().encode(text);
  p.call("openat", [dir, p.string(path), file.O_WRONLY | file.O_CLOEXEC, 0], { store: fd, what: path });
  p.call("write", [fd, p.bytes(bytes), bytes.length], { what: `${path}: ${text}` });
  p.call("close", [fd]);
}
