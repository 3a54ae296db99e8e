// A cgroup's control files: one or a few lines of text, written and read at once.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { readBytes } from "../base/json.ts";

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

/**
 * Writes values to a control file, each by a call of its own, as the kernel requires. Returns false where the
 * group or its controller does not exist. Throws KernelError.
 */
export function writeControl(path: string, ...values: string[]): boolean {
  const fd = file.openIfAny(file.AT_FDCWD, path, file.O_WRONLY);
  if (fd === undefined) return false;
  try {
    for (const value of values) file.write(fd, encoder.encode(value), path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENODEV")) return false; // it was removed after it was opened
    throw error;
  } finally {
    file.close(fd);
  }
}

/** A control file's text; undefined where the group or its controller does not exist. Throws KernelError. */
export function readControl(path: string, dir = file.AT_FDCWD): string | undefined {
  try {
    const bytes = readBytes(dir, path);
    return bytes && decoder.decode(bytes);
  } catch (error) {
    if (isErrno(error, "ENODEV")) return undefined;
    throw error;
  }
}
