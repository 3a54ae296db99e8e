// Steps that the keeper, exec's helper and the process that connects networks have in common.

import { PR_SET_DUMPABLE, PR_SET_NAME } from "../../ffi/constants.ts";
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUTS,
} from "../../ffi/clone.ts";
import { AT_FDCWD } from "../../ffi/file.ts";
import type { Program } from "../../ffi/program.ts";
import type { PumpPlan } from "./source_program.ts";

/** The namespaces of a container; some may be shared. */
export const NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP |
  CLONE_NEWNET;

/**
 * Takes a name, leaves the caller's directory, and closes the process's memory to others. The child that
 * becomes the container's command shares this memory until then, and processes in the container with the same
 * rights could trace the child. Also prevents the program from being executed again, which the command could
 * do through /proc/self/exe (CVE-2019-5736).
 */
export function introduce(p: Program, name: string): void {
  p.call("prctl", [PR_SET_NAME, p.string(name), 0, 0, 0]);
  p.call("prctl", [PR_SET_DUMPABLE, 0, 0, 0, 0]);
  p.call("fchmodat", [AT_FDCWD, p.string("/proc/self/exe"), 0]);
  p.call("chdir", [p.string("/")]);
}

/** Closes the standard streams, since somebody may wait for their end. */
export function takeNothing(p: Program, plan: Pick<PumpPlan, "devNull">): void {
  for (const fd of [0, 1, 2]) p.call("dup3", [plan.devNull, fd, 0]);
}

/** Closes descriptors that the caller happened to have open: the gaps between the intended ones. */
export function closeOthers(p: Program, fds: number[]): void {
  let first = 3;
  for (const fd of [...fds, 0xffffffff]) {
    if (fd > first) p.call("close_range", [first, fd === 0xffffffff ? fd : fd - 1, 0]);
    first = fd + 1;
  }
}
