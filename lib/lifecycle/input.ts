// The caller's stdin on its way to a container that has no terminal. A pipe's content is moved on without
// being read: a thread waits, and JavaScript counts.

import { read, S_IFIFO, S_IFMT, S_IFREG, stat } from "../../ffi/file.ts";
import { moveLater, readLater, resizePipe, writeLater } from "../../ffi/process.ts";

const STDIN = 0;
/** The size of a pipe, and of both pipes once a step has passed half of that; the keeper's grow as much. */
const PIPE = 1 << 16;
const GROWN_PIPE = 4 * PIPE;

/**
 * Passes stdin on to the pipe `to` until it ends or nobody reads `to`. JavaScript goes on meanwhile, so that
 * signals arrive.
 */
export async function pumpInput(to: number): Promise<void> {
  const type = typeOfInput();
  let copy: (() => Promise<number>) | undefined;
  let grown = false;
  for (;;) {
    // Not a file's: splice(2) would put the host's own pages into a pipe that the container can write to, and
    // keep that pipe locked while a file system does not answer.
    let passed = type === S_IFIFO ? await moveLater(STDIN, to, GROWN_PIPE) : -1;
    // Where it fails, this finds out why, and waits where a stdin that does not block has nothing yet.
    if (passed < 0) passed = await (copy ??= copier(to, type === S_IFREG))();
    if (passed <= 0) return;
    if (grown || passed < PIPE / 2) continue;
    grown = true;
    for (const pipe of [STDIN, to]) resizePipe(pipe, GROWN_PIPE);
  }
}

/** The S_IF… of stdin; 0 where its file system does not answer, which reading finds out, too. */
function typeOfInput(): number {
  try {
    return stat(STDIN, "").mode & S_IFMT;
  } catch {
    return 0;
  }
}

/** Returns a function that copies once, and says how many bytes; 0 at the end of either side. */
function copier(to: number, isFile: boolean): () => Promise<number> {
  const buffer = new Uint8Array(isFile ? GROWN_PIPE : PIPE);
  return async () => {
    const length = await readInput(buffer, isFile);
    return length > 0 && await writeLater(to, buffer.subarray(0, length)) ? length : 0;
  };
}

/** Reads stdin; 0 at its end, as which counts that it can't be read (a directory). */
export async function readInput(buffer: Uint8Array, isFile = false): Promise<number> {
  try {
    return isFile ? read(STDIN, buffer) : await readLater(STDIN, buffer);
  } catch {
    return 0;
  }
}
