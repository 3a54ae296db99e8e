// --filter of lists and prunes: name=value, which may be given several times.

import { Failure, Refusal } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";

/** Values by filter name. */
export type Filters = Map<string, string[]>;

const TRUE = ["1", "true"];
const FALSE = ["0", "false"];

/**
 * Parses the values of a --filter flag; `flag` is its name as users know it ("-f, --filter"). Empty values
 * are ignored. Throws Failure for a value without "=", and for a name that is not in `known`, if that is
 * given.
 */
export function parseFilters(values: string[], flag: string, known?: string[]): Filters {
  const filters: Filters = new Map();
  for (const value of values) {
    if (value === "") continue;
    const equals = value.indexOf("=");
    if (equals < 0) {
      const problem = "bad format of filter (expected name=value)";
      throw new Refusal(`invalid argument ${goQuote(value)} for "${flag}" flag: ${problem}`);
    }
    // "label!=x" is the filter "label!" with the value "x".
    const name = value.slice(0, equals).trim().toLowerCase();
    if (known && !known.includes(name)) {
      throw new Failure(`Invalid filter '${name}'; there are ${known.join(", ")}`);
    }
    filters.set(name, [...filters.get(name) ?? [], value.slice(equals + 1).trim()]);
  }
  return filters;
}

/** The value of a boolean filter; undefined where it is not given. Throws Failure. */
export function truthOf(filters: Filters, name: string): boolean | undefined {
  const value = filters.get(name)?.at(-1);
  if (value === undefined) return undefined;
  if (TRUE.includes(value)) return true;
  if (FALSE.includes(value)) return false;
  throw new Failure(`Invalid filter '${name}=${value}'; it is true or false`);
}

/** Whether labels pass the filters label (all must match) and label! (none may match). */
export function matchesLabels(labels: Record<string, string>, filters: Filters): boolean {
  return (filters.get("label")?.every((wanted) => hasLabel(labels, wanted)) ?? true) &&
    !filters.get("label!")?.some((wanted) => hasLabel(labels, wanted));
}

/** Whether `labels` has "key" or "key=value". */
export function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const [, key, value] = /^([^=]*)(?:=(.*))?$/s.exec(wanted)!;
  return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
}

/**
 * A test of names by a regular expression, which may match anywhere. An invalid expression matches only the
 * same text.
 */
export function namePattern(pattern: string): (name: string) => boolean {
  try {
    const expression = new RegExp(pattern);
    return (name) => expression.test(name);
  } catch {
    return (name) => name === pattern; // as in docker
  }
}
