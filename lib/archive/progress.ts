// docker's progress bars: a line for each layer, which changes while the layer is read.

import { humanSize, shortId } from "../cli/human.ts";
import { print } from "../cli/output.ts";
import type { Progress } from "./load.ts";

const WIDTH = 50;
/** Milliseconds between two changes of a line. */
const PAUSE = 100;

/** Bars on stdout, or none unless `shown`; `end` to be called once, whatever happened. */
export function progressBars(shown: boolean): { update: Progress; end(): void } {
  let current: string | undefined;
  let last = 0;
  const end = () => {
    if (current !== undefined) print("\n");
    current = undefined;
  };
  return {
    update(diffId, read, total) {
      if (!shown) return;
      const now = performance.now();
      if (current === diffId && read < total && now - last < PAUSE) return;
      if (current !== undefined && current !== diffId) end();
      current = diffId;
      last = now;
      print(`\r${shortId(diffId)}: Loading layer ${bar(read, total)}\x1b[K`);
    },
    end,
  };
}

/** "[====>    ]  1.2MB/3.4MB" */
function bar(read: number, total: number): string {
  const filled = total > 0 ? Math.floor(WIDTH * read / total) : WIDTH;
  const line = filled < WIDTH ? `${"=".repeat(filled)}>`.padEnd(WIDTH) : "=".repeat(WIDTH - 1) + ">";
  return `[${line}]  ${humanSize(read)}/${humanSize(total)}`;
}
