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

/** @std/cli/parse-args, as far as lib/launcher/arguments.ts uses it. */
export function parseArgs(args: string[], options: {
  boolean: string[];
  string: string[];
  /** Is told each argument that is none of the flags; without `flag` it is a word. */
  unknown: (arg: string, flag?: string) => void;
}): { _: string[]; [flag: string]: unknown };

/** @std/path/posix: by the text alone. */
export function basename(path: string, suffix?: string): string;
export function dirname(path: string): string;
export function extname(path: string): string;
export function join(...paths: string[]): string;
/** Without a slash at the end. Where none of them is absolute, from the working directory. */
export function resolve(...paths: string[]): string;

/** @std/async/delay: waits, or throws the signal's reason as soon as it is aborted. */
export function delay(milliseconds: number, options?: { signal?: AbortSignal }): Promise<void>;
