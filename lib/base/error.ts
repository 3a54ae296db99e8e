// What goes wrong and is to be read by people: one line each. Which exit code it comes to is decided once, by
// the command that runs (cli/exit_code.ts).

import { KernelError } from "../../ffi/errno.ts";

/** What a failure was, as far as the exit code depends on it. */
export type FailureKind =
  /** Anything that isn't one of the others. */
  | "failed"
  /** The words of the command line can't be read: Refusal. */
  | "refused"
  /** The command to execute, or a device, isn't there. */
  | "not found"
  /** The command to execute is there, but can't be executed as asked. */
  | "not executable"
  /** What was waited for didn't come in time. */
  | "timed out"
  /** What was waited for will never come: the container has ended. */
  | "not ready"
  /** There is no terminal where one is needed. */
  | "no terminal"
  /** What a container wrote could not be passed on. */
  | "output lost"
  /** A container's keeper was killed, and the container with it. */
  | "killed"
  /** A signal ended it, which is in `signal`. */
  | "interrupted"
  /** A template of --format can't be parsed. */
  | "template";

export interface FailureOptions extends ErrorOptions {
  /** "failed" where absent. */
  kind?: FailureKind;
  /** The signal's number, of kind "interrupted". */
  signal?: number;
}

/**
 * It did not work: what is named isn't there or is in no state for it, or it was tried in vain. The message
 * is one line for the user, which the command prints behind `mydocker: `.
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

  /** The same with another message. */
  reworded(message: string): Failure {
    return new Failure(message, { kind: this.kind, signal: this.signal, cause: this });
  }
}

/**
 * It can't be asked like this: a flag that there isn't, a value that can't be read, a flag that another
 * excludes. What docker's own parser of flags refuses; or nothing can be done here at all, for want of root.
 */
export class Refusal extends Failure {
  override name = "Refusal";

  constructor(message: string, options?: ErrorOptions) {
    super(message, { kind: "refused", ...options });
  }
}

/**
 * Whether an error is about what the command deals with, so that it goes on with the others: a Failure, or
 * what the kernel said to a system call. All else is a mistake in the program.
 */
export function isExpected(error: unknown): error is Failure | KernelError {
  return error instanceof Failure || error instanceof KernelError;
}
