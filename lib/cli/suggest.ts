// Imported statically: evaluating both modules was measured at 0.04 ms, and parse can't await.
// @ts-types="./std.d.ts"
import { closestString } from "@std/text/closest-string";
// @ts-types="./std.d.ts"
import { levenshteinDistance } from "@std/text/levenshtein-distance";

/**
 * The candidate that `word` was most likely meant to be: one that differs by a few typing mistakes (more for
 * a longer word), has the same letters, or starts with `word`. Undefined when nothing is close enough.
 */
export function nearest(word: string, candidates: string[]): string | undefined {
  if (candidates.length === 0 || word.length < 2) return undefined;
  const swapped = candidates.find((candidate) => letters(candidate) === letters(word));
  if (swapped) return swapped;
  const closest = closestString(word, candidates);
  const allowed = word.length < 6 ? 1 : word.length < 9 ? 2 : 3;
  if (levenshteinDistance(word.toLowerCase(), closest.toLowerCase()) <= allowed) return closest;
  if (word.length < 3) return undefined;
  return candidates.find((candidate) => candidate.startsWith(word));
}

/** Equal for words with the same letters: two letters in the wrong order are the most common mistake. */
function letters(word: string): string {
  return [...word].sort().join("");
}
