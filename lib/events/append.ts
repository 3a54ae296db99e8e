// Appending to `events`: several commands and keepers do so at once, and nobody waits for anybody.

import { ENOSPC } from "../../ffi/constants.ts";
import { KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import { printError } from "../base/output.ts";
import { rootFd, rootPath } from "../store/root.ts";
import { type Event, framesOf } from "./event.ts";

/**
 * The newest events, relative to the root directory. Opened anew for each append: it may have become
 * events.1.
 */
export const EVENTS = "events";
/** Those before. */
export const OLDER_EVENTS = "events.1";

/** Whoever finds `events` larger than this makes it events.1, and the one before that is gone. */
const MAX_EVENT_BYTES = 8 * 1024 * 1024;

/**
 * Appends events that happened, all of them in one write. What happened did happen, so that a failure is only
 * a warning on stderr.
 */
export function append(events: Event[]): void {
  try {
    appendBytes(framesOf(events));
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const lost = events.map(({ Type, Action, Actor }) => `${Type} ${Action} ${Actor.ID}`.trimEnd());
    printError(
      `mydocker: warning: no event in ${rootPath()}/${EVENTS} for ${lost.join(", ")}: ${error.message}\n`,
    );
  }
}

function appendBytes(bytes: Uint8Array): void {
  for (let kept = false; !kept;) {
    const fd = file.openat(rootFd(), EVENTS, file.O_WRONLY | file.O_APPEND | file.O_CREAT, 0o600);
    try {
      // What a second call would add might come after somebody else's: a frame cut off is left to the reader.
      if (file.writeOnce(fd, bytes, EVENTS) < bytes.length) throw new KernelError("write", EVENTS, ENOSPC);
      const { size, links } = file.stat(fd, "");
      // Without a name: since it was opened it became events.1, and then made way for the next one.
      kept = links > 0;
      if (kept && size > MAX_EVENT_BYTES) rotate(fd);
    } finally {
      file.close(fd);
    }
  }
}

/**
 * Makes `events`, open as `fd`, events.1. Only who holds the lock of the file that has this name renames it.
 * So of two who find it full one finds another file there, or the lock taken, and neither pushes a new file
 * over the full one.
 */
function rotate(fd: number): void {
  if (!tryLock(fd, "exclusive")) return;
  if (file.statIfAny(rootFd(), EVENTS)?.inode !== file.stat(fd, "").inode) return;
  file.renameat2(rootFd(), EVENTS, rootFd(), OLDER_EVENTS);
}
