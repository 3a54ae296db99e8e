// The results of prune commands.

import { printError } from "../base/output.ts";

/** What was removed, the number of bytes reclaimed, and why other objects were kept. */
export interface Pruned {
  removed: string[];
  reclaimed: number;
  kept: string[];
}

export const NOTHING_PRUNED: Pruned = { removed: [], reclaimed: 0, kept: [] };

/** Reports why objects were kept; returns the command's exit code. */
export function reportKept(...all: Pruned[]): number {
  const kept = all.flatMap((pruned) => pruned.kept);
  for (const reason of kept) printError(`mydocker: ${reason}\n`);
  return kept.length > 0 ? 1 : 0;
}
