// What /proc says of a process that may end while it is asked.

import { isErrno } from "../../ffi/errno.ts";
import { AT_FDCWD } from "../../ffi/file.ts";
import { readBytes } from "./json.ts";

/**
 * The text of a file in /proc/PID (proc(5)); undefined where the process is gone, or goes just then (ESRCH).
 */
export function processFile(pid: number | string, name: string): string | undefined {
  try {
    const bytes = readBytes(AT_FDCWD, `/proc/${pid}/${name}`);
    return bytes && new TextDecoder().decode(bytes);
  } catch (error) {
    if (isErrno(error, "ESRCH")) return undefined;
    throw error;
  }
}
