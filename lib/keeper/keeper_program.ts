// The keeper: the process that outlives the command. It starts the container's first process, waits for it,
// passes its output on and logs it, and records how it ended. It is a kernel program like the first process:
// no JavaScript, a few pages of memory.
//
//   mydocker ──spawn──▶ keeper ──clone──▶ init (init_program.ts) ──execve──▶ the command, PID 1
//       ▲                 │ ▲                                                    │
//       └── messages ─────┘ └──────────── stdout, stderr or pty ─────────────────┘

import { CLONE_NEWCGROUP, CLONE_NEWNET } from "../../ffi/clone.ts";
import * as file from "../../ffi/file.ts";
import { type Cell, FAILED_STEP, FAILURE, type Label, newProgram, type Program } from "../../ffi/program.ts";
import { cloneInto, closeGroups, ifOutOfMemory, openGroups, removeGroups } from "./cgroup_program.ts";
import { appendEvents, type FramedName } from "./event_program.ts";
import { adopt, awaitExecution, type Crossing, openCrossing } from "./cross_program.ts";
import { initProgram } from "./init_program.ts";
import {
  heldDescriptors,
  ifSole,
  leaveNetworks,
  lookForConnected,
  releaseClaims,
  withdrawRules,
} from "./network_steps.ts";
import { type PollTable, pollTable } from "./poll_program.ts";
import { ifAlone, pump } from "./pump_program.ts";
import { type PumpMemory, send } from "./source_program.ts";
import { recordEnd, recordStart } from "./record_program.ts";
import { ENDED, FAILED, STARTED } from "./report.ts";
import { startAgain } from "./restart_program.ts";
import type { KeeperPlan, Successor } from "./plan.ts";
import { closeOthers, introduce, NAMESPACES, takeNothing } from "./steps.ts";
import { execute, executeAndWait, executeInChild } from "./successor_program.ts";
import { RENAMED } from "../base/frames.ts";

/** Relative to a container's directory. */
const EVENTS = "../../events";

/** Descriptors the keeper inherits, besides 0 to 2. */
export function keeperDescriptors(plan: KeeperPlan): number[] {
  const { rootfs, devpts, stdio, mounts, reaper, network, networkNamespace, isolation } = plan.init;
  const all = [
    rootfs,
    devpts,
    ...stdio,
    ...mounts.map(({ fd }) => fd),
    reaper?.fd,
    network?.socket,
    networkNamespace,
    ...isolation?.descriptors ?? [],
    ...keptDescriptors(plan),
  ];
  const held = all.filter((fd) => fd !== undefined).filter((fd) => fd > 2);
  return [...new Set(held)].sort((a, b) => a - b);
}

/** The whole program, including init's part. */
export function keeperProgram(plan: KeeperPlan) {
  const p = newProgram();
  const failed = p.label();
  const initFailed = p.label();
  const brokenInit = p.cell();
  const pid = p.cell();
  const self = p.cell();
  const connected = p.cell();
  const message = p.words([0, 0, 0]);
  p.onFailure(failed);
  introduce(p, "mydocker-keeper");
  closeOthers(p, keeperDescriptors(plan));
  if (plan.detached) takeNothing(p, plan);
  const poll = pollTable(p, plan);
  p.call("getpid", [], { store: self });
  const crossing = openCrossing(p);
  const { parent, spent } = cloneInit(p, plan, {
    crossing,
    pid,
    pidfd: poll.init,
    failed: initFailed,
    broken: brokenInit,
  });

  p.place(parent);
  p.onFailure(failed);
  for (const fd of descriptorsOfInitOnly(plan)) p.call("close", [fd]);
  p.subtract(brokenInit, 0, { positive: failed });
  awaitInit(p, plan, crossing, { pid, poll, failed });
  const started = recordStart(p, plan, pid, self).seconds;
  appendEvents(p, plan.log.dir, EVENTS, plan.events.started);
  send(p, plan.messages, message, STARTED, pid, 0);
  const { tty, isolation, groups } = plan.init;
  // Before their output is read to its end.
  const endOthers = () => isolation?.end(p, groups);
  const pumped = pump(p, plan, poll, { pid, message, spent, tty, atEnd: endOthers });
  const over = p.label();
  noteOutOfMemory(p, plan);
  const exited = recordEnd(p, plan, pumped.status).seconds;
  appendEvents(p, plan.log.dir, EVENTS, plan.events.ended, { status: pumped.status, named: named(plan) });
  takeGroupsAway(p, plan);
  leave(p, plan);
  // Before the lock is released: with --rm, the directory may be removed then.
  if (plan.networks) lookForConnected(p, plan.log.dir, connected);
  if (plan.restart) startAgain(p, plan, plan.restart, { ...pumped, message, started, exited, over });
  p.place(over);
  // Before the end is reported: a process that hears of it may at once remove or start the container.
  giveBack(p, plan.lock);
  send(p, plan.messages, message, ENDED, pumped.status, pumped.broken);
  if (plan.finish) finish(p, plan, poll, pumped.memory, plan.finish);
  endKeeper(p, plan, connected, 0);

  p.place(failed);
  // Before other steps, whose failures would overwrite them.
  const [step, failure] = [p.cell(), p.cell()];
  p.set(step, FAILED_STEP);
  p.set(failure, FAILURE);
  plan.init.isolation?.end(p, plan.init.groups);
  leave(p, plan);
  giveBack(p, plan.lock);
  send(p, plan.messages, message, FAILED, step, failure);
  endKeeper(p, plan, connected, 1);
  return p.assemble();
}

/** Removes the container's groups. If the container made groups inside, mydocker has to remove them. */
function takeGroupsAway(p: Program, { init, removeGroups: successor }: KeeperPlan): void {
  const stuck = removeGroups(p, init.groups);
  if (!successor) return;
  const gone = p.label();
  p.subtract(stuck, 0, { zero: gone });
  executeAndWait(p, successor);
  p.place(gone);
}

/** Releases the container's networks. */
function leave(p: Program, { networks, log }: KeeperPlan): void {
  if (!networks) return;
  // The order matters: the rules are removed before the tracked connections, so that a packet that comes in
  // between is decided by the new rules.
  if (networks.ports) withdrawRules(p, networks.ports);
  if (networks.unpublish) executeAndWait(p, networks.unpublish);
  releaseClaims(p, { ...networks, dir: log.dir });
}

/** Ends the keeper, or executes the program that takes down networks whose last user the container was. */
function endKeeper(p: Program, { networks, devNull }: KeeperPlan, connected: Cell, code: number): void {
  const end = p.label();
  // When mydocker is executed once more in the container, it has none of the keeper's descriptors.
  p.onFailure(end);
  if (networks) {
    // Processes that wait for the end of the container's streams, or of the messages, should not wait for
    // this.
    takeNothing(p, { devNull });
    closeOthers(p, [...networks.users].sort((a, b) => a - b));
    if (networks.refresh) {
      const next = p.label();
      ifSole(p, networks.users, next);
      executeInChild(p, networks.refresh, next);
      p.place(next);
    }
    leaveNetworks(p, networks, connected, end);
    execute(p, networks.repair, end);
  }
  p.place(end);
  p.call("exit_group", [code]);
}

/**
 * Releases the lock explicitly instead of by close, because mydocker may not have closed its own descriptor
 * of it yet.
 */
function giveBack(p: Program, lock: number): void {
  const next = p.label();
  const [F_OFD_SETLK, F_UNLCK] = [37, 2];
  // struct flock: short type, whence; 64-bit start, length; pid
  p.call("fcntl", [lock, F_OFD_SETLK, p.words([F_UNLCK, 0, 0, 0])], { negative: next });
  p.place(next);
  const closed = p.label();
  p.call("close", [lock], { negative: closed });
  p.place(closed);
}

/** The descriptors that the keeper keeps once init runs. */
function keptDescriptors(plan: KeeperPlan): number[] {
  const { log, messages, devNull, lock, stdin } = plan;
  const sources = plan.sources.map(({ fd }) => fd);
  const held = plan.networks ? heldDescriptors(plan.networks) : [];
  return [
    ...sources,
    log.dir,
    log.fd,
    messages,
    devNull,
    lock,
    ...held,
    ...stdin === undefined ? [] : [stdin],
  ];
}

function descriptorsOfInitOnly(plan: KeeperPlan): number[] {
  const kept = keptDescriptors(plan);
  return keeperDescriptors(plan).filter((fd) => !kept.includes(fd));
}

/**
 * Clones init, which runs its program. Returns where the keeper continues once init has executed or failed,
 * and the steps that are then no longer needed.
 */
function cloneInit(
  p: Program,
  plan: KeeperPlan,
  cells: { crossing: Crossing; pid: Cell; pidfd: number; failed: Label; broken: Cell },
): { parent: Label; spent: [from: Label, to: Label] } {
  const { groups, ownNetwork, isolation } = plan.init;
  const shared = (ownNetwork ? 0 : CLONE_NEWNET) | (isolation?.shared ?? 0);
  // Init makes its cgroup namespace itself, once it is in its group, which becomes the root that the
  // namespace shows.
  const namespaces = NAMESPACES & ~CLONE_NEWCGROUP & ~shared;
  const [parent, init, cloned] = [p.label(), p.label(), p.label()];
  const openedGroups = openGroups(p, groups);
  // Sharing memory and waiting (vfork) shows how init's set-up went, without another pipe. No other process
  // is in its PID namespace until its start has been recorded.
  const { pid, pidfd, crossing } = cells;
  cloneInto(p, groups, openedGroups, { namespaces, pid, pidfd, parent: cloned, what: "namespaces" });
  p.place(init);
  p.onFailure(cells.failed);
  // Far above the descriptors that the keeper opens itself.
  const spare = Math.max(...keeperDescriptors(plan)) + 32;
  initProgram(p, { ...plan.init, openedGroups, crossing, spare });
  p.place(cells.failed);
  p.set(cells.broken, 1);
  p.call("exit_group", [1]);
  p.place(cloned);
  p.release(init, cloned);
  closeGroups(p, openedGroups);
  p.goto(parent);
  return { parent, spent: [init, cloned] };
}

/**
 * Where init does not execute the command itself while this process waits: waits for the process that does.
 * `pid` gets its PID.
 */
function awaitInit(
  p: Program,
  { init, messages }: KeeperPlan,
  crossing: Crossing,
  { pid, poll, failed }: { pid: Cell; poll: PollTable; failed: Label },
): void {
  if (init.isolation?.guest) {
    // The cloned process was the set-up process.
    p.call("wait4", [pid, 0, 0, 0]);
    p.call("close", [{ address: poll.init }]);
    adopt(p, crossing, poll.init);
    p.set(pid, crossing.pid);
  }
  if (init.isolation?.guest || init.reaper) awaitExecution(p, crossing, { pid, messages, failed });
  else for (const fd of [crossing.read, crossing.write]) p.call("close", [fd]);
}

/** The place of its name in the events of the end, and the file that has the name after a rename. */
function named({ log, events }: KeeperPlan): FramedName {
  return { name: events.name, dir: log.dir, path: RENAMED };
}

/**
 * Before the end is recorded, because those who see the end look for this mark. A full disk loses the mark
 * and nothing else.
 */
function noteOutOfMemory(p: Program, plan: KeeperPlan): void {
  const [killed, none, marked] = [p.label(), p.label(), p.label()];
  ifOutOfMemory(p, plan.init.groups, { killed, none });
  p.place(killed);
  const mode = file.S_IFREG | 0o600;
  p.call("mknodat", [plan.log.dir, p.string("oomkilled"), mode, 0], { negative: marked });
  p.place(marked);
  appendEvents(p, plan.log.dir, EVENTS, plan.events.outOfMemory, { named: named(plan) });
  p.place(none);
}

/**
 * Executes mydocker in the keeper's place to clean up after the container, if nobody else is left to do so.
 */
function finish(
  p: Program,
  plan: KeeperPlan,
  poll: PollTable,
  memory: PumpMemory,
  successor: Successor,
): void {
  const attended = p.label();
  if (!plan.detached) ifAlone(p, plan, poll, memory, attended);
  if (plan.networks) executeInChild(p, successor, attended); // the keeper itself has to release its networks
  else execute(p, successor, attended);
  p.place(attended);
}
