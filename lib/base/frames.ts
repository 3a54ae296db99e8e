// Frames: how a log's output and what happened are kept in files, so that a keeper appends either in the same
// way.
//
//   i64 seconds, i64 nanoseconds since 1970, u64 what it says of the content (a log's stream, an event's wait
//   status), u64 length, then the content; little endian

/**
 * Bytes before the content. A keeper fills in the time at 0 (clock_gettime's struct), and the third number at
 * 16.
 */
export const FRAME_HEADER = 32;

/** Where each of the frames begins. */
export function frameOffsets(frames: Uint8Array): number[] {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.length);
  const offsets: number[] = [];
  for (let at = 0; at < frames.length; at += FRAME_HEADER + view.getUint32(at + 24, true)) offsets.push(at);
  return offsets;
}

/**
 * In a container's directory: the name it was given since it was started, for its keeper and the helpers of
 * exec.
 */
export const RENAMED = "renamed";

/** What follows a container's name in its events: it is the last of the attributes. */
export const NAME_END = '"}}}';
