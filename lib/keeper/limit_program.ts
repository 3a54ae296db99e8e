// Steps that give a process its limits, the same for a container's first process and for a command in it.

import * as file from "../../ffi/file.ts";
import type { Program, Value } from "../../ffi/program.ts";
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

/** Writes a kernel's file in one go. */
export function writeFile(p: Program, dir: Value, path: string, text: string): void {
  const fd = p.cell();
  const bytes = new TextEncoder().encode(text);
  p.call("openat", [dir, p.string(path), file.O_WRONLY | file.O_CLOEXEC, 0], { store: fd, what: path });
  p.call("write", [fd, p.bytes(bytes), bytes.length], { what: `${path}: ${text}` });
  p.call("close", [fd]);
}
