// A cgroup's control files: text of a line or a few, written and read in one go.

import { isErrno } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { readBytes } from "../base/json.ts";

const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];

/**
 * Writes values to a control file, each with a call of its own, as the kernel takes them; false where the
 * group, or its controller, is not there. Throws KernelError.
 */
export function writeControl(path: string, ...values: string[]): boolean {
  const fd = file.openIfAny(file.AT_FDCWD, path, file.O_WRONLY);
  if (fd === undefined) return false;
  try {
    for (const value of values) file.write(fd, encoder.encode(value), path);
    return true;
  } catch (error) {
    if (isErrno(error, "ENODEV")) return false; // removed since it was opened
    throw error;
  } finally {
    file.close(fd);
  }
}

/** A control file's text; undefined where the group, or its controller, is not there. Throws KernelError. */
export function readControl(path: string, dir = file.AT_FDCWD): string | undefined {
  try {
    const bytes = readBytes(dir, path);
    return bytes && decoder.decode(bytes);
  } catch (error) {
    if (isErrno(error, "ENODEV")) return undefined;
    throw error;
  }
}
