// From what failed to the exit code: the one place that knows docker's.

import { Failure, type FailureKind } from "../base/error.ts";

/**
 * Exit codes of a command that are not the ones below; "failed" is that of errors of any other class, too.
 */
export type ExitCodes = Partial<Record<FailureKind, number>>;

/** Added to a signal's number, as shells do. */
const BY_SIGNAL = 128;

const EXIT_CODES: Record<Exclude<FailureKind, "interrupted">, number> = {
  "refused": 125,
  "failed": 1,
  "not found": 127,
  "not executable": 126,
  "timed out": 124, // GNU timeout's
  "not ready": 1,
  "no terminal": 1,
  "output lost": 1,
  "killed": 137,
  "template": 64,
};

/** Of `run` and `create`, where other codes belong to the container, or to its command. */
export const CONTAINER_EXITS: ExitCodes = { "failed": 125, "interrupted": 125 };

/** Of `start`, which never answers for the container's command. */
export const START_EXITS: ExitCodes = {
  ...{ "not found": 1, "not executable": 1, "interrupted": 1 },
};

/** The exit code of a command that ends with `error`; `exits` are the command's own. */
export function exitCodeOf(error: unknown, exits: ExitCodes = {}): number {
  const kind = error instanceof Failure ? error.kind : "failed";
  const own = exits[kind];
  if (own !== undefined) return own;
  return kind === "interrupted" ? BY_SIGNAL + (error as Failure).signal! : EXIT_CODES[kind];
}
