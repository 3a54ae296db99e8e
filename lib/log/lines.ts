// Assembles lines from frames: each stream's bytes up to a newline, in the order in which lines were
// completed.

import type { Frame } from "./frames.ts";

/** Lines of one stream that one frame completed, with its time; or a part of one very long line. */
export interface Lines {
  seconds: number;
  nanoseconds: number;
  stream: number;
  /** Valid until the next frame is added. */
  data: Uint8Array;
  /** The data begin in the middle of a line. */
  continues: boolean;
}

/** A stream's output since its last newline. */
interface Open {
  frame: Frame;
  parts: Uint8Array[];
  length: number;
  /** The beginning of the line has been yielded already. */
  continues: boolean;
}

/** Longer lines are yielded in parts. */
const LONGEST = 1 << 16;
const NEWLINE = 10;

export interface LineAssembler {
  /** The lines that `frame` completes, in order. */
  add(frame: Frame): Lines[];
  /** The unfinished lines, oldest first. */
  rest(): Lines[];
}

/** Assembles the lines of one log, for each stream separately. */
export function lineAssembler(): LineAssembler {
  const streams = new Map<number, Open>();
  const none = (frame: Frame, continues: boolean): Open => ({ frame, parts: [], length: 0, continues });
  return {
    add(frame) {
      const { stream, data } = frame;
      const open = streams.get(stream);
      const end = data.lastIndexOf(NEWLINE) + 1;
      // Inserted again as the last, so that the map's order is the order in which the streams wrote.
      streams.delete(stream);
      if (end === 0) {
        const longer = extend(open ?? none(frame, false), frame, data);
        streams.set(stream, longer.length < LONGEST ? longer : none(frame, true));
        return longer.length < LONGEST ? [] : [lines(longer)];
      }
      if (end < data.length) streams.set(stream, extend(none(frame, false), frame, data.subarray(end)));
      // What completes a line goes on where its beginning ends, so nothing has to be joined.
      const begun = open && open.length > 0 ? [lines(Object.assign(open, { frame }))] : [];
      return [...begun, { ...frame, data: data.subarray(0, end), continues: open !== undefined }];
    },
    rest: () => [...streams.values()].filter(({ length }) => length > 0).map(lines),
  };
}

/** Adds a copy of `data` of `frame`, which outlives the frame. */
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
