// --cidfile: where scripts find the ID of the container they made.

import { CommandError } from "../cli/error.ts";

/**
 * Makes the file, so that nothing is created that could not be noted; the ID is written by writeCidfile. Throws
 * CommandError where it exists or can't be made.
 */
export function reserveCidfile(path: string): void {
  try {
    Deno.openSync(path, { createNew: true, write: true }).close();
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      throw new CommandError(
        `container ID file found, make sure the other container isn't running or delete ${path}`,
      );
    }
    const reason = error instanceof Deno.errors.NotFound ? "no such directory" : (error as Error).message;
    throw new CommandError(`can't write container ID file ${path}: ${reason}`, 125, { cause: error });
  }
}

/** Writes the ID, without a newline as docker does. */
export function writeCidfile(path: string, id: string): void {
  Deno.writeTextFileSync(path, id);
}

/** Takes an unused file away again. */
export function dropCidfile(path: string): void {
  Deno.removeSync(path);
}
