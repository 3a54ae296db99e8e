// Events that a keeper appends itself, from frames made beforehand (lib/events/event.ts).

import * as file from "../../ffi/file.ts";
import type { Cell, Program } from "../../ffi/program.ts";
import { frameOffsets } from "../events/event.ts";

/**
 * Appends frames to the file at `path` below the directory open as `dir`, in one write, with the time it is then, and in the first the wait status in `status`. A disk that is
 * full loses them, no more. The file is opened anew each time: it may have been renamed (lib/events/append.ts).
 */
export function appendEvents(p: Program, dir: number, path: string, frames: Uint8Array, status?: Cell): void {
  const [done, written] = [p.label(), p.label()];
  const fd = p.cell();
  const address = p.bytes(frames);
  for (const offset of frameOffsets(frames)) {
    p.call("clock_gettime", [0, /* CLOCK_REALTIME */ address + offset]);
  }
  if (status) p.set({ address: address + 16 }, status);
  const flags = file.O_WRONLY | file.O_APPEND | file.O_CREAT | file.O_CLOEXEC;
  p.call("openat", [dir, p.string(path), flags, 0o600], { store: fd, negative: done });
  p.call("write", [fd, address, frames.length], { negative: written });
  p.place(written);
  p.call("close", [fd]);
  p.place(done);
}
