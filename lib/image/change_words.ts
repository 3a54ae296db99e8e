// Words of a Dockerfile instruction: quotes, backslashes and variables, as docker's builder reads them.

import { Failure } from "../base/error.ts";

/** Splits at blanks that are neither quoted nor escaped; quotes and backslashes stay for expandWord. */
export function splitWords(text: string): string[] {
  return text.match(/(?:\\[^]|'[^']*'|"(?:\\[^]|[^"\\])*"|[^\s])+/g) ?? [];
}

/**
 * A word without its quotes, and with its variables ($NAME, ${NAME}, ${NAME:-default}, ${NAME:+instead})
 * replaced, except in single quotes. Throws Failure for an unclosed brace.
 */
export function expandWord(word: string, variables: Map<string, string>): string {
  let result = "";
  for (let at = 0; at < word.length;) {
    const rest = word.slice(at);
    const single = /^'([^']*)'/.exec(rest);
    const double = /^"((?:\\[^]|[^"\\])*)"/.exec(rest);
    const taken = single ?? double;
    if (single) result += single[1];
    else if (double) result += expandQuoted(double[1], variables);
    else {
      const [value, length] = expandNext(rest, variables);
      result += value;
      at += length;
    }
    at += taken?.[0].length ?? 0;
  }
  return result;
}

/** In double quotes, a backslash only escapes characters that would have a meaning. */
function expandQuoted(text: string, variables: Map<string, string>): string {
  let result = "";
  for (let at = 0; at < text.length;) {
    const rest = text.slice(at);
    const plain = /^\\[^"$\\]/.test(rest);
    const [value, length] = plain ? [rest.slice(0, 2), 2] : expandNext(rest, variables);
    result += value;
    at += length;
  }
  return result;
}

/** The value of the escape, variable or character at the start of `rest`, and its length there. */
function expandNext(rest: string, variables: Map<string, string>): [value: string, length: number] {
  if (rest[0] === "\\") return [rest.slice(1, 2), 2];
  const plain = /^\$([A-Za-z_]\w*)/.exec(rest);
  if (plain) return [variables.get(plain[1]) ?? "", plain[0].length];
  const braced = /^\$\{([A-Za-z_]\w*)(?::([-+])((?:\\[^]|[^}\\])*))?\}/.exec(rest);
  if (!braced) {
    if (rest.startsWith("${")) throw new Failure(`bad substitution in ${JSON.stringify(rest)}`);
    return [rest[0], 1];
  }
  const [whole, name, operator, word = ""] = braced;
  const value = variables.get(name) ?? "";
  if (operator === "-" && value === "") return [expandWord(word, variables), whole.length];
  if (operator === "+") return [value === "" ? "" : expandWord(word, variables), whole.length];
  return [value, whole.length];
}
