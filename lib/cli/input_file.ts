// Files that a command line names. They may belong to anybody and be anything: endless files, pipes without a
// writer, devices.

import { errnoText, KernelError } from "../../ffi/errno.ts";
import { decodeName } from "../../ffi/bytes.ts";
import * as file from "../../ffi/file.ts";
import { hasWriter, readPipe } from "../../ffi/input.ts";
import { sleep } from "../base/sleep.ts";
import { Failure } from "../base/error.ts";

/**
 * The limit for files that are read completely: variables, labels, a profile. execve(2) accepts less than
 * that.
 */
const MAX_SIZE = 8 << 20;
/** Milliseconds to wait for a FIFO's writer. */
const PATIENCE = 10_000;
const PAUSE = 20;

/**
 * Opens a file for reading. A read may fail with EAGAIN if a writer is slow. Throws Failure if it can't be
 * opened, and for a FIFO that nobody opens for writing within ten seconds.
 */
export function openInput(path: string): number {
  const fd = openAny(path);
  try {
    if ((file.stat(fd, "").mode & file.S_IFMT) === file.S_IFIFO) awaitWriter(fd, path);
    return fd;
  } catch (error) {
    file.close(fd);
    throw error;
  }
}

function openAny(path: string): number {
  try {
    return file.openat(file.AT_FDCWD, path, file.O_RDONLY | file.O_NONBLOCK | file.O_NOCTTY);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    // Docker has one message for both.
    const problem = error.errno === "ENOTDIR" ? "no such file or directory" : errnoText(error.code);
    throw new Failure(`open ${path}: ${problem}`, { cause: error });
  }
}

/** A shell that starts both ends at once may start the writer a little later. */
function awaitWriter(fd: number, path: string): void {
  const end = performance.now() + PATIENCE;
  while (!hasWriter(fd)) {
    if (performance.now() > end) {
      throw new Failure(
        `open ${path}: nobody has opened this FIFO for writing within ${PATIENCE / 1000} seconds`,
      );
    }
    sleep(PAUSE);
  }
}

/**
 * The text of a file that is read completely; bytes that are not UTF-8 are encoded as in names (decodeName).
 * Throws Failure like openInput, and for a file of more than 8 MiB.
 */
export function readInput(path: string): string {
  const fd = openInput(path);
  try {
    const bytes = readPipe(fd, MAX_SIZE + 1);
    if (bytes.length <= MAX_SIZE) return decodeName(bytes).replace(/^\ufeff/, "");
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new Failure(`read ${path}: ${errnoText(error.code)}`, {
      cause: error,
    });
  } finally {
    file.close(fd);
  }
  throw new Failure(`read ${path}: it has more than ${MAX_SIZE >> 20} MiB`);
}
