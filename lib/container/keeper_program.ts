// The keeper: the process that outlives the command. It starts the container's first process, waits for it, passes
// its output on and logs it, and writes down how it ended. A kernel program like the first process's: no JavaScript,
// a few pages of memory.
//
//   mydocker ──spawn──▶ keeper ──clone──▶ init (init_program.ts) ──execve──▶ the command, PID 1
//       ▲                 │ ▲                                                    │
//       └── messages ─────┘ └──────────── stdout, stderr or pty ─────────────────┘

import * as file from "../../ffi/file.ts";
import { type Cell, FAILED_STEP, FAILURE, type Label, newProgram, type Program } from "../../ffi/program.ts";
import { type InitPlan, initProgram } from "./init_program.ts";
import { FRAME_HEADER } from "./log.ts";
import { BROKEN, ENDED, FAILED, MESSAGE_SIZE, RECORDS, STARTED } from "./report.ts";

const CLONE_VM = 0x100;
const CLONE_PIDFD = 0x1000;
const CLONE_VFORK = 0x4000;
const CLONE_NEWNS = 0x20000;
const CLONE_NEWCGROUP = 0x2000000;
const CLONE_NEWUTS = 0x4000000;
const CLONE_NEWIPC = 0x8000000;
const CLONE_NEWPID = 0x20000000;
const CLONE_NEWNET = 0x40000000;
const SIGCHLD = 17;
const POLLIN = 1;
const POLLOUT = 4;

/** Output of the container that the keeper reads: its end of a pipe, or the terminal's. */
export interface Source {
  fd: number;
  /** What the log calls it: 1 for stdout or a terminal, 2 for stderr. */
  stream: 1 | 2;
  /** Whether it goes to the caller's stream of that number, too. */
  passed: boolean;
}

/** What the keeper executes in its own place at its end. */
export interface Successor {
  path: string;
  argv: string[];
  environment: string[];
}

/** When and how the container is started again. */
export interface RestartPlan {
  /** Not after an end with exit code 0. */
  onFailure: boolean;
  /** Milliseconds to wait before, unless it has run for long. */
  delay: number;
  successor: Successor;
}

export interface KeeperPlan {
  init: Omit<InitPlan, "keeperPidfd" | "spare">;
  sources: Source[];
  /** Nobody is there whose streams could be used. */
  detached: boolean;
  logging: LogPlan;
  /** The container's directory, its log, the write end of the pipe to the command, /dev/null. */
  dir: number;
  log: number;
  messages: number;
  devNull: number;
  /** For those who attach later: the terminal, and the write end of stdin, where the keeper has them. */
  terminal?: number;
  stdin?: number;
  /** Held for as long as the keeper lives. */
  lock: number;
  /** What to execute at the end if the command that started it does not see to that. */
  finish?: Successor;
  restart?: RestartPlan;
}

/** How much goes into a log file, in bytes; how much this one still takes; and how many of them there are. */
export interface LogPlan {
  maxSize?: number;
  left: number;
  maxFiles: number;
}

/** Descriptors the keeper inherits, besides 0 to 2. */
export function keeperDescriptors(plan: KeeperPlan): number[] {
  const mounts = plan.init.mounts.flatMap(({ source }) => "fd" in source ? [source.fd] : []);
  const all = [
    ...[plan.init.rootfs, plan.init.devpts, ...plan.init.stdio, ...mounts],
    ...keptDescriptors(plan),
  ];
  return [...new Set(all)].filter((fd) => fd > 2).sort((a, b) => a - b);
}

/** The whole program, init's part included. */
export function keeperProgram(plan: KeeperPlan) {
  const p = newProgram();
  const failed = p.label();
  const initFailed = p.label();
  const brokenInit = p.cell();
  const pid = p.cell();
  const self = p.cell();
  const message = p.words([0, 0, 0]);
  p.onFailure(failed);
  p.call("prctl", [15, /* PR_SET_NAME */ p.string("mydocker-keeper"), 0, 0, 0]);
  closeOthers(p, keeperDescriptors(plan));
  if (plan.detached) takeNothing(p, plan);
  const poll = pollTable(p, plan);
  p.call("getpid", [], { store: self });
  const parent = cloneInit(p, plan, { self, pid, pidfd: poll.init, failed: initFailed, broken: brokenInit });
  p.onFailure(failed);

  p.place(parent);
  for (const fd of descriptorsOfInitOnly(plan)) p.call("close", [fd]);
  p.subtract(brokenInit, 0, { positive: failed });
  const started = recordStart(p, plan, pid, self).seconds;
  send(p, plan.messages, message, STARTED, pid, 0);
  pump(p, plan, poll, { pid, message, started });

  p.place(failed);
  const unlocked = p.label();
  p.call("close", [plan.lock], { negative: unlocked });
  p.place(unlocked);
  send(p, plan.messages, message, FAILED, FAILED_STEP, FAILURE);
  p.call("exit_group", [1]);
  return p.assemble();
}

/** Gives up the standard streams, which somebody may wait for the end of. */
function takeNothing(p: Program, plan: KeeperPlan): void {
  for (const fd of [0, 1, 2]) p.call("dup3", [plan.devNull, fd, 0]);
}

/** Closes what the caller happened to have open: the gaps between the descriptors that are meant. */
function closeOthers(p: Program, fds: number[]): void {
  let first = 3;
  for (const fd of [...fds, 0xffffffff]) {
    if (fd > first) p.call("close_range", [first, fd === 0xffffffff ? fd : fd - 1, 0]);
    first = fd + 1;
  }
}

/** Those it keeps once init runs. */
function keptDescriptors(plan: KeeperPlan): number[] {
  const { dir, log, messages, devNull, lock, stdin } = plan;
  const sources = plan.sources.map(({ fd }) => fd);
  return [...sources, dir, log, messages, devNull, lock, ...stdin === undefined ? [] : [stdin]];
}

function descriptorsOfInitOnly(plan: KeeperPlan): number[] {
  const kept = keptDescriptors(plan);
  return keeperDescriptors(plan).filter((fd) => !kept.includes(fd));
}

/** struct pollfd[]: the sources, init's pidfd, the pipe to the command (whose closed end is an error, never input). */
interface PollTable {
  address: number;
  count: number;
  init: number;
  entry(index: number): Cell;
  messages: Cell;
}

const POLLFD_SIZE = 8;
/** A struct pollfd that poll(2) skips: descriptor -1, POLLIN. */
const NO_POLLFD = 2 ** 32 + 0xffffffff;

function pollTable(p: Program, plan: KeeperPlan): PollTable {
  const sources = plan.sources.flatMap(({ fd }) => [fd, POLLIN]);
  const address = p.ints([...sources, -1, POLLIN, plan.messages, 0]);
  const entry = (index: number) => ({ address: address + POLLFD_SIZE * index });
  const count = plan.sources.length + 2;
  return { address, count, entry, init: entry(count - 2).address, messages: entry(count - 1) };
}

/** Clones init and has it run its program; returns where the keeper goes on once init executed or failed. */
function cloneInit(
  p: Program,
  plan: KeeperPlan,
  cells: { self: Cell; pid: Cell; pidfd: number; failed: Label; broken: Cell },
): Label {
  const keeperPidfd = p.cell();
  p.call("pidfd_open", [cells.self, 0], { store: keeperPidfd });
  const namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;
  const network = plan.init.ownNetwork ? CLONE_NEWNET : 0;
  // Sharing memory and waiting (vfork) tells how init's set-up went without another pipe.
  const flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | namespaces | network;
  const parent = p.label();
  p.call("clone", [flags, 0, cells.pidfd, 0, 0], { store: cells.pid, positive: parent, what: "namespaces" });
  p.onFailure(cells.failed);
  // Far above what the keeper opens itself.
  const spare = Math.max(...keeperDescriptors(plan)) + 16;
  initProgram(p, { ...plan.init, keeperPidfd, spare });
  p.place(cells.failed);
  p.set(cells.broken, 1);
  p.call("exit_group", [1]);
  return parent;
}

/** Writes a message; nobody may be there to read it. */
function send(
  p: Program,
  pipe: number,
  message: number,
  kind: number,
  first: Cell,
  second: Cell | number,
): void {
  const next = p.label();
  p.set({ address: message }, kind);
  p.set({ address: message + 8 }, first);
  p.set({ address: message + 16 }, second);
  p.call("write", [pipe, message, MESSAGE_SIZE], { negative: next });
  p.place(next);
}

/** Where a record's value is, and its time's seconds. */
interface RecordCells {
  address: number;
  seconds: Cell;
  size: number;
}

/** A record (report.ts) in memory: a value, the time now, and more. */
function makeRecord(p: Program, [value, ...more]: (Cell | number)[]): RecordCells {
  const address = p.words([0, 0, 0, ...more.map((word) => typeof word === "number" ? word : 0)]);
  p.set({ address }, value);
  more.forEach((word, index) => {
    if (typeof word !== "number") p.set({ address: address + MESSAGE_SIZE + 8 * index }, word);
  });
  p.call("clock_gettime", [0, /* CLOCK_REALTIME */ address + 8]);
  return { address, seconds: { address: address + 8 }, size: MESSAGE_SIZE + 8 * more.length };
}

/** That it runs; and that it has not ended yet, which must not be seen without the other. */
function recordStart(p: Program, plan: KeeperPlan, pid: Cell, self: Cell): RecordCells {
  const none = p.words([0, 0, 0]);
  const record = makeRecord(p, [pid, self, plan.terminal ?? -1, plan.stdin ?? -1]);
  // struct iovec[2]
  const both = p.words([none, MESSAGE_SIZE, record.address, record.size]);
  p.call("pwritev", [plan.lock, both, 2, RECORDS.end, 0], { what: "start record" });
  return record;
}

/** How it ended. */
function recordEnd(p: Program, plan: KeeperPlan, status: Cell): RecordCells {
  const next = p.label();
  const record = makeRecord(p, [status]);
  p.call("pwrite64", [plan.lock, record.address, record.size, RECORDS.end], { negative: next });
  p.place(next);
  return record;
}

/** Memory that passing output on needs. */
interface PumpMemory {
  buffer: number;
  /** One struct pollfd to ask about, and no time to wait. */
  probe: Cell;
  now: number;
  /** What the last write to the caller came to; and the negated errno once one failed for good. */
  result: Cell;
  broken: Cell;
  logLeft: Cell;
  /** Room for a message, and the first process's pid to put there. */
  message: number;
  pid: Cell;
}

const BUFFER_SIZE = 32768;

/** Until init has ended: waits for output and passes it on. Then what is left of it, the exit record, and the end. */
function pump(
  p: Program,
  plan: KeeperPlan,
  poll: PollTable,
  { pid, message, started }: { pid: Cell; message: number; started: Cell },
): void {
  const memory: PumpMemory = {
    buffer: p.reserve(BUFFER_SIZE),
    probe: p.cell(),
    now: p.words([0, 0]),
    ...{ result: p.cell(), broken: p.cell() },
    logLeft: p.cell(plan.logging.left),
    ...{ message, pid },
  };
  const status = p.cell();
  const wait = p.label();
  const ended = p.label();
  p.place(wait);
  const woken = p.label();
  p.call("ppoll", [poll.address, poll.count, 0, 0, 8], { negative: woken });
  p.place(woken);
  plan.sources.forEach((source, index) => {
    const next = p.label();
    pass(p, plan, source, poll.entry(index), memory, next);
    p.place(next);
  });
  letCallerGo(p, plan, poll, memory);
  const WNOHANG = 1;
  p.call("wait4", [pid, status.address, WNOHANG, 0], { zero: wait, positive: ended, negative: ended });

  p.place(ended);
  plan.sources.forEach((source, index) => {
    const more = p.label();
    const done = p.label();
    p.place(more);
    pass(p, plan, source, poll.entry(index), memory, done);
    p.goto(more);
    p.place(done);
  });
  const exited = recordEnd(p, plan, status).seconds;
  const over = p.label();
  if (plan.restart) {
    startAgain(p, plan, plan.restart, { status, broken: memory.broken, message, started, exited, over });
  }
  p.place(over);
  // Before the word is out: whoever hears it may at once remove or start the container.
  p.call("close", [plan.lock]);
  send(p, plan.messages, message, ENDED, status, memory.broken);
  if (plan.finish) finish(p, plan, poll, memory, plan.finish);
  p.call("exit_group", [0]);
}

/** Seconds after which a container is taken to have run well. */
const LONG_RUN = 10;
const FIRST_DELAY_MS = 100;

/**
 * By its restart policy the container is started again, after a while in which the keeper keeps it and nothing else:
 * mydocker takes the keeper's place for that, and inherits the lock. To `over` where it shall not.
 */
function startAgain(
  p: Program,
  plan: KeeperPlan,
  { onFailure, delay, successor }: RestartPlan,
  cells: { status: Cell; broken: Cell; message: number; started: Cell; exited: Cell; over: Label },
): void {
  const [wanted, short, rested] = [p.label(), p.label(), p.label()];
  const marker = p.cell();
  if (onFailure) p.subtract(cells.status, 0, { zero: cells.over });
  p.call("openat", [plan.dir, p.string("stopped"), file.O_PATH | file.O_CLOEXEC, 0], {
    store: marker,
    negative: wanted,
    positive: cells.over,
    zero: cells.over,
  });
  p.place(wanted);
  send(p, plan.messages, cells.message, ENDED, cells.status, cells.broken);
  takeNothing(p, plan);
  // All it has open, the caller's pipe and the container's streams among them.
  if (plan.lock > 3) p.call("close_range", [3, plan.lock - 1, 0]);
  p.call("close_range", [plan.lock + 1, 0xffffffff, 0]);
  const pause = (milliseconds: number) =>
    p.words([Math.floor(milliseconds / 1000), milliseconds % 1000 * 1e6]);
  const ran = p.cell();
  p.subtract(cells.exited, cells.started, { store: ran });
  p.subtract(ran, LONG_RUN, { negative: short });
  p.call("ppoll", [0, 0, pause(FIRST_DELAY_MS), 0, 8], { zero: rested, negative: rested });
  p.place(short);
  p.call("ppoll", [0, 0, pause(delay), 0, 8], { zero: rested, negative: rested });
  p.place(rested);
  execute(p, successor, cells.over);
}

/** Executes the successor; to `failed` where that can't be. */
function execute(p: Program, { path, argv, environment }: Successor, failed: Label): void {
  // A message nobody read left a SIGPIPE pending: ignoring it drops it.
  for (const handler of [1, /* SIG_IGN */ 0 /* SIG_DFL */]) {
    p.call("rt_sigaction", [13, /* SIGPIPE */ p.words([handler, 0, 0, 0]), 0, 8], { negative: failed });
  }
  p.call("rt_sigprocmask", [2, /* SIG_SETMASK */ p.words([0]), 0, 8]);
  p.call("execve", [p.string(path), p.strings(argv), p.strings(environment)], { negative: failed });
}

/** Where nobody is left to clean up after the container, mydocker is started again for that, in the keeper's place. */
function finish(
  p: Program,
  plan: KeeperPlan,
  poll: PollTable,
  memory: PumpMemory,
  successor: Successor,
): void {
  const attended = p.label();
  if (!plan.detached) {
    const alone = p.label();
    letCallerGo(p, plan, poll, memory);
    p.subtract(poll.messages, NO_POLLFD, { zero: alone, positive: attended, negative: attended });
    p.place(alone);
  }
  execute(p, successor, attended);
  p.place(attended);
}

/** Asks whether a descriptor has something without waiting; goes on if so, to `nothing` if not. */
function probe(p: Program, memory: PumpMemory, fd: Cell, nothing: Label): void {
  p.set(memory.probe, fd);
  p.call("ppoll", [memory.probe.address, 1, memory.now, 0, 8], { zero: nothing, negative: nothing });
}

/** Passes one buffer of output on to the log and the caller, if there is any; else to `nothing`. */
function pass(
  p: Program,
  plan: KeeperPlan,
  source: Source,
  entry: Cell,
  memory: PumpMemory,
  nothing: Label,
): void {
  const stop = p.label();
  const length = p.cell();
  probe(p, memory, entry, nothing);
  p.call("read", [source.fd, memory.buffer, BUFFER_SIZE], { store: length, negative: stop, zero: stop });
  log(p, plan, source, memory, length);
  const done = p.label();
  if (source.passed) {
    const broken = p.label();
    write(p, source.stream, memory.buffer, length, memory.result, done, broken);
    p.place(broken);
    p.set(memory.broken, memory.result);
    send(p, plan.messages, memory.message, BROKEN, memory.pid, 0);
  } else p.goto(done);
  // The end of the output (of a terminal: EIO), or nobody left to read it: the container's next write finds out.
  p.place(stop);
  p.set(entry, NO_POLLFD);
  p.call("close", [source.fd]);
  p.goto(nothing);
  p.place(done);
}

/** Writes all of it, also where the caller's descriptor is a non-blocking one. */
function write(
  p: Program,
  fd: number,
  buffer: number,
  length: Cell,
  result: Cell,
  done: Label,
  broken: Label,
): void {
  const [from, left, negated] = [p.cell(), p.cell(), p.cell()];
  const [again, failed, wait] = [p.label(), p.label(), p.label()];
  const advanced = p.label();
  p.set(from, buffer);
  p.set(left, length);
  p.place(again);
  p.call("write", [fd, from, left], { store: result, negative: failed });
  p.subtract(0, result, { store: negated, negative: advanced });
  p.place(advanced);
  p.subtract(from, negated, { store: from });
  p.subtract(left, result, { store: left, zero: done, positive: again });
  p.place(failed);
  p.subtract(result, -11, /* EAGAIN */ { zero: wait, negative: broken, positive: broken });
  p.place(wait);
  p.call("ppoll", [p.ints([fd, POLLOUT]), 1, 0, 0, 8], { positive: again, zero: again, negative: again });
}

/** One frame (log.ts) in one write, so that what is in the file is whole frames; a full disk loses frames, no more. */
function log(p: Program, plan: KeeperPlan, source: Source, memory: PumpMemory, length: Cell): void {
  const header = p.words([0, 0, source.stream, 0]);
  // struct iovec[2]
  const vector = p.words([header, FRAME_HEADER, memory.buffer, 0]);
  const next = p.label();
  p.call("clock_gettime", [0, /* CLOCK_REALTIME */ header]);
  p.set({ address: header + 24 }, length);
  p.set({ address: vector + 24 }, length);
  p.call("writev", [plan.log, vector, 2], { negative: next });
  const { maxSize, maxFiles } = plan.logging;
  if (maxSize !== undefined) {
    p.subtract(memory.logLeft, FRAME_HEADER, { store: memory.logLeft });
    p.subtract(memory.logLeft, length, { store: memory.logLeft, positive: next, zero: next });
    rotateLog(p, plan, memory, maxSize, maxFiles);
  }
  p.place(next);
}

/** The full file becomes log.1, that log.2 and so on; the last is dropped, and a new one takes its descriptor. */
function rotateLog(
  p: Program,
  plan: KeeperPlan,
  memory: PumpMemory,
  maxSize: number,
  maxFiles: number,
): void {
  const done = p.label();
  const fd = p.cell();
  const name = p.string("log");
  const flags = file.O_WRONLY | file.O_CREAT | file.O_APPEND | file.O_CLOEXEC;
  p.set(memory.logLeft, maxSize);
  for (let number = maxFiles - 1; number > 0; number--) {
    const next = p.label();
    const from = number > 1 ? p.string(`log.${number - 1}`) : name;
    p.call("renameat2", [plan.dir, from, plan.dir, p.string(`log.${number}`), 0], { negative: next });
    p.place(next);
  }
  if (maxFiles === 1) p.call("unlinkat", [plan.dir, name, 0], { negative: done });
  p.call("openat", [plan.dir, name, flags, 0o600], { store: fd, negative: done });
  p.call("dup3", [fd, plan.log, file.O_CLOEXEC], { negative: done });
  p.call("close", [fd], { negative: done });
  p.place(done);
}

/** Once the command is gone, its streams are given up: whoever reads them must see their end. */
function letCallerGo(p: Program, plan: KeeperPlan, poll: PollTable, memory: PumpMemory): void {
  const present = p.label();
  probe(p, memory, poll.messages, present);
  for (const fd of [0, 1, 2]) p.call("dup3", [plan.devNull, fd, 0], { negative: present });
  p.set(poll.messages, NO_POLLFD);
  p.place(present);
}
