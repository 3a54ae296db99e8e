// Finds where the last lines of a log begin. Files are read from the newest backwards, and only those that
// are needed.

import * as file from "../../ffi/file.ts";
import { type Frame, framesOfFile, logBeginning, type LogEnd, type LogPosition } from "./frames.ts";
import { type LogFile, newestFile, previousFile } from "./files.ts";
import type { Container } from "../model/container.ts";

/** The distance between positions at which reading may begin. */
const BLOCK = 1 << 18;
const NEWLINE = 10;

/** A part of one file and its content by stream. */
interface Block {
  file: LogFile;
  offset: number;
  newlines: Map<number, number>;
  /** Streams whose last byte in it is not a newline. */
  open: Set<number>;
}

/** The position to begin reading, and how many of the lines completed after it are to be skipped. */
export interface TailStart {
  position: LogPosition;
  skip: number;
}

/**
 * The position for reading the last `wanted` lines before `end`. With `unfinished`, a stream's output since
 * its last newline counts as a line. Reading never begins in a block that has only a part of a line that is
 * wanted.
 */
export function tailStart(
  container: Container,
  wanted: number,
  end: LogEnd | undefined,
  unfinished: boolean,
): TailStart {
  const begin = logBeginning(container);
  let total = 0;
  /**
   * Streams in the blocks seen so far, and those among them that have the end of a line in a block before the
   * first wanted line.
   */
  const [seen, whole] = [new Set<number>(), new Set<number>()];
  let start: Block | undefined;
  for (const block of blocksBackwards(begin, end)) {
    const enough = start !== undefined && total >= wanted;
    for (const [stream, count] of block.newlines) {
      if (!seen.has(stream) && unfinished && block.open.has(stream)) total++;
      seen.add(stream);
      total += count;
      if (enough && count > 0) whole.add(stream);
    }
    if (start && start.file !== block.file) file.close(start.file.fd);
    start = block;
    if (total >= wanted && [...seen].every((stream) => whole.has(stream))) break;
  }
  const position = start ? { ...begin, file: start.file, offset: start.offset } : begin;
  return { position, skip: Math.max(0, total - wanted) };
}

function* blocksBackwards(place: LogPosition, end?: LogEnd): Generator<Block> {
  let current = newestFile(place);
  while (current) {
    const blocks = blocksOf({ ...place, file: current, offset: 0 }, end);
    yield* blocks.reverse();
    // The caller uses the blocks of one file at a time, so their file can be closed when the next one is
    // opened.
    const older = previousFile(place, current);
    if (blocks.length === 0) file.close(current.fd);
    current = older;
  }
}

function blocksOf(position: LogPosition, end?: LogEnd): Block[] {
  const blocks: Block[] = [];
  let offset = position.offset;
  for (const frame of framesOfFile(position, end)) {
    let block = blocks.at(-1);
    if (!block || offset - block.offset >= BLOCK) {
      block = { file: position.file!, offset, newlines: new Map(), open: new Set() };
      blocks.push(block);
    }
    note(block, frame);
    offset = position.offset;
  }
  return blocks;
}

function note({ newlines, open }: Block, { stream, data }: Frame): void {
  let count = newlines.get(stream) ?? 0;
  for (let at = data.indexOf(NEWLINE); at >= 0; at = data.indexOf(NEWLINE, at + 1)) count++;
  newlines.set(stream, count);
  if (data.at(-1) === NEWLINE) open.delete(stream);
  else open.add(stream);
}
