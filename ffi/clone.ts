// Flags of clone(2) and setns(2).

import { SIGCHLD } from "./constants.ts";

const CLONE_VM = 0x100;
const CLONE_VFORK = 0x4000;

/**
 * A child that shares its parent's memory, and whose parent waits until it has executed something or ended.
 */
export const SHARING_CHILD = CLONE_VM | CLONE_VFORK | SIGCHLD;
/** A child with memory of its own, whose parent is that of the process that makes it. */
export const SIBLING = 0x8000 | SIGCHLD; // CLONE_PARENT
/** A child with memory of its own. */
export const CHILD = SIGCHLD;
/** The third argument of clone is where a pidfd of the child goes. */
export const CLONE_PIDFD = 0x1000;

export const CLONE_NEWNS = 0x20000;
export const CLONE_NEWCGROUP = 0x2000000;
export const CLONE_NEWUTS = 0x4000000;
export const CLONE_NEWIPC = 0x8000000;
export const CLONE_NEWPID = 0x20000000;
export const CLONE_NEWNET = 0x40000000;
