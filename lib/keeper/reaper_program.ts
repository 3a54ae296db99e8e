// --init: the program of PID 1 while the command runs as its child. It is a kernel program in an executable
// of its own. It passes signals on to the command, reaps orphaned processes, and ends with the command's exit
// code.

import { PR_SET_NAME, SIGCHLD } from "../../ffi/constants.ts";
import { COMMAND_PIDFD } from "./cross_program.ts";
import { executable } from "../../ffi/elf.ts";
import { newProgram, type Program } from "../../ffi/program.ts";

/** The command's PID: it is the first child in its PID namespace. */
const COMMAND = 2;
const ALL_SIGNALS = -1;

/** struct siginfo of SIGCHLD, as waitid(2) fills it: 32-bit fields; those in between stay zero. */
const SIGINFO = { size: 128, code: 8, beforePid: 12, status: 24 };
const CLD_EXITED = 1;

/** The arguments of PID 1, as docker's init has them. */
export function reaperArguments(argv: string[]): string[] {
  return ["/sbin/docker-init", "--", ...argv];
}

/**
 * Descriptor of a sealed memfd that is executed with all signals blocked, so that none is lost. Without a PID
 * namespace of its own (`guest`), it expects COMMAND_PIDFD and reaps nobody else.
 */
export function reaperExecutable(guest: boolean): number {
  const p = newProgram();
  const failed = p.label();
  p.onFailure(failed);
  p.call("prctl", [PR_SET_NAME, p.string("docker-init"), 0, 0, 0]);
  passSignals(p, guest);
  p.place(failed);
  p.call("exit_group", [1]);
  return executable(p.assemble());
}

function passSignals(p: Program, guest: boolean): void {
  const [wait, pass, reap] = [p.label(), p.label(), p.label()];
  const signal = p.cell();
  p.place(wait);
  // Negative: EINTR, after a stop and SIGCONT.
  p.call("rt_sigtimedwait", [p.words([ALL_SIGNALS]), 0, 0, 8], { store: signal, negative: wait });
  p.subtract(signal, SIGCHLD, { zero: reap, negative: pass });
  p.place(pass);
  const to = { negative: wait, zero: wait };
  if (guest) p.call("pidfd_send_signal", [COMMAND_PIDFD, signal, 0, 0], to);
  else p.call("kill", [COMMAND, signal], to);
  p.place(reap);
  reapAll(p, guest);
  p.goto(wait);
}

/** One SIGCHLD may stand for several ends. The command's end is the container's. */
function reapAll(p: Program, guest: boolean): void {
  const [P_ALL, WNOHANG, WEXITED] = [0, 1, 4];
  const [next, ended, none, killed] = [p.label(), p.label(), p.label(), p.label()];
  const info = p.reserve(SIGINFO.size);
  const pid = { address: info + SIGINFO.beforePid }; // in the upper half; the lower one is padding
  const status = { address: info + SIGINFO.status };
  p.place(next);
  p.call("waitid", [P_ALL, 0, info, WEXITED | WNOHANG, 0], { negative: none });
  p.subtract(pid, 0, { zero: none });
  if (!guest) p.subtract(pid, COMMAND * 2 ** 32, { zero: ended, positive: next, negative: next });

  p.place(ended);
  p.subtract({ address: info + SIGINFO.code }, CLD_EXITED, { positive: killed });
  p.call("exit_group", [status]);
  p.place(killed);
  // Like a shell: 128 plus the signal.
  p.subtract(status, -128, { store: status });
  p.call("exit_group", [status]);
  p.place(none);
}
