// The delay before a restart policy restarts a container: docker's rule.

import type { ContainerState, Restarts } from "../container/state.ts";
import type { RestartPolicy } from "../model/container.ts";

const FIRST_DELAY = 100;
const LONGEST_DELAY = 60_000;
/** Milliseconds after which a run counts as successful. */
const LONG_RUN = 10_000;

/** The next delay in ms; `delay` is the last one, or 0. */
export function nextDelay(delay: number): number {
  return delay === 0 ? FIRST_DELAY : Math.min(2 * delay, LONGEST_DELAY);
}

/**
 * Whether the policy restarts a container that ended with `exitCode`, and was restarted so many times before.
 */
export function wantsRestart(
  { name, maximumRetryCount }: RestartPolicy,
  exitCode: number,
  count: number,
): boolean {
  if (name !== "on-failure") return name !== "no";
  return exitCode !== 0 && (maximumRetryCount === 0 || count < maximumRetryCount);
}

/** The new restart.json for a restart after `state`. */
export function nextRestart(
  { count, delay }: Restarts,
  { started = 0, finished = 0 }: ContainerState,
): Restarts {
  return { count: count + 1, delay: finished - started >= LONG_RUN ? FIRST_DELAY : nextDelay(delay) };
}
