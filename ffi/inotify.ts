// Waiting for something to happen in a directory (inotify(7)).

import { EAGAIN } from "./constants.ts";
import { decodeName, encodeName } from "./bytes.ts";
import { KernelError } from "./errno.ts";
import { addressOf, raw } from "./libc.ts";
import { close, O_CLOEXEC, O_NONBLOCK } from "./file.ts";
import { NR } from "./nr.ts";
import { readable } from "./process.ts";

const IN_MODIFY = 0x2;
const IN_CLOSE_WRITE = 0x8;
const IN_MOVED_TO = 0x80;
const IN_CREATE = 0x100;
const IN_DELETE = 0x200;

/**
 * A descriptor for changes(), from now on: files in the directory `dir` that are made, written, closed after
 * they were open for writing, given another name or removed.
 */
export function watchDirectory(dir: number): number {
  const watch = raw(NR.inotify_init1, O_NONBLOCK | O_CLOEXEC);
  if (watch < 0) throw new KernelError("inotify_init1", "", -watch, "see fs.inotify.max_user_instances");
  const path = encodeName(`/proc/self/fd/${dir}\0`);
  const mask = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE;
  const result = raw(NR.inotify_add_watch, watch, addressOf(path), mask);
  if (result < 0) {
    close(watch);
    throw new KernelError("inotify_add_watch", `descriptor ${dir}`, -result);
  }
  return watch;
}

const buffer = new Uint8Array(1 << 15);
const view = new DataView(buffer.buffer);

/**
 * Waits, while JavaScript goes on, until something has happened, or for so many milliseconds. Returns the
 * names of the files it happened to, each once: none where the time ran out; "" where there was more than the
 * kernel keeps.
 */
export async function changes(watch: number, milliseconds = Infinity): Promise<Set<string>> {
  const names = new Set<string>();
  if (!await readable(watch, milliseconds)) return names;
  const length = raw(NR.read, watch, addressOf(buffer), buffer.length);
  if (length < 0 && length !== -EAGAIN) throw new KernelError("read", "inotify", -length);
  // struct inotify_event: i32 watch, u32 mask, u32 cookie, u32 length, char name[], padded with NULs
  for (let at = 0; at < length; at += 16 + view.getUint32(at + 12, true)) {
    const name = buffer.subarray(at + 16, at + 16 + view.getUint32(at + 12, true));
    const end = name.indexOf(0);
    names.add(decodeName(end < 0 ? name : name.subarray(0, end)));
  }
  return names;
}
