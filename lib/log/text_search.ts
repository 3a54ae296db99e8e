// Searches the output of a container for a text, which may be split between frames.

import { encodeName } from "../../ffi/bytes.ts";
import type { Frame } from "./frames.ts";

/**
 * Returns a function that is called with each frame, and says whether one of the streams has contained
 * `text`.
 */
export function textSearch(text: string): (frame: Pick<Frame, "stream" | "data">) => boolean {
  const wanted = encodeName(text);
  /** The end of each stream, which may be the beginning of the text. */
  const ends = new Map<number, Uint8Array>();
  return ({ stream, data }) => {
    const before = ends.get(stream) ?? new Uint8Array();
    const bytes = new Uint8Array(before.length + data.length);
    bytes.set(before);
    bytes.set(data, before.length);
    if (contains(bytes, wanted)) return true;
    ends.set(stream, bytes.slice(Math.max(0, bytes.length - wanted.length + 1)));
    return false;
  };
}

function contains(bytes: Uint8Array, wanted: Uint8Array): boolean {
  for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return true;
  }
  return false;
}
