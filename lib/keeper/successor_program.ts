// The keeper executes mydocker for work that is too much for a kernel program: in its own place, or in a
// child.

import { SHARING_CHILD } from "../../ffi/clone.ts";
import { SIG_DFL, SIG_IGN, SIG_SETMASK, SIGPIPE } from "../../ffi/constants.ts";
import type { Label, Program } from "../../ffi/program.ts";
import type { Successor } from "./plan.ts";

/** Executes the successor; goes to `failed` if that is impossible. */
export function execute(p: Program, { path, argv, environment }: Successor, failed: Label): void {
  // An unread message left a SIGPIPE pending: ignoring the signal drops it.
  for (const handler of [SIG_IGN, SIG_DFL]) {
    p.call("rt_sigaction", [SIGPIPE, p.words([handler, 0, 0, 0]), 0, 8], { negative: failed });
  }
  p.call("rt_sigprocmask", [SIG_SETMASK, p.words([0]), 0, 8]);
  p.call("execve", [p.string(path), p.strings(argv), p.strings(environment)], { negative: failed });
}

/**
 * Executes the successor in a child and continues at `next` in any case. The child has none of the keeper's
 * descriptors, and so none of its locks.
 */
export function executeInChild(p: Program, successor: Successor, next: Label, child = p.cell()): void {
  const failed = p.label();
  p.call("clone", [SHARING_CHILD, 0, 0, 0, 0], { store: child, positive: next, negative: next });
  p.call("close_range", [3, 0xffffffff, 0], { negative: failed });
  execute(p, successor, failed);
  p.place(failed);
  p.call("exit_group", [1]);
}

/** Executes the successor and waits for it, whatever its result. */
export function executeAndWait(p: Program, successor: Successor): void {
  const [started, next] = [p.label(), p.label()];
  const child = p.cell();
  executeInChild(p, successor, started, child);
  p.place(started);
  p.call("wait4", [child, 0, 0, 0], { negative: next });
  p.place(next);
}
