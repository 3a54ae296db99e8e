// Steps that give a process its limits, the same for a container's first process and for a command in it.

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

/** setrlimit(2) for each; -1 is no limit. */
export function limitResources(p: Program, limits: Rlimit[]): void {
  for (const { name, soft, hard } of limits) {
    p.call("prlimit64", [0, RLIMITS[name], p.words([soft, hard]), 0], { what: `${name}=${soft}:${hard}` });
  }
}

/** What counts processes: also one that only sets up the next. */
const COUNTING = ["nproc"];

/**
 * As limitResources, but for a process that makes the one which is limited: what would count both is opened
 * in it. Where it has no right to that, neither has the other to more than it has already.
 */
export function limitResourcesOfNext(p: Program, limits: Rlimit[]): void {
  const NONE = -1;
  limitResources(p, limits.filter(({ name }) => !COUNTING.includes(name)));
  for (const { name } of limits.filter(({ name }) => COUNTING.includes(name))) {
    attempt(p, "prlimit64", [0, RLIMITS[name], p.words([NONE, NONE]), 0]);
  }
}

/** In that one: the rest, which takes no right. */
export function limitProcesses(p: Program, limits: Rlimit[]): void {
  limitResources(p, limits.filter(({ name }) => COUNTING.includes(name)));
}

/** Writes a kernel's file in one go. */
export function writeFile(p: Program, dir: Value, path: string, text: string): void {
  const fd = p.cell();
  const bytes = new TextEncoder().encode(text);
  p.call("openat", [dir, p.string(path), file.O_WRONLY | file.O_CLOEXEC, 0], { store: fd, what: path });
  p.call("write", [fd, p.bytes(bytes), bytes.length], { what: `${path}: ${text}` });
  p.call("close", [fd]);
}
