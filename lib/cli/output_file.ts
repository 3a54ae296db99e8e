// The destination of a command's archive: -o FILE, or stdout unless that is a terminal.

import { errnoText, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";

const STDOUT = 1;

/** Throws Failure if `output` (-o) can't be written; undefined and "" mean stdout. */
export function checkOutput(output: string | undefined): void {
  if (output) checkPath(output);
  else if (Deno.stdout.isTerminal()) {
    throw new Failure("cowardly refusing to save to a terminal. Use the -o flag or redirect");
  }
}

function checkPath(path: string): void {
  const directory = path.replace(/\/*[^/]*$/, "") || (path.startsWith("/") ? "/" : ".");
  if (!file.statIfAny(file.AT_FDCWD, directory, true)) {
    throw new Failure(`invalid output path: directory "${directory}" does not exist`);
  }
  const type = (file.statIfAny(file.AT_FDCWD, path, true)?.mode ?? file.S_IFREG) & file.S_IFMT;
  if (type === file.S_IFDIR) throw new Failure(`invalid output path: "${path}" is a directory`);
  if (type !== file.S_IFREG) {
    throw new Failure(`invalid output path: "${path}" is not a regular file`);
  }
}

/**
 * Calls `work` with a sink that writes to `output` (see checkOutput). A file appears or is replaced only when
 * it is complete. Only its owner may read it, since it may contain a container's secrets. Throws what `work`
 * throws, Failure if writing fails, and BrokenPipe if nobody reads.
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
  // main handles that nobody reads.
  if (error.errno === "EPIPE") return new Deno.errors.BrokenPipe();
  return new Failure(`can't write ${what}: ${errnoText(error.code)}`, { cause: error });
}
