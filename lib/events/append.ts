// Appends to `events`. Several commands and keepers do so at the same time without waiting for each other.

import { ENOSPC } from "../../ffi/constants.ts";
import { KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { tryLock } from "../../ffi/lock.ts";
import { warn } from "../base/notice.ts";
import { rootFd, rootPath } from "../store/root.ts";
import { type Event, framesOf } from "./event.ts";

/**
 * The newest events, relative to the root directory. It is opened for each append, because it may have been
 * rotated.
 */
export const EVENTS = "events";
/** The events before those. */
export const OLDER_EVENTS = "events.1";

/** A process that finds `events` larger than this makes it events.1, replacing the previous one. */
const MAX_EVENT_BYTES = 8 * 1024 * 1024;

/** Appends events in one write. A failure is only a warning, since the events have happened. */
export function append(events: Event[]): void {
  try {
    appendBytes(framesOf(events));
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const lost = events.map(({ Type, Action, Actor }) => `${Type} ${Action} ${Actor.ID}`.trimEnd());
    warn(`no event in ${rootPath()}/${EVENTS} for ${lost.join(", ")}: ${error.message}`);
  }
}

function appendBytes(bytes: Uint8Array): void {
  for (let kept = false; !kept;) {
    const fd = file.openat(rootFd(), EVENTS, file.O_WRONLY | file.O_APPEND | file.O_CREAT, 0o600);
    try {
      // No second write: it might come after another process's frame. Readers skip a frame that was cut off.
      if (file.writeOnce(fd, bytes, EVENTS) < bytes.length) throw new KernelError("write", EVENTS, ENOSPC);
      const { size, links } = file.stat(fd, "");
      // The file has lost its name: after it was opened it became events.1 and was then replaced.
      kept = links > 0;
      if (kept && size > MAX_EVENT_BYTES) rotate(fd);
    } finally {
      file.close(fd);
    }
  }
}

/**
 * Renames `events`, open as `fd`, to events.1. Only the process that holds the file's lock renames it. So of
 * two processes that find it full, one finds another file there or the lock taken, and no new file replaces
 * the full one.
 */
function rotate(fd: number): void {
  if (!tryLock(fd, "exclusive")) return;
  if (file.statIfAny(rootFd(), EVENTS)?.inode !== file.stat(fd, "").inode) return;
  file.renameat2(rootFd(), EVENTS, rootFd(), OLDER_EVENTS);
}
