// Waits until a container is ready: its log has a text, a port is listened on, or it has ended.

import { now } from "../../ffi/clock.ts";
import { close } from "../../ffi/file.ts";
import { anyReadable } from "../../ffi/process.ts";
import { Failure } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";
import { followLog } from "../log/follow.ts";
import { logBeginning, presentEnd, readFrames } from "../log/frames.ts";
import { tailStart } from "../log/tail.ts";
import {
  closeLockFile,
  type LockFile,
  nextChange,
  openLockFile,
  processOf,
  recordsIn,
} from "../container/process.ts";
import { exitCode } from "../keeper/report.ts";
import { listensOn } from "./sockets.ts";
import { UNKNOWN_END } from "../container/state.ts";
import { textSearch } from "../log/text_search.ts";
import { waitForExit } from "./wait.ts";
import type { Container } from "../model/container.ts";
import type { Readiness } from "../model/readiness.ts";
import type { Time } from "../../ffi/time.ts";

/** How often to check the ports, in ms. */
const PORT_INTERVAL = 20;
/** How many lines of the log an error shows. */
const HINT_LINES = 5;

/**
 * Waits until the container is ready, counted from its present start; if its restart policy restarts it, from
 * each of these. Returns its exit code if its end was awaited. Throws Failure if the time is up, or the
 * container has ended before.
 */
export async function waitFor(
  container: Container,
  { what, seconds }: Readiness,
): Promise<number | undefined> {
  const milliseconds = 1000 * seconds;
  if (what.kind === "exit") {
    const code = await waitForExit(container, milliseconds);
    if (code === undefined) throw timedOut(container, what, seconds);
    return code;
  }
  const lockFile = openLockFile(container);
  if (!lockFile) throw new Failure(`No such container: ${container.config.name}`, { kind: "not ready" });
  try {
    const deadline = performance.now() + milliseconds;
    const left = () => deadline - performance.now();
    while (recordsIn(lockFile).kept && !recordsIn(lockFile).start && left() > 0) {
      await nextChange(lockFile, left());
    }
    const isReady = what.kind === "port"
      ? await portOpens(container, lockFile, what.port, deadline)
      : await textAppears(container, lockFile, what.text, left());
    if (!isReady) {
      throw recordsIn(lockFile).kept
        ? timedOut(container, what, seconds)
        : endedBefore(container, lockFile, what);
    }
  } finally {
    closeLockFile(lockFile);
  }
}

function timedOut({ config: { name } }: Container, what: Readiness["what"], seconds: number): Failure {
  return new Failure(`gave up on ${name} after ${seconds} s: ${missing(what)}`, { kind: "timed out" });
}

function missing(what: Readiness["what"]): string {
  if (what.kind === "exit") return "it has not ended";
  return what.kind === "port"
    ? `nothing listens on TCP port ${what.port}`
    : `no ${goQuote(what.text)} in its log`;
}

/** Returns false if the time is up, or the container has ended and will not be restarted. */
async function portOpens(
  container: Container,
  lockFile: LockFile,
  port: number,
  deadline: number,
): Promise<boolean> {
  for (
    let wait = PORT_INTERVAL;
    recordsIn(lockFile).kept;
    wait = Math.min(PORT_INTERVAL, deadline - performance.now())
  ) {
    if (wait <= 0) return false;
    const pid = recordsIn(lockFile).start?.pid;
    const first = processOf(container);
    if (first === undefined || pid === undefined) {
      await nextChange(lockFile, wait);
      continue;
    }
    try {
      // Checked again afterwards, because the PID might have been reused.
      if (listensOn(pid, port) && !await anyReadable([first], 0)) return true;
      await anyReadable([first], wait);
    } finally {
      close(first);
    }
  }
  return false;
}

/** Like portOpens, for a text. */
async function textAppears(
  container: Container,
  lockFile: LockFile,
  text: string,
  milliseconds: number,
): Promise<boolean> {
  const isThere = textSearch(text);
  const position = logBeginning(container);
  const until = milliseconds === Infinity ? undefined : after(now(), milliseconds);
  const since = currentStart(lockFile);
  try {
    for await (const frame of followLog(container, position, until)) {
      if (millisecondsOf(frame) >= since && isThere(frame)) return true;
    }
    return false;
  } finally {
    if (position.file) close(position.file.fd);
  }
}

/** Start time in ms since 1970; for a container that is about to be restarted, the time of its last end. */
function currentStart(lockFile: LockFile): number {
  const { kept, start, end } = recordsIn(lockFile);
  return (kept ? end : undefined)?.time ?? start?.time ?? 0;
}

function millisecondsOf({ seconds, nanoseconds }: Time): number {
  return seconds * 1000 + nanoseconds / 1e6;
}

function after({ seconds, nanoseconds }: Time, milliseconds: number): Time {
  const whole = Math.floor(milliseconds / 1000);
  const sum = nanoseconds + Math.floor((milliseconds - 1000 * whole) * 1e6);
  return { seconds: seconds + whole + Math.floor(sum / 1e9), nanoseconds: sum % 1e9 };
}

/** The error quotes the last lines of the log, which mostly say why. */
function endedBefore(container: Container, lockFile: LockFile, what: Readiness["what"]): Failure {
  const { start, end } = recordsIn(lockFile);
  const name = container.config.name;
  if (!start) return new Failure(`${name} is not running, and ${missing(what)}`, { kind: "not ready" });
  const code = end ? exitCode(end.status) : UNKNOWN_END;
  const lines = lastLines(container, start.time);
  const hint = lines.length > 0 ? `; its last words:\n  ${lines.join("\n  ")}` : "; its log is empty";
  return new Failure(`${name} ended with exit code ${code}, and ${missing(what)}${hint}`, {
    kind: "not ready",
  });
}

function lastLines(container: Container, since: number): string[] {
  const begin = logBeginning(container);
  const { position } = tailStart(container, HINT_LINES, presentEnd(begin), true);
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (const frame of readFrames(position)) {
      if (millisecondsOf(frame) >= since) text += decoder.decode(frame.data, { stream: true });
    }
  } finally {
    if (position.file) close(position.file.fd);
  }
  return text.replace(/\r?\n$/, "").split(/\r?\n/).filter((line) => line !== "").slice(-HINT_LINES);
}
