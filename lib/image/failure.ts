import { CommandError } from "../base/error.ts";

/** Does `work`, whose CommandErrors then end the program with `exitCode`. */
async function failingWith<T>(exitCode: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === exitCode) throw error;
    throw new CommandError(error.message, exitCode, { cause: error.cause });
  }
}

/** With 1, as docker's image commands do, where `run` with the same mistake ends with 125. */
export function failingWith1<T>(work: () => Promise<T>): Promise<T> {
  return failingWith(1, work);
}
