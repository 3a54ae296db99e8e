// Where a command writes an archive to: -o FILE, or stdout unless that is a terminal.

import { errnoText, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { CommandError } from "../base/error.ts";

const STDOUT = 1;

/** Throws CommandError where `output` (-o) can't be written; undefined or "" stand for stdout. */
export function checkOutput(output: string | undefined): void {
  if (output) checkPath(output);
  else if (Deno.stdout.isTerminal()) {
    throw new CommandError("cowardly refusing to save to a terminal. Use the -o flag or redirect", 1);
  }
}

function checkPath(path: string): void {
  const directory = path.replace(/\/*[^/]*$/, "") || (path.startsWith("/") ? "/" : ".");
  if (!file.statIfAny(file.AT_FDCWD, directory, true)) {
    throw new CommandError(`invalid output path: directory "${directory}" does not exist`, 1);
  }
  const type = (file.statIfAny(file.AT_FDCWD, path, true)?.mode ?? file.S_IFREG) & file.S_IFMT;
  if (type === file.S_IFDIR) throw new CommandError(`invalid output path: "${path}" is a directory`, 1);
  if (type !== file.S_IFREG) {
    throw new CommandError(`invalid output path: "${path}" is not a regular file`, 1);
  }
}

/**
 * Has `work` write to `output` (see checkOutput) through the sink it gets. A file appears, or is replaced,
 * when it is whole; it may have a container's secrets, so it is the owner's alone. Throws what `work` throws,
 * CommandError where writing fails, and BrokenPipe where nobody reads.
 */
export async function writeOutput(
  output: string | undefined,
  work: (sink: (chunk: Uint8Array) => void) => void | Promise<void>,
): Promise<void> {
  if (!output) return await work(sinkOf(STDOUT, "standard output"));
  const temporary = `${output.slice(0, output.lastIndexOf("/") + 1)}.mydocker-${crypto.randomUUID()}`;
  let fd: number;
  try {
    fd = file.openat(file.AT_FDCWD, temporary, file.O_WRONLY | file.O_CREAT | file.O_EXCL, 0o600);
  } catch (error) {
    throw cantWrite(output, error);
  }
  try {
    await work(sinkOf(fd, output));
    file.renameat2(file.AT_FDCWD, temporary, file.AT_FDCWD, output);
  } catch (error) {
    file.unlinkat(file.AT_FDCWD, temporary);
    throw error;
  } finally {
    file.close(fd);
  }
}

function sinkOf(fd: number, what: string): (chunk: Uint8Array) => void {
  return (chunk) => {
    try {
      file.write(fd, chunk, what);
    } catch (error) {
      throw cantWrite(what, error);
    }
  };
}

function cantWrite(what: string, error: unknown): unknown {
  if (!(error instanceof KernelError)) return error;
  // main knows what to do where nobody reads.
  if (error.errno === "EPIPE") return new Deno.errors.BrokenPipe();
  return new CommandError(`can't write ${what}: ${errnoText(error.code)}`, 1, { cause: error });
}
