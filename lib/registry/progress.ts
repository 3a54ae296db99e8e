// What pull says while it works: a line for each layer, rewritten on a terminal; elsewhere one for each that is new.

import { humanSize } from "../cli/human.ts";
import { print, printError } from "../cli/output.ts";

export interface Progress {
  /** A line of its own. */
  line(text: string): void;
  /** What happens to a layer now. */
  status(id: string, text: string): void;
  /** How far it is, in bytes: for terminals only. */
  bar(id: string, text: string, current: number, total: number): void;
}

const CELLS = 50;
/** Columns that a whole bar needs, with what is beside it. */
const WIDE = 110;
/** Milliseconds between two pictures of a bar. */
const PAUSE = 100;

export const SILENT: Progress = { line() {}, status() {}, bar() {} };

/** Progress on stdout (of `pull`) or stderr (of `run`). */
export function createProgress(stream: "stdout" | "stderr"): Progress {
  const write = stream === "stdout" ? print : printError;
  return Deno[stream].isTerminal() ? onTerminal(write) : {
    line: (text) => write(`${text}\n`),
    status: (id, text) => write(`${id}: ${text}\n`),
    bar() {},
  };
}

function onTerminal(write: (text: string) => void): Progress {
  /** How many lines above the cursor a layer's is: that of the first is rows.length. */
  const rows: string[] = [];
  const drawn = new Map<string, number>();
  const draw = (id: string, text: string) => {
    let row = rows.indexOf(id);
    if (row < 0) {
      row = rows.push(id) - 1;
      write("\n");
    }
    const up = rows.length - row;
    write(`\x1b[${up}A\x1b[2K\r${id}: ${text}\r\x1b[${up}B`);
  };
  return {
    line(text) {
      rows.length = 0;
      write(`${text}\n`);
    },
    status: draw,
    bar(id, text, current, total) {
      const now = performance.now();
      if (now - (drawn.get(id) ?? -PAUSE) < PAUSE && current < total) return;
      drawn.set(id, now);
      draw(id, `${text} ${barText(current, total, terminalWidth())}`);
    },
  };
}

function terminalWidth(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80; // a terminal without a size, as a serial line's
  }
}

/** docker's: "[=====>      ]  1.2MB/5MB", on narrow terminals without the bar. */
export function barText(current: number, total: number, width: number): string {
  const numbers = `${humanSize(current).padStart(8)}/${humanSize(total)}`;
  if (width <= WIDE || total === 0) return numbers;
  const filled = Math.min(CELLS, Math.floor(current / total * CELLS));
  return `[${"=".repeat(filled)}>${" ".repeat(CELLS - filled)}] ${numbers}`;
}
