// Maps failures to docker's exit codes.

import { Failure, type FailureKind } from "../base/error.ts";

/** The exit codes of a command that differ from those below. "failed" also covers errors of other classes. */
export type ExitCodes = Partial<Record<FailureKind, number>>;

/** Added to a signal's number, as by shells. */
const BY_SIGNAL = 128;

const EXIT_CODES: Record<Exclude<FailureKind, "interrupted">, number> = {
  "refused": 125,
  "failed": 1,
  "misused": 1,
  "not found": 127,
  "not executable": 126,
  "timed out": 124, // GNU timeout's
  "not ready": 1,
  "no terminal": 1,
  "output lost": 1,
  "killed": 137,
  "template": 64,
};

/** For `run` and `create`, where other codes are those of the container or its command. */
export const CONTAINER_EXITS: ExitCodes = { "failed": 125, "interrupted": 125 };

/** For `start`, which never returns the code of the container's command. */
export const START_EXITS: ExitCodes = { "not found": 1, "not executable": 1, "interrupted": 1 };

/** The exit code of a command that ends with `error`; `exits` are the command's own codes. */
export function exitCodeOf(error: unknown, exits: ExitCodes = {}): number {
  const kind = error instanceof Failure ? error.kind : "failed";
  const own = exits[kind];
  if (own !== undefined) return own;
  return kind === "interrupted" ? BY_SIGNAL + (error as Failure).signal! : EXIT_CODES[kind];
}
