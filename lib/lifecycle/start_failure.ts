// Why a container could not be started: for the user, and for its record.

import { errnoText, isErrno } from "../../ffi/errno.ts";
import { Failure } from "../base/error.ts";
import { writeFile } from "../base/json.ts";
import { filterError } from "./confinement.ts";
import { execError, stepError } from "./exec_error.ts";
import type { keeperProgram } from "../keeper/keeper_program.ts";
import type { Report } from "../keeper/report.ts";
import type { StartFailure } from "../container/state.ts";
import type { Container } from "../model/container.ts";

/** The error of a start, from the step that failed. */
export function startError(
  report: Report | undefined,
  program: ReturnType<typeof keeperProgram>,
  { config }: Container,
): Failure {
  if (report?.kind !== "failed") {
    return new Failure(`the keeper of ${config.name} ended before the container ran`);
  }
  const { call, what } = program.describe(report.step);
  if (call === "execve") return execError(config.argv[0], report.errno);
  if (call === "seccomp") return filterError(report.errno);
  const reason = errnoText(report.errno);
  const plain = stepError(call, what, report.errno);
  if (plain !== undefined) return new Failure(`can't start ${config.name}: ${plain}`);
  if (call === "move_mount") {
    const hint = "a directory can be mounted on a directory only, and a file on a file";
    return new Failure(`can't mount on ${what}: ${reason}; ${hint}`);
  }
  if (call === "recvfrom") return new Failure(`can't set up ${what} in ${config.name}: ${reason}`);
  return new Failure(`can't start ${config.name}: ${call} ${what}: ${reason}`);
}

/** The exit code that docker records for a container that could not be started. */
function notedCode(error: unknown): number {
  const kind = error instanceof Failure ? error.kind : "failed";
  return kind === "not found" ? 127 : kind === "not executable" ? 126 : 128;
}

/** Records why the container could not be started, for inspect and ps. */
export function noteFailure(
  dir: number,
  error: unknown,
  former: Pick<StartFailure, "started" | "finished">,
): void {
  const failure: StartFailure = {
    ...former,
    error: error instanceof Error ? error.message : String(error),
    exitCode: notedCode(error),
  };
  try {
    writeFile(dir, "start.json", JSON.stringify(failure));
  } catch (writing) {
    // The disk is full, or the container was removed meanwhile: the error itself is what the user needs.
    if (!isErrno(writing, "ENOSPC", "EDQUOT", "ENOENT")) throw writing;
  }
}
