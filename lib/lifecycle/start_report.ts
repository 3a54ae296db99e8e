// Waits for the first report of the keeper, or of the helper of exec. A container can keep the helper from
// reporting, but must not keep mydocker waiting.

import { SIGKILL } from "../../ffi/constants.ts";
import { close } from "../../ffi/file.ts";
import { anyReadable, kill, openPidfd, readableWithin } from "../../ffi/process.ts";
import { Failure } from "../base/error.ts";
import { readReport, type Report } from "../keeper/report.ts";
import { askedToEnd } from "../container/signals.ts";

/** Milliseconds in which nearly every start is complete; signals wait that long. */
const USUAL = 300;
/** How long a signal waits for the start, in order to be passed on, and the interval of checks. */
const GRACE = 1000;
const INTERVAL = 100;
/** Milliseconds for a helper to end what it began. */
const FAREWELL = 2000;

/**
 * Waits for the first message of `helper`, a child of this process; undefined if it ended without one. Gives
 * up, and ends what it has begun, after a signal to end or a time limit in ms. Throws Failure then.
 */
export async function awaitReport(
  messages: number,
  helper: number,
  milliseconds = Infinity,
): Promise<Report | undefined> {
  if (readableWithin(messages, USUAL)) return readReport(messages);
  const begin = performance.now();
  let signalled: number | undefined;
  while (!await anyReadable([messages], INTERVAL)) {
    const now = performance.now();
    if (askedToEnd() !== undefined) signalled ??= now;
    if (signalled !== undefined && now - signalled > GRACE) {
      await giveUp(messages, helper);
      throw new Failure("interrupted before the command was executed", {
        kind: "interrupted",
        signal: askedToEnd(),
      });
    }
    if (now - begin > milliseconds) {
      await giveUp(messages, helper);
      throw new Failure("the command was not executed: its helper says nothing", { kind: "not executable" });
    }
  }
  return readReport(messages);
}

/** The helper ends when nobody reads its messages; if it doesn't, it is killed. */
async function giveUp(messages: number, helper: number): Promise<void> {
  close(messages);
  const pidfd = openPidfd(helper);
  if (pidfd === undefined) return;
  if (!await anyReadable([pidfd], FAREWELL)) kill(helper, SIGKILL);
  close(pidfd);
}
