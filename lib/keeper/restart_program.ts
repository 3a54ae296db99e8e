// Restarts a container by its restart policy: the keeper becomes mydocker.

import * as file from "../../ffi/file.ts";
import type { Cell, Label, Program } from "../../ffi/program.ts";
import type { KeeperPlan, RestartPlan } from "./plan.ts";
import { ENDED } from "./report.ts";
import { send } from "./source_program.ts";
import { takeNothing } from "./steps.ts";
import { execute } from "./successor_program.ts";

/** Seconds after which a run counts as successful. */
const LONG_RUN = 10;
/** Milliseconds of delay after such a run, as after the first one. */
const FIRST_DELAY_MS = 100;

/**
 * Restarts the container by its restart policy, after a delay in which the keeper holds it and nothing else.
 * Then mydocker takes the keeper's place, and inherits the lock. Goes to `over` if there is no restart.
 */
export function startAgain(
  p: Program,
  plan: KeeperPlan,
  { when, delay, successor }: RestartPlan,
  cells: { status: Cell; broken: Cell; message: number; started: Cell; exited: Cell; over: Label },
): void {
  const [notStopped, wanted, short, rested] = [p.label(), p.label(), p.label(), p.label()];
  const open = (marker: string, there: Label, missing: Label) =>
    p.call("openat", [plan.log.dir, p.string(marker), file.O_PATH | file.O_CLOEXEC, 0], {
      negative: missing,
      positive: there,
      zero: there,
    });
  open("stopped", cells.over, notStopped);
  p.place(notStopped);
  const asPlanned = p.label();
  // mydocker then reads the present policy, and may not restart the container.
  open("updated", wanted, asPlanned);
  p.place(asPlanned);
  if (when === "if updated") p.goto(cells.over);
  if (when === "on failure") p.subtract(cells.status, 0, { zero: cells.over });
  p.place(wanted);
  send(p, plan.messages, cells.message, ENDED, cells.status, cells.broken);
  takeNothing(p, plan);
  // All other descriptors, among them the caller's pipe and the container's streams.
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
