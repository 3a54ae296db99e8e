// --cidfile: the file in which scripts find the ID of the container they made.

import { errnoText, isErrno, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { callerFileMode } from "../base/environment.ts";
import { Refusal } from "../base/error.ts";
import { writeFile } from "../base/json.ts";

/** Throws Refusal where reserveCidfile would, as far as that is known without making the file. */
export function checkCidfile(path: string): void {
  let present: file.Stat | undefined;
  try {
    present = file.statIfAny(file.AT_FDCWD, path);
    file.stat(file.AT_FDCWD, path.replace(/[^/]*$/, "") || ".", true);
  } catch (error) {
    throw cantMake(path, error);
  }
  if (present) throw found(path);
}

/**
 * Makes the file before the container, so that no container is made whose ID could not be written.
 * writeCidfile writes the ID. Throws Refusal where the file exists or can't be made.
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

function found(path: string): Refusal {
  return new Refusal(
    `container ID file found, make sure the other container isn't running or delete ${path}`,
  );
}

function cantMake(path: string, error: unknown): Refusal {
  const reason = error instanceof KernelError
    ? errnoText(error.code).toLowerCase()
    : (error as Error).message;
  return new Refusal(`failed to create the container ID file: open ${path}: ${reason}`, {
    cause: error,
  });
}

/** Writes the ID, without a newline as docker does. */
export function writeCidfile(path: string, id: string): void {
  writeFile(file.AT_FDCWD, path, id);
}

/** Removes the unused file. */
export function dropCidfile(path: string): void {
  file.unlinkat(file.AT_FDCWD, path);
}
