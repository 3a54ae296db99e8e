import { KernelError } from "../../ffi/errno.ts";

/**
 * The one error class of lib: a failure the user should read as a single line. main prints it as
 * `mydocker: MESSAGE` and exits with `exitCode`, which defaults to docker's 125 ("docker itself failed").
 */
export class CommandError extends Error {
  override name = "CommandError";

  constructor(message: string, readonly exitCode = 125, options?: ErrorOptions) {
    super(message, options);
  }
}

/**
 * Whether an error is about one thing that a command was to deal with, so that it goes on with the others.
 */
export function isFailure(error: unknown): error is CommandError | KernelError {
  return error instanceof CommandError || error instanceof KernelError;
}
