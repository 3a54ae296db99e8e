// --filter of the lists and prunes: name=value, several at once.

import { Failure, Refusal } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";

/** Values by filter name. */
export type Filters = Map<string, string[]>;

const TRUE = ["1", "true"];
const FALSE = ["0", "false"];

/**
 * Reads the values of a --filter flag, which `flag` names as the user knows it ("-f, --filter"); empty ones
 * say nothing. Throws Failure: exit 125 for a value that is no name=value, and 1 for a name that is not
 * in `known`, if that is given.
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

/**
 * The value of a filter that is true or false; undefined where it is not given. Throws Failure.
 */
export function truthOf(filters: Filters, name: string): boolean | undefined {
  const value = filters.get(name)?.at(-1);
  if (value === undefined) return undefined;
  if (TRUE.includes(value)) return true;
  if (FALSE.includes(value)) return false;
  throw new Failure(`Invalid filter '${name}=${value}'; it is true or false`);
}

/** Whether labels pass the filters label (all of them) and label! (none of them). */
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
 * A test for names by a regular expression, found anywhere in them; what is none is a name that only equals.
 */
export function namePattern(pattern: string): (name: string) => boolean {
  try {
    const expression = new RegExp(pattern);
    return (name) => expression.test(name);
  } catch {
    return (name) => name === pattern; // as in docker
  }
}
