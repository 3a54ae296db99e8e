// The error for a command that could not be executed, in docker's words.

import { EACCES, ENOENT, ETIMEDOUT } from "../../ffi/constants.ts";
import { errnoText } from "../../ffi/errno.ts";
import { Failure } from "../base/error.ts";

/**
 * Explains why a step that sets up a process failed, if the system call alone would mean nothing to a user;
 * otherwise undefined.
 */
export function stepError(call: string, what: string, errno: number): string | undefined {
  if (call === "getcwd") return `the working directory ${what} is outside of the container`;
  if (call !== "ppoll") return undefined;
  return errno === ETIMEDOUT
    ? "it was not executed within 30 seconds: is it stopped, or the container frozen?"
    : "nobody waits for it any more";
}

/** The error of execve(2) for `command`, argv[0]: it does not exist, or can't be executed. */
export function execError(command: string, errno: number): Failure {
  const [name, reason] = [JSON.stringify(command.toWellFormed()), errnoText(errno)];
  if (errno === ENOENT && !command.includes("/")) {
    return new Failure(`exec: ${name}: executable file not found in $PATH`, { kind: "not found" });
  }
  if (errno === ENOENT) return new Failure(`exec: ${name}: ${reason}`, { kind: "not found" });
  const hint = errno === EACCES ? "" : " (is it built for this machine, and does a script begin with #!?)";
  return new Failure(`exec: ${name}: ${reason}${hint}`, { kind: "not executable" });
}
