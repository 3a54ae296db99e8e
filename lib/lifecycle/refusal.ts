// Docker's exit codes for a container that does not come to run.

import { CommandError } from "../base/error.ts";

const REFUSED = 125;
/** Where it is the command that can't be executed: it is not there, or not executable. */
const NOT_EXECUTED = [127, 126];

/**
 * An error on the way to a running container, with the exit code of `run`: 127 and 126 for the command's own
 * faults, 125 for all else.
 */
export function refusal(error: unknown): unknown {
  if (!(error instanceof CommandError) || error.exitCode === REFUSED) return error;
  if (NOT_EXECUTED.includes(error.exitCode)) return error;
  return new CommandError(error.message, REFUSED, { cause: error });
}

/** Does `work`, whose failures are refusals. */
export async function refusing<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw refusal(error);
  }
}
