// Writes lines of a log out, with few writes, and with docker's prefixes.

import { timestamp } from "../base/time.ts";
import type { Lines } from "./lines.ts";

export interface LogWriter {
  write(lines: Lines): void;
  /** Writes what is held back. */
  flush(): void;
}

const HELD = 1 << 16;
/** From this size on, a write of its own costs less than a copy. */
const MUCH = 1 << 14;
const NEWLINE = 10;

/** Writes bytes to stdout (1) or stderr (2). */
export type Output = (stream: number, bytes: Uint8Array) => void;

/** `prefix` gives the text before each line; undefined for none. */
export function logWriter(output: Output, prefix?: (lines: Lines) => string): LogWriter {
  const held = new Uint8Array(HELD);
  const encoder = new TextEncoder();
  let length = 0;
  let heldFor = 1;
  const flush = () => {
    if (length === 0) return;
    const bytes = held.subarray(0, length);
    length = 0;
    output(heldFor, bytes);
  };
  const put = (stream: number, bytes: Uint8Array) => {
    // If both streams are the same file, the output must appear in its order.
    if (stream !== heldFor || length + bytes.length > HELD) flush();
    heldFor = stream;
    if (bytes.length >= MUCH) return flush(), output(stream, bytes);
    held.set(bytes, length);
    length += bytes.length;
  };
  const write = (lines: Lines) => {
    const { stream, data } = lines;
    if (!prefix) return put(stream, data);
    const before = encoder.encode(prefix(lines));
    for (let at = 0; at < data.length;) {
      const newline = data.indexOf(NEWLINE, at);
      const end = newline < 0 ? data.length : newline + 1;
      if (at > 0 || !lines.continues) put(stream, before);
      put(stream, data.subarray(at, end));
      at = end;
    }
  };
  return { write, flush };
}

/**
 * docker's prefix: the time of each line with -t, and with --details a column for options, which is empty
 * here.
 */
export function linePrefix(timestamps: boolean, details: boolean): ((lines: Lines) => string) | undefined {
  if (!timestamps && !details) return undefined;
  return (lines) => (timestamps ? `${timestamp(lines)} ` : "") + (details ? " " : "");
}
