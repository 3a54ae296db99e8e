// How long a container waits before its restart policy starts it again: docker's rule.

import type { ContainerState, Restarts } from "../container/state.ts";
import type { RestartPolicy } from "../model/container.ts";

const FIRST_DELAY = 100;
const LONGEST_DELAY = 60_000;
/** Milliseconds after which a container is taken to have run well. */
const LONG_RUN = 10_000;

/** Milliseconds to wait before the next start, where the last one waited `delay`, or 0 if there was none. */
export function nextDelay(delay: number): number {
  return delay === 0 ? FIRST_DELAY : Math.min(2 * delay, LONGEST_DELAY);
}

/**
 * Whether a policy has a container started again that ended with `exitCode`, and has been so many times
 * before.
 */
export function wantsRestart(
  { name, maximumRetryCount }: RestartPolicy,
  exitCode: number,
  count: number,
): boolean {
  if (name !== "on-failure") return name !== "no";
  return exitCode !== 0 && (maximumRetryCount === 0 || count < maximumRetryCount);
}

/** What restart.json becomes when it is started again after it ended in `state`. */
export function nextRestart(
  { count, delay }: Restarts,
  { started = 0, finished = 0 }: ContainerState,
): Restarts {
  return { count: count + 1, delay: finished - started >= LONG_RUN ? FIRST_DELAY : nextDelay(delay) };
}
