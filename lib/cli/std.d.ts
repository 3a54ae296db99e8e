// npm's deno-std carries no types: these are the signatures of the functions lib uses.

/** @std/text/closest-string; throws a TypeError when `possibleWords` is empty. */
export function closestString(
  givenWord: string,
  possibleWords: readonly string[],
  options?: { caseSensitive?: boolean },
): string;

/** @std/text/levenshtein-distance */
export function levenshteinDistance(str1: string, str2: string): number;

/** @std/fmt/printf */
export function sprintf(format: string, ...args: unknown[]): string;
