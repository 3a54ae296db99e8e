// Files in /proc of a process that may end at any moment.

import { isErrno } from "../../ffi/errno.ts";
import { AT_FDCWD } from "../../ffi/file.ts";
import { readBytes } from "./json.ts";

/**
 * The text of a file in /proc/PID (proc(5)); undefined where the process is gone, or ends during the read
 * (ESRCH).
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
