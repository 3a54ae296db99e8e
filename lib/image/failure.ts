import { CommandError } from "../cli/error.ts";

/**
 * Does `work`, whose CommandErrors then end the program with 1: as docker's image commands do, where `run` with the
 * same mistake ends with 125.
 */
export async function failingWith1<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === 1) throw error;
    throw new CommandError(error.message, 1, { cause: error.cause });
  }
}
