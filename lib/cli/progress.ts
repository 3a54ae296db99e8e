// Progress of pull, load and save. On a terminal, each layer has a line that is rewritten; elsewhere, each
// news is a line. It looks like docker's, but fits into narrow terminals.

import { humanSize } from "../base/human.ts";
import { print, printError } from "../base/output.ts";

export interface Progress {
  /** Prints a line of its own. */
  line(text: string): void;
  /** Shows what happens to a layer. */
  status(id: string, text: string): void;
  /** Shows the progress in bytes, on terminals only. */
  bar(id: string, text: string, current: number, total: number): void;
}

const CELLS = 50;
/** The columns for a whole bar and the text beside it. */
const WIDE = 110;
/** The columns for the numbers. */
const NARROW = 48;
/** Milliseconds between two updates of a bar. */
const PAUSE = 100;

export const SILENT: Progress = { line() {}, status() {}, bar() {} };

/** Shows progress on stdout (for `pull` and `load`) or stderr (for `run`). */
export function createProgress(stream: "stdout" | "stderr"): Progress {
  const write = stream === "stdout" ? print : printError;
  return Deno[stream].isTerminal() ? onTerminal(write) : {
    line: (text) => write(`${text}\n`),
    status: (id, text) => write(`${id}: ${text}\n`),
    bar() {},
  };
}

function onTerminal(write: (text: string) => void): Progress {
  /** The lines above the cursor, one for each layer. */
  const rows = new Map<string, string>();
  const drawn = new Map<string, number>();
  let width = 0;
  const draw = (id: string, text: string) => {
    const isNew = !rows.has(id);
    rows.set(id, text);
    const size = terminalSize();
    const shown = (id: string) => `${id}: ${rows.get(id)}`.slice(0, size.columns - 1);
    if (size.columns !== width && !isNew) {
      // The terminal was resized and has wrapped the lines anew, so their positions are unknown.
      for (const id of rows.keys()) write(`\r\x1b[2K${shown(id)}\n`);
    } else if (isNew) {
      write(`${shown(id)}\n`);
    } else {
      const up = rows.size - [...rows.keys()].indexOf(id);
      // Lines that have left the screen can't be changed.
      if (up < size.rows) write(`\x1b[${up}A\x1b[2K\r${shown(id)}\r\x1b[${up}B`);
    }
    width = size.columns;
  };
  return {
    line(text) {
      rows.clear();
      write(`${text}\n`);
    },
    status: draw,
    bar(id, text, current, total) {
      const now = performance.now();
      if (now - (drawn.get(id) ?? -PAUSE) < PAUSE && current < total) return;
      drawn.set(id, now);
      draw(id, barLine(text, current, total, terminalSize().columns));
    },
  };
}

/** 24 × 80 for a terminal without a size, such as a serial line. */
function terminalSize(): { rows: number; columns: number } {
  try {
    const { rows, columns } = Deno.consoleSize();
    return { rows: rows || 24, columns: columns || 80 };
  } catch {
    return { rows: 24, columns: 80 };
  }
}

/**
 * docker's "Loading layer [==>  ]  1.2MB/5MB"; without the bar on narrow terminals, and "24% Loading" on very
 * narrow ones.
 */
function barLine(text: string, current: number, total: number, width: number): string {
  if (width < NARROW && total > 0) return `${Math.min(100, Math.floor(current / total * 100))}% ${text}`;
  const numbers = `${humanSize(current).padStart(8)}/${humanSize(total)}`;
  if (width <= WIDE || total === 0) return `${text} ${numbers}`;
  const filled = Math.min(CELLS, Math.floor(current / total * CELLS));
  return `${text} [${"=".repeat(filled)}>${" ".repeat(CELLS - filled)}] ${numbers}`;
}
