// What a keeper waits for, as poll(2) has it.

import type { Cell, Label, Program } from "../../ffi/program.ts";

export const POLLIN = 1;
/** What a struct pollfd's events are to it as one integer. */
export const EVENTS = 2 ** 32;

/**
 * struct pollfd[]: the sources, init's pidfd, the pipe to the command (whose closed end is an error, never
 * input).
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

/** With no descriptor for the pidfd yet, which goes to `init`. */
export function pollTable(p: Program, plan: { sources: { fd: number }[]; messages: number }): PollTable {
  const sources = plan.sources.flatMap(({ fd }) => [fd, POLLIN]);
  const address = p.ints([...sources, -1, POLLIN, plan.messages, 0]);
  const entry = (index: number) => ({ address: address + POLLFD_SIZE * index });
  const count = plan.sources.length + 2;
  return { address, count, entry, init: entry(count - 2).address, messages: entry(count - 1) };
}

/**
 * To `nothing` where the last poll found nothing for an entry, which then is as it was before, or is one to
 * skip.
 */
export function unlessReady(p: Program, entry: Cell, idle: Cell | number, nothing: Label): void {
  p.subtract(entry, NO_POLLFD, { zero: nothing });
  p.subtract(entry, idle, { zero: nothing });
}
