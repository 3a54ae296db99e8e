// A command in a running container: a process that enters its namespaces, starts the command there, passes its output on
// and waits for it. A kernel program like the keeper's (keeper_program.ts), without a log and without records.

import type { Group } from "../cgroup/group.ts";
import { CLONE_NEWCGROUP } from "../../ffi/clone.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import { FAILED_STEP, FAILURE, newProgram } from "../../ffi/program.ts";
import { cloneInto, closeGroups, enterGroups, openGroups } from "./cgroup_program.ts";
import { execute } from "./execute_program.ts";
import { appendEvents } from "./event_program.ts";
import type { Identity } from "../container/identity.ts";
import {
  closeLastWalls,
  type Confinement,
  dieWithKeeper,
  dropPrivileges,
  keepOnlyStdioAnd,
  NO_INPUT,
  takeStdio,
} from "./init_program.ts";
import { attempt } from "./mount_program.ts";
import { limitResources, type Rlimit, writeFile } from "./limit_program.ts";
import { closeOthers, introduce, NAMESPACES, takeNothing } from "./keeper_program.ts";
import { pollTable } from "./poll_program.ts";
import { dropOutput, pump } from "./pump_program.ts";
import { ENDED, FAILED, STARTED } from "./report.ts";
import { type PumpPlan, send } from "./source_program.ts";

export interface ExecPlan extends PumpPlan {
  /** A pidfd of the container's first process, whose namespaces they are. */
  container: number;
  /** The container's cgroup, as far as it has one. */
  groups: Group[];
  /** Descriptors that become 0, 1 and 2. */
  stdio: [number, number, number];
  tty: boolean;
  identity: Identity;
  confinement: Confinement;
  rlimits: Rlimit[];
  /** As the container's; /proc is the host's, open (O_PATH). */
  oomScore?: { proc: number; value: number };
  workingDirectory: string;
  argv: string[];
  environment: string[];
  /** mydocker's root directory, and the frames of what is to be noted at the end in `events` there. */
  root: number;
  ended: Uint8Array;
  /** Nobody is there whose streams could be used. */
  detached: boolean;
}

/** Descriptors it inherits, besides 0 to 2. */
export function execDescriptors(plan: ExecPlan): number[] {
  const sources = plan.sources.map(({ fd }) => fd);
  const all = [
    plan.container,
    plan.root,
    plan.oomScore?.proc ?? -1,
    ...plan.stdio,
    ...sources,
    plan.messages,
    plan.devNull,
  ];
  return [...new Set(all)].filter((fd) => fd > 2).sort((a, b) => a - b);
}

/** The whole program, the command's part included. */
export function execProgram(plan: ExecPlan) {
  const p = newProgram();
  const [failed, childFailed] = [p.label(), p.label()];
  const [pid, self, pidfd, brokenChild] = [p.cell(), p.cell(), p.cell(), p.cell()];
  const message = p.words([0, 0, 0]);
  p.onFailure(failed);
  introduce(p, "mydocker-exec");
  closeOthers(p, execDescriptors(plan));
  if (plan.detached) takeNothing(p, plan);
  const poll = pollTable(p, plan);
  p.call("getpid", [], { store: self });
  p.call("pidfd_open", [self, 0], { store: pidfd });
  const opened = openGroups(p, plan.groups);
  // All at once: the mount namespace gives its own root and working directory, so nothing of the host's is in reach.
  // But not the cgroup namespace: from inside of it, the way from the host's group into the container's is closed.
  p.call("setns", [plan.container, NAMESPACES & ~CLONE_NEWCGROUP], { what: "the container's namespaces" });
  const parent = p.label();
  cloneInto(p, plan.groups, opened, { namespaces: 0, pid, pidfd: poll.init, parent, what: "the command" });
  p.onFailure(childFailed);
  enterGroups(p, plan.groups, opened);
  p.call("setns", [plan.container, CLONE_NEWCGROUP], { what: "the container's cgroup namespace" });
  becomeCommand(p, plan, pidfd);
  failChild(p, childFailed, brokenChild);

  p.place(parent);
  p.onFailure(failed);
  closeGroups(p, opened);
  for (const fd of new Set(plan.stdio)) if (fd !== NO_INPUT) p.call("close", [fd]);
  p.subtract(brokenChild, 0, { positive: failed });
  send(p, plan.messages, message, STARTED, pid, 0);
  const { status, broken, memory } = pump(p, plan, poll, { pid, message, tty: plan.tty });
  appendEvents(p, plan.root, "events", plan.ended, status);
  send(p, plan.messages, message, ENDED, status, broken);
  const end = p.label();
  // The root directory's stays, for people to see whose process that is.
  const kept = [...plan.sources.map(({ fd }) => fd), plan.container, plan.devNull, plan.root];
  closeOthers(p, kept.sort((a, b) => a - b));
  dropOutput(p, plan, poll, { memory, guardian: plan.container, done: end });
  p.place(end);
  p.call("exit_group", [0]);

  p.place(failed);
  send(p, plan.messages, message, FAILED, FAILED_STEP, FAILURE);
  p.call("exit_group", [1]);
  return p.assemble();
}

function failChild(p: Program, failed: Label, broken: Cell): void {
  p.place(failed);
  p.set(broken, 1);
  p.call("exit_group", [1]);
}

/** In the child, which shares memory with its parent until it executes the command. */
function becomeCommand(p: Program, plan: ExecPlan, keeper: Cell): void {
  dieWithKeeper(p, keeper);
  // The container's own /proc may be anything by now.
  if (plan.oomScore) writeFile(p, plan.oomScore.proc, "self/oom_score_adj", String(plan.oomScore.value));
  attempt(p, "keyctl", [1, /* KEYCTL_JOIN_SESSION_KEYRING */ 0]);
  p.call("umask", [0o022]);
  // In the container's cgroup, and so with its devices: what is there may be a node of any.
  takeStdio(p, plan.stdio, plan.tty, "/dev/null");
  keepOnlyStdioAnd(p, keeper);
  p.call("chdir", [p.string(plan.workingDirectory)], { what: plan.workingDirectory });
  limitResources(p, plan.rlimits);
  dropPrivileges(p, plan.identity, plan.confinement);
  // Changing credentials clears the parent-death signal (prctl(2)).
  dieWithKeeper(p, keeper);
  p.call("close", [keeper]);
  p.call("rt_sigprocmask", [2, /* SIG_SETMASK */ p.words([0]), 0, 8]);
  closeLastWalls(p, plan.confinement);
  execute(p, plan);
}
