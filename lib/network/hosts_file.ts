// Changes a running container's hosts file from outside. The file is mounted in the container, whose root can
// do anything with it: make it as large as the disk, execute it as a program, hold locks and leases on it.
// Nothing here may wait for any of that.

import { decodeName, encodeName } from "../../ffi/bytes.ts";
import { errnoText, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";

/** The largest file that is kept current, in bytes. */
const LARGEST = 1 << 20;

/**
 * Makes those lines of the hosts file for which `isOurs` is true be exactly `lines`, which end with newlines.
 * The file is in the container's directory `dir`. Returns the reason if that is impossible, and then has
 * changed nothing. Returns undefined on success, and if there is no such file.
 */
export function changeHosts(
  dir: number,
  lines: string[],
  isOurs: (line: string) => boolean,
): string | undefined {
  let fd: number | undefined;
  try {
    // O_NONBLOCK: don't wait for the end of a lease, or for the other end of a FIFO.
    fd = file.openIfAny(dir, "hosts", file.O_RDWR | file.O_NONBLOCK | file.O_NOFOLLOW);
    if (fd === undefined) return undefined;
    const { mode, size } = file.stat(fd, "");
    if ((mode & file.S_IFMT) !== file.S_IFREG) return "its /etc/hosts is no file";
    if (size > LARGEST) return tooLarge;
    change(fd, lines, isOurs);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    if (error.errno === "EFBIG") return tooLarge;
    return `its /etc/hosts can't be ${fd === undefined ? "opened" : "changed"}: ${errnoText(error.code)}`;
  } finally {
    if (fd !== undefined) file.close(fd);
  }
}

const tooLarge = "its /etc/hosts is larger than 1 MiB";

/**
 * Changes the file in place, because it is mounted. One write replaces everything and pads with empty lines
 * what is cut off afterwards, so that readers find whole lines at any time.
 */
function change(fd: number, lines: string[], isOurs: (line: string) => boolean): void {
  const before = file.readAll(fd, LARGEST);
  const text = decodeName(before);
  const wanted = new Set(lines);
  const kept = text.split(/(?<=\n)/).filter((line) => isOurs(line) ? wanted.delete(line) : true).join("");
  const separator = kept && wanted.size > 0 && !kept.endsWith("\n") ? "\n" : "";
  const now = kept + separator + [...wanted].join("");
  if (now === text) return;
  const after = encodeName(now);
  const padded = new Uint8Array(Math.max(before.length, after.length)).fill("\n".charCodeAt(0));
  padded.set(after);
  file.pwrite(fd, padded, 0, "hosts");
  file.ftruncate(fd, after.length);
}
