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
