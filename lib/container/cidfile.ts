// --cidfile: where scripts find the ID of the container they made.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { callerFileMode } from "../cli/environment.ts";
import { CommandError } from "../cli/error.ts";

/** Throws CommandError where reserveCidfile would, as far as that can be known without making the file. */
export function checkCidfile(path: string): void {
  try {
    Deno.lstatSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw cantMake(path, error);
    const directory = path.replace(/[^/]*$/, "") || ".";
    try {
      Deno.statSync(directory);
    } catch (error) {
      throw cantMake(path, error);
    }
    return;
  }
  throw found(path);
}

/**
 * Makes the file, so that nothing is created that could not be noted; the ID is written by writeCidfile. Throws
 * CommandError where it exists or can't be made.
 */
export function reserveCidfile(path: string): void {
  try {
    const fd = file.openat(file.AT_FDCWD, path, file.O_WRONLY | file.O_CREAT | file.O_EXCL, 0o600);
    file.fchmod(fd, callerFileMode());
    file.close(fd);
  } catch (error) {
    throw isErrno(error, "EEXIST") ? found(path) : cantMake(path, error);
  }
}

function found(path: string): CommandError {
  return new CommandError(
    `container ID file found, make sure the other container isn't running or delete ${path}`,
  );
}

function cantMake(path: string, error: unknown): CommandError {
  const reason = error instanceof Deno.errors.NotFound || isErrno(error, "ENOENT")
    ? "no such file or directory"
    : (error as Error).message;
  return new CommandError(`failed to create the container ID file: open ${path}: ${reason}`, 125, {
    cause: error,
  });
}

/** Writes the ID, without a newline as docker does. */
export function writeCidfile(path: string, id: string): void {
  Deno.writeTextFileSync(path, id);
}

/** Takes an unused file away again. */
export function dropCidfile(path: string): void {
  Deno.removeSync(path);
}
