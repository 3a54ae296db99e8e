// What the prune commands tell.

import { printError } from "../base/output.ts";

/** What was removed, how many bytes that gave, and why others had to stay. */
export interface Pruned {
  removed: string[];
  reclaimed: number;
  kept: string[];
}

export const NOTHING_PRUNED: Pruned = { removed: [], reclaimed: 0, kept: [] };

/** Says why some had to stay; returns the command's exit code. */
export function reportKept(...all: Pruned[]): number {
  const kept = all.flatMap((pruned) => pruned.kept);
  for (const reason of kept) printError(`mydocker: ${reason}\n`);
  return kept.length > 0 ? 1 : 0;
}
