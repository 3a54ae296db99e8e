// The descriptors that a keeper waits for, for poll(2).

import type { Cell, Label, Program } from "../../ffi/program.ts";

export const POLLIN = 1;
/** The integer value of a struct pollfd's events. */
export const EVENTS = 2 ** 32;

/**
 * struct pollfd[]: the sources, init's pidfd, and the pipe to the command, whose end is reported as an error,
 * never as input.
 */
export interface PollTable {
  address: number;
  count: number;
  /** Where the pidfd is to be stored. */
  init: number;
  entry(index: number): Cell;
  messages: Cell;
}

const POLLFD_SIZE = 8;
/** A struct pollfd that poll(2) skips: descriptor -1, POLLIN. */
export const NO_POLLFD = 2 ** 32 + 0xffffffff;

/** Makes the table without the pidfd, which is stored at `init` later. */
export function pollTable(p: Program, plan: { sources: { fd: number }[]; messages: number }): PollTable {
  const sources = plan.sources.flatMap(({ fd }) => [fd, POLLIN]);
  const address = p.ints([...sources, -1, POLLIN, plan.messages, 0]);
  const entry = (index: number) => ({ address: address + POLLFD_SIZE * index });
  const count = plan.sources.length + 2;
  return { address, count, entry, init: entry(count - 2).address, messages: entry(count - 1) };
}

/**
 * Goes to `nothing` if the last poll found nothing for an entry: then the entry is unchanged, or is one to
 * skip.
 */
export function unlessReady(p: Program, entry: Cell, idle: Cell | number, nothing: Label): void {
  p.subtract(entry, NO_POLLFD, { zero: nothing });
  p.subtract(entry, idle, { zero: nothing });
}
