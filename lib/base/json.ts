// JSON files under the root directory.

import { encodeName } from "../../ffi/bytes.ts";
import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";

/**
 * The bytes of a file relative to the directory `dir`; undefined if there is none, or it is a directory.
 */
export function readBytes(dir: number, path: string): Uint8Array | undefined {
  const fd = file.openIfAny(dir, path, file.O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    return file.readAll(fd);
  } catch (error) {
    if (isErrno(error, "EISDIR")) return undefined;
    throw error;
  } finally {
    file.close(fd);
  }
}

const decoder = new TextDecoder();

/** The value in a JSON file; undefined if the file is missing, empty, cut off or otherwise invalid. */
export function readJson<T>(dir: number, path: string): T | undefined {
  const fd = file.openIfAny(dir, path, file.O_RDONLY);
  if (fd === undefined) return undefined;
  try {
    const short = file.readShort(fd, 0);
    return JSON.parse(decoder.decode(short.length < file.SHORT ? short : file.readAll(fd))) as T;
  } catch (error) {
    if (error instanceof SyntaxError || isErrno(error, "EISDIR", "ESPIPE")) return undefined;
    throw error;
  } finally {
    file.close(fd);
  }
}

/** Writes a new file. Only for files that nobody can see yet; replaceFile is for the others. */
export function writeFile(dir: number, path: string, content: string | Uint8Array, mode = 0o600): void {
  const bytes = typeof content === "string" ? encodeName(content) : content;
  const fd = file.openat(dir, path, file.O_WRONLY | file.O_CREAT | file.O_TRUNC, mode);
  try {
    file.write(fd, bytes, path);
  } finally {
    file.close(fd);
  }
}

/**
 * Replaces a file atomically: readers see the old content or the new, even after a power cut. The caller
 * holds a lock, or nobody else knows the directory: two writers at once would share the temporary file.
 */
export function replaceFile(dir: number, path: string, content: string | Uint8Array, mode = 0o600): void {
  const bytes = typeof content === "string" ? encodeName(content) : content;
  const temporary = `${path}.new`;
  const fd = file.openat(dir, temporary, file.O_WRONLY | file.O_CREAT | file.O_TRUNC, mode);
  try {
    file.write(fd, bytes, path);
    file.fsync(fd);
  } finally {
    file.close(fd);
  }
  file.renameat2(dir, temporary, dir, path);
}
