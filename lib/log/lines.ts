// From frames to lines: each stream's bytes up to a newline, in the order in which they were completed.

import type { Frame } from "./frames.ts";

/** Lines of one stream that one frame completed, with its time; or a piece of one line that is very long. */
export interface Lines {
  seconds: number;
  nanoseconds: number;
  stream: number;
  /** Good until the next frame is given. */
  data: Uint8Array;
  /** It begins in mid-line. */
  continues: boolean;
}

/** What a stream has written since its last newline. */
interface Open {
  frame: Frame;
  parts: Uint8Array[];
  length: number;
  /** The line's beginning was given out. */
  continues: boolean;
}

/** A line longer than this is given out in pieces. */
const LONGEST = 1 << 16;
const NEWLINE = 10;

export interface LineAssembler {
  /** The lines that are complete with `frame`, in their order. */
  add(frame: Frame): Lines[];
  /** What has no newline yet, oldest first. */
  rest(): Lines[];
}

/** Makes lines of the frames of one log, each stream for itself. */
export function lineAssembler(): LineAssembler {
  const streams = new Map<number, Open>();
  const none = (frame: Frame, continues: boolean): Open => ({ frame, parts: [], length: 0, continues });
  return {
    add(frame) {
      const { stream, data } = frame;
      const open = streams.get(stream);
      const end = data.lastIndexOf(NEWLINE) + 1;
      // Put back as the last: the order of the map is that in which the streams wrote.
      streams.delete(stream);
      if (end === 0) {
        const longer = extend(open ?? none(frame, false), frame, data);
        streams.set(stream, longer.length < LONGEST ? longer : none(frame, true));
        return longer.length < LONGEST ? [] : [lines(longer)];
      }
      if (end < data.length) streams.set(stream, extend(none(frame, false), frame, data.subarray(end)));
      // Only the line that was begun before is put together: the others are there as they are.
      const first = open ? data.indexOf(NEWLINE) + 1 : 0;
      const begun = open ? [lines(extend(open, frame, data.subarray(0, first)))] : [];
      return first === end
        ? begun
        : [...begun, { ...frame, data: data.subarray(first, end), continues: false }];
    },
    rest: () => [...streams.values()].filter(({ length }) => length > 0).map(lines),
  };
}

/** Adds a copy of `data`, of `frame`, which outlives the frame. */
function extend(open: Open, frame: Frame, data: Uint8Array): Open {
  open.parts.push(data.slice());
  return Object.assign(open, { frame, length: open.length + data.length });
}

function lines({ frame, parts, length, continues }: Open): Lines {
  const data = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { ...frame, data, continues };
}
