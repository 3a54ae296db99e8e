// Runs one command for several containers, as docker's client does.

import { isExpected } from "../base/error.ts";
import { print, printError } from "../base/output.ts";
import { exitCodeOf } from "./exit_code.ts";

/**
 * Calls `work` for all references, concurrently unless `inTurn`. Prints each result as soon as all before it
 * are known, and the errors at the end. Returns the exit code: the greatest of the errors', or 0.
 */
export async function several(
  references: string[],
  work: (reference: string) => string | Promise<string>,
  inTurn = false,
): Promise<number> {
  const failed: Error[] = [];
  const begin = (reference: string) =>
    Promise.resolve(reference).then(work).then((result) => ({ result }), (error: unknown) => ({ error }));
  const begun = inTurn ? [] : references.map(begin);
  for (const [index, reference] of references.entries()) {
    const outcome = await (begun[index] ?? begin(reference));
    if ("result" in outcome) print(`${outcome.result}\n`);
    else if (isExpected(outcome.error)) failed.push(outcome.error);
    else throw outcome.error;
  }
  for (const { message } of failed) printError(`mydocker: ${message}\n`);
  return Math.max(0, ...failed.map((error) => exitCodeOf(error)));
}
