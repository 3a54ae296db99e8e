// Events that a keeper appends itself, from frames prepared by mydocker (lib/events/event.ts).

import { CLOCK_REALTIME } from "../../ffi/constants.ts";
import * as file from "../../ffi/file.ts";
import type { Cell, Program } from "../../ffi/program.ts";
import { FRAME_HEADER, frameOffsets, NAME_END } from "../base/frames.ts";

/**
 * The container's name in the first frame, and the file below the directory `dir` that has its later name.
 */
export interface FramedName {
  name: string;
  dir: number;
  path: string;
}

/** The longest name: names/NAME is a file. */
const MAX_NAME = 255;

/**
 * Appends frames to the file at `path` below the directory open as `dir`, in one write. They get the present
 * time; the first one also gets the wait status in `status`, and the container's present name. A full disk
 * loses the frames and nothing else. The file is opened each time, because it may have been rotated
 * (lib/events/append.ts).
 */
export function appendEvents(
  p: Program,
  dir: number,
  path: string,
  frames: Uint8Array,
  { status, named }: { status?: Cell; named?: FramedName } = {},
): void {
  const [done, written] = [p.label(), p.label()];
  const fd = p.cell();
  const address = p.bytes(frames);
  for (const offset of frameOffsets(frames)) {
    p.call("clock_gettime", [CLOCK_REALTIME, address + offset]);
  }
  if (status) p.set({ address: address + 16 }, status);
  const vector = named && putName(p, address, frames, named);
  const flags = file.O_WRONLY | file.O_APPEND | file.O_CREAT | file.O_CLOEXEC;
  p.call("openat", [dir, p.string(path), flags, 0o600], { store: fd, negative: done });
  if (vector) p.call("writev", [fd, vector, 3], { negative: written });
  else p.call("write", [fd, address, frames.length], { negative: written });
  p.place(written);
  p.call("close", [fd]);
  p.place(done);
}

/** A struct iovec[3] of the frames: the bytes before the name, the name, and the bytes after it. */
function putName(p: Program, address: number, frames: Uint8Array, { name, dir, path }: FramedName): number {
  const length = new DataView(frames.buffer, frames.byteOffset).getUint32(24, true);
  const end = FRAME_HEADER + length - NAME_END.length;
  const start = end - name.length;
  const vector = p.words([address, start, address + start, name.length, address + end, frames.length - end]);
  const [same, read] = [p.label(), p.label()];
  const [fd, found] = [p.cell(), p.cell()];
  const room = p.reserve(MAX_NAME + 1);
  const flags = file.O_RDONLY | file.O_CLOEXEC;
  p.call("openat", [dir, p.string(path), flags, 0], { store: fd, negative: same });
  p.call("read", [fd, room, MAX_NAME], { store: found, negative: read, zero: read });
  p.set({ address: vector + 16 }, room);
  p.set({ address: vector + 24 }, found);
  p.subtract(found, name.length - length, { store: { address: address + 24 } });
  p.place(read);
  p.call("close", [fd], { negative: same });
  p.place(same);
  return vector;
}
