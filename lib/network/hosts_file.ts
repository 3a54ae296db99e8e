// A running container's hosts file, changed from outside. It is mounted in the container, where root can make
// of it what it wants: as large as the disk, a program that runs, under locks and leases. Nothing of that may
// be waited for.

import { decodeName, encodeName } from "../../ffi/bytes.ts";
import { errnoText, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";

/** Bytes of a file that is worth keeping current. */
const LARGEST = 1 << 20;

/**
 * Has the file in the container's directory `dir` show `lines`, which end with newlines; of others those go
 * of which `isOurs` says so. Returns why it could not, and then has changed nothing; undefined also where
 * there is no such file.
 */
export function changeHosts(
  dir: number,
  lines: string[],
  isOurs: (line: string) => boolean,
): string | undefined {
  let fd: number | undefined;
  try {
    // Without waiting: for the end of a lease, or the other end of a FIFO.
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
 * In place, since the file is mounted, and with one write: lines that go make room for empty ones first, so
 * that whoever reads finds whole lines at any time.
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
