// One command for several containers, as docker's client does it.

import { isExpected } from "../base/error.ts";
import { print, printError } from "../base/output.ts";
import { exitCodeOf } from "./exit_code.ts";

/**
 * Does `work` for all references, at the same time unless `inTurn`, and prints what each comes to, in their
 * order, as soon as it is known; the errors after all else. Returns the exit code: the greatest of the
 * errors', or 0.
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
