// What kernel programs are made from: decisions and descriptors. Types alone, but for what stands for no
// descriptor.

import type { MountChange } from "../../ffi/mount.ts";
import type { Cell } from "../../ffi/program.ts";
import type { Crossing } from "./cross_program.ts";
import type { LeavePlan, NetworkPlan } from "./network_steps.ts";
import type { IsolationSteps } from "./isolation_program.ts";
import type { LogPlan } from "./log_program.ts";
import type { PumpPlan } from "./source_program.ts";
import type { Group } from "../cgroup/types.ts";

export interface Identity {
  uid: number;
  gid: number;
  /** Supplementary groups, the primary one among them where it is listed so. */
  groups: number[];
  home: string;
}

/** Instead of a descriptor that becomes 0: the container's own /dev/null. */
export const NO_INPUT = -1;

/** A mount below the root, in the order they are made. */
export interface PreparedMount {
  target: string;
  /** What is mounted is a file, so that its mount point must be one. */
  isFile: boolean;
  /** The detached mount, which has all its attributes. */
  fd: number;
  /** To be changed once it is attached. */
  attached?: MountChange[];
}

/** What a process of the container may do at most. */
export interface Confinement {
  /** Those it may have (capabilities(7)), and has as root. */
  capabilities: number[];
  /** The filter of its system calls, struct sock_filter[]; undefined for none. */
  filter: Uint8Array | undefined;
  /** Executing a set-user-ID file, or one with capabilities, gives nothing. */
  noNewPrivileges: boolean;
}

/** What the process needs: descriptors it inherits, and decisions. */
export interface InitPlan {
  rootfs: number;
  devpts: number;
  /** Descriptors that become 0, 1 and 2. */
  stdio: [number, number, number];
  tty: boolean;
  hostname: string;
  /** It is in a new network namespace. */
  ownNetwork: boolean;
  /** What to set up there besides the loopback interface. */
  network?: NetworkPlan;
  /** Another container's network namespace, to be entered. */
  networkNamespace?: number;
  /** What there is of the container's cgroup, and its descriptors (openGroups). */
  groups: Group[];
  openedGroups: Cell[];
  readOnlyRootfs: boolean;
  /** Of /proc and /sys nothing is masked. */
  exposedSystemPaths: boolean;
  mounts: PreparedMount[];
  workingDirectory: string;
  identity: Identity;
  confinement: Confinement;
  /**
   * Groups to be seen in /sys/fs/cgroup, by their directories on the host: version 1's under the hierarchy's
   * `name` there ("cpu,cpuacct"), version 2's as "".
   */
  cgroups: { name: string; path: string }[];
  /** What it has besides docker's defaults. */
  isolation?: IsolationSteps;
  argv: string[];
  environment: string[];
  /** --init: the executable that PID 1 goes on with once the command runs as its child, and its arguments. */
  reaper?: { fd: number; argv: string[] };
  /** A number above all descriptors there are; the one after it is free, too. */
  spare: number;
  /**
   * Shows the command's process that the keeper is gone; and where the two share no memory, tells the keeper
   * why nothing was executed.
   */
  crossing: Crossing;
}

/** What the keeper executes in its own place at its end. */
export interface Successor {
  path: string;
  argv: string[];
  environment: string[];
}

/** When and how the container is started again. */
export interface RestartPlan {
  /** On failure: not after an end with exit code 0. If updated: only where the policy is another by then. */
  when: "always" | "on failure" | "if updated";
  /** Milliseconds to wait before, unless it has run for long. */
  delay: number;
  successor: Successor;
}

export interface KeeperPlan extends PumpPlan {
  init: Omit<InitPlan, "crossing" | "spare" | "openedGroups">;
  log: LogPlan;
  /** There is no caller whose streams could be used. */
  detached: boolean;
  /** For clients that attach later: the terminal, and the write end of stdin, where the keeper has them. */
  terminal?: number;
  stdin?: number;
  /** Held for as long as the keeper lives. */
  lock: number;
  /** Events at the start and at the end, as frames of lib/events/event.ts. The latter have the name. */
  events: { started: Uint8Array; ended: Uint8Array; outOfMemory: Uint8Array; name: string };
  /** Executed at the end if the command that started the container does not clean up. */
  finish?: Successor;
  restart?: RestartPlan;
  /**
   * Executed where a cgroup can't simply be removed, unless another process that removes the container does
   * so.
   */
  removeGroups?: Successor;
  /**
   * What the container's networks need at its end; and the programs that take down networks without users,
   * update the names that others have, and remove the firewall's rules that closing a socket does not.
   */
  networks?: Omit<LeavePlan, "dir"> & { repair: Successor; refresh?: Successor; unpublish?: Successor };
}
