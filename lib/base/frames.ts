// Frames: the format of logs and events in files, so that a keeper appends both in the same way.
//
// i64 seconds and i64 nanoseconds since 1970, u64 a number about the content (a log's stream, an event's wait
// status), u64 length, then the content; all little-endian.

/**
 * Bytes before the content. A keeper fills in the time at 0 (clock_gettime's struct) and the third number at
 * 16.
 */
export const FRAME_HEADER = 32;

/** The offsets of the frames. */
export function frameOffsets(frames: Uint8Array): number[] {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.length);
  const offsets: number[] = [];
  for (let at = 0; at < frames.length; at += FRAME_HEADER + view.getUint32(at + 24, true)) offsets.push(at);
  return offsets;
}

/**
 * File in a container's directory: the name that the container was given after its start, for its keeper and
 * the helpers of exec.
 */
export const RENAMED = "renamed";

/** The text after a container's name in its events; the name is the last attribute. */
export const NAME_END = '"}}}';
