// A command in a running container. A helper has it set up, passes its output on and waits for it. It is a
// kernel program like the keeper's (keeper_program.ts), without a log and without records; cross_program.ts
// explains the three processes.

import { type Cell, FAILED_STEP, FAILURE, newProgram, type Program } from "../../ffi/program.ts";
import { cloneInto, closeGroups, enterGroups, openGroups } from "./cgroup_program.ts";
import {
  adopt,
  awaitExecution,
  cross,
  type Crossing,
  openCrossing,
  REPORT,
  reportFailure,
} from "./cross_program.ts";
import { enterDirectory, openNothing, openProc } from "./directory_program.ts";
import { appendEvents, type FramedName } from "./event_program.ts";
import {
  beginSession,
  beginSessionInside,
  dieWithKeeper,
  dropPrivileges,
  executeConfined,
  keepOnlyStdioAnd,
  leaveKeyring,
  takeStdio,
} from "./init_program.ts";
import { closeOthers, introduce, NAMESPACES, takeNothing } from "./steps.ts";
import { limitProcesses, limitResourcesOfNext, type Rlimit, writeFile } from "./limit_program.ts";
import { pollTable } from "./poll_program.ts";
import { dropOutput, pump } from "./pump_program.ts";
import { ENDED, FAILED, STARTED } from "./report.ts";
import { type PumpPlan, send } from "./source_program.ts";
import { type Confinement, type Identity, NO_INPUT } from "./plan.ts";
import type { Group } from "../cgroup/types.ts";

export interface ExecPlan extends PumpPlan {
  /** A pidfd of the container's first process, which has the namespaces. */
  container: number;
  /** The container's cgroup, as far as it has one. */
  groups: Group[];
  /** Descriptors that become 0, 1 and 2. */
  stdio: [number, number, number];
  tty: boolean;
  identity: Identity;
  confinement: Confinement;
  rlimits: Rlimit[];
  /** The container's value. */
  oomScoreAdj?: number;
  workingDirectory: string;
  argv: string[];
  environment: string[];
  /** mydocker's root directory, and the frames of events at the end. */
  root: number;
  ended: { frames: Uint8Array; named: FramedName };
  /** There is no caller whose streams could be used. */
  detached: boolean;
}

/** Descriptors it inherits, besides 0 to 2. */
export function execDescriptors(plan: ExecPlan): number[] {
  const sources = plan.sources.map(({ fd }) => fd);
  const all = [
    plan.container,
    plan.root,
    ...plan.stdio,
    ...sources,
    plan.messages,
    plan.devNull,
  ];
  return [...new Set(all)].filter((fd) => fd > 2).sort((a, b) => a - b);
}

/** The whole program, including the command's part. */
export function execProgram(plan: ExecPlan) {
  const p = newProgram();
  const [failed, setUpFailed, parent] = [p.label(), p.label(), p.label()];
  const [setUp, broken] = [p.cell(), p.cell()];
  const message = p.words([0, 0, 0]);
  p.onFailure(failed);
  introduce(p, "mydocker-exec");
  closeOthers(p, execDescriptors(plan));
  if (plan.detached) takeNothing(p, plan);
  const poll = pollTable(p, plan);
  const crossing = openCrossing(p);
  const { pid } = crossing;
  const opened = openGroups(p, plan.groups);
  cloneInto(p, plan.groups, opened, { namespaces: 0, pid: setUp, pidfd: poll.init, parent, what: "set-up" });
  p.onFailure(setUpFailed);
  becomeCommand(p, plan, crossing, opened);
  p.place(setUpFailed);
  p.set(broken, 1);
  p.call("exit_group", [1]);

  p.place(parent);
  p.onFailure(failed);
  closeGroups(p, opened);
  for (const fd of new Set(plan.stdio)) if (fd !== NO_INPUT) p.call("close", [fd]);
  p.subtract(broken, 0, { positive: failed });
  p.call("wait4", [setUp, 0, 0, 0]);
  p.call("close", [{ address: poll.init }]);
  adopt(p, crossing, poll.init);
  awaitExecution(p, crossing, { pid, messages: plan.messages, failed });
  send(p, plan.messages, message, STARTED, pid, 0);
  const { status, broken: outputBroken, memory } = pump(p, plan, poll, { pid, message, tty: plan.tty });
  appendEvents(p, plan.root, "events", plan.ended.frames, { status, named: plan.ended.named });
  send(p, plan.messages, message, ENDED, status, outputBroken);
  const end = p.label();
  // The root directory's descriptor stays, so that people can see whose process this is.
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

/** In the set-up process, which shares memory with the helper, and then in the command's own process. */
function becomeCommand(p: Program, plan: ExecPlan, crossing: Crossing, groups: Cell[]): void {
  const refused = p.label();
  p.call("close", [crossing.read]);
  dieWithKeeper(p, crossing.write);
  // This comes before the cgroup namespace, because from inside it the host's group and the container's are
  // unreachable.
  enterGroups(p, plan.groups, groups);
  const proc = openProc(p);
  if (plan.oomScoreAdj !== undefined) writeFile(p, proc, "self/oom_score_adj", String(plan.oomScoreAdj));
  // The mount namespace sets its own root and working directory, so no path leads to the host. This process
  // does not enter the PID namespace, where it could be seen.
  p.call("setns", [plan.container, NAMESPACES], { what: "the container's namespaces" });
  // The umask is that of mydocker, and right.
  leaveKeyring(p);
  // In the container's cgroup, and so with its devices.
  const spare = Math.max(...execDescriptors(plan)) + 32;
  takeStdio(p, plan.stdio, () => openNothing(p, proc, spare));
  keepOnlyStdioAnd(p, [crossing.write], spare + 1);
  beginSession(p, false);
  enterDirectory(p, plan.workingDirectory, { make: false });
  limitResourcesOfNext(p, plan.rlimits);
  dropPrivileges(p, plan.identity, plan.confinement);
  cross(p, crossing);
  p.onFailure(refused);
  dieWithKeeper(p, REPORT);
  limitProcesses(p, plan.rlimits);
  beginSessionInside(p, plan.tty);
  executeConfined(p, plan);
  p.place(refused);
  reportFailure(p);
}
