// Errors for people: one line each. The command that runs decides the exit code, once (cli/exit_code.ts).

import { KernelError } from "../../ffi/errno.ts";

/** The kind of a failure, as far as the exit code depends on it. */
export type FailureKind =
  /** Anything else. */
  | "failed"
  /** The command line is invalid: Refusal. */
  | "refused"
  /** The command line is not for this command: a wrong number of arguments, -a beside -d. */
  | "misused"
  /** The command to execute, or a device, does not exist. */
  | "not found"
  /** The command to execute exists, but can't be executed. */
  | "not executable"
  /** A condition was not met in time. */
  | "timed out"
  /** A condition can never be met: the container has ended. */
  | "not ready"
  /** A terminal is needed and there is none. */
  | "no terminal"
  /** Output of a container could not be passed on. */
  | "output lost"
  /** A container's keeper was killed, and the container with it. */
  | "killed"
  /** A signal ended it; `signal` has its number. */
  | "interrupted"
  /** A template of --format is invalid. */
  | "template";

export interface FailureOptions extends ErrorOptions {
  /** "failed" where absent. */
  kind?: FailureKind;
  /** The signal's number, of kind "interrupted". */
  signal?: number;
}

/**
 * An operation failed: the named thing does not exist or is in the wrong state, or the kernel refused. The
 * message is one line for the user, which the command prints after `mydocker: `.
 */
export class Failure extends Error {
  override name = "Failure";
  readonly kind: FailureKind;
  readonly signal?: number;

  constructor(message: string, { kind = "failed", signal, ...options }: FailureOptions = {}) {
    super(message, options);
    this.kind = kind;
    this.signal = signal;
  }

  /** The same failure with another message. */
  reworded(message: string): Failure {
    return new Failure(message, { kind: this.kind, signal: this.signal, cause: this });
  }
}

/**
 * The request is invalid: an unknown flag, a value that can't be parsed, flags that exclude each other. These
 * are the errors of docker's own flag parser; and the error that nothing works here without root.
 */
export class Refusal extends Failure {
  override name = "Refusal";

  constructor(message: string, options?: ErrorOptions) {
    super(message, { kind: "refused", ...options });
  }
}

/**
 * Whether an error concerns one object of the command, so that the command goes on with the others: a
 * Failure, or an error of a system call. Everything else is a bug.
 */
export function isExpected(error: unknown): error is Failure | KernelError {
  return error instanceof Failure || error instanceof KernelError;
}
