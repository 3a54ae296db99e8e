// @ts-types="../cli/std.d.ts"
import { sprintf } from "@std/fmt/printf";
import { Failure } from "../base/error.ts";
import { goQuote, goText, goType } from "./go_text.ts";

/**
 * A template function. `min` and `max` bound the number of its arguments; `strict` functions accept exactly
 * these Go types.
 */
export interface TemplateFunction {
  min: number;
  max: number;
  types?: ("string" | "int")[];
  call: (...args: unknown[]) => unknown;
}

/** Truth as in text/template: empty and zero values are false. */
export function isTrue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

/**
 * Bytes that are not UTF-8 are lone surrogates here, which JSON.stringify escapes; they are shown as U+FFFD.
 * Two backslashes before an escape stand for one in the text.
 */
export function wellFormedJson(json: string): string {
  return json.replaceAll(/(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g, "$1\ufffd");
}

/** JSON as Go's encoder writes it, except that keys stay in the order of the data. */
export function goJson(value: unknown): string {
  const json = wellFormedJson(JSON.stringify(value ?? null));
  return json.replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function length(value: unknown): number {
  if (typeof value === "string") return byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (value === null) return 0;
  if (typeof value === "object") return Object.keys(value).length;
  throw new Failure(value === undefined ? "len of nil pointer" : `len of type ${goType(value)}`);
}

/**
 * The value that `index` finds for one key. A key that a map lacks gives "": docker's maps have strings as
 * values, or things that look the same when empty.
 */
function indexOne(value: unknown, key: unknown): unknown {
  const isList = typeof value === "string" || Array.isArray(value);
  if (isList || typeof key === "number") {
    if (value === undefined) throw new Failure("index of untyped nil");
    if (!isList && value !== null) throw new Failure(`value has type int; should be string`);
    if (typeof key !== "number") throw new Failure(`cannot index slice/array with type ${goType(key)}`);
    const items = typeof value === "string" ? new TextEncoder().encode(value) : (value ?? []) as unknown[];
    if (key < 0 || key >= items.length) throw new Failure(`index out of range: ${key}`);
    return items[key];
  }
  if (value === undefined) throw new Failure("index of untyped nil");
  if (typeof value !== "object") throw new Failure(`can't index item of type ${goType(value)}`);
  if (typeof key !== "string") throw new Failure(`value has type ${goType(key)}; should be string`);
  return value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : "";
}

function slice(value: unknown, from: unknown = 0, to: unknown = length(value)): unknown {
  if (typeof value !== "string" && !Array.isArray(value)) {
    throw new Failure(`can't slice item of type ${goType(value)}`);
  }
  for (const bound of [from, to]) {
    if (typeof bound !== "number" || bound < 0 || bound > length(value)) {
      throw new Failure(`index out of range: ${goText(bound)}`);
    }
  }
  if (from as number > (to as number)) throw new Failure(`invalid slice index: ${from} > ${to}`);
  return value.slice(from as number, to as number);
}

function basicType(value: unknown): string {
  const type = typeof value;
  if (type === "string" || type === "number" || type === "boolean") return type;
  throw new Failure("invalid type for comparison");
}

function equal(a: unknown, ...others: unknown[]): boolean {
  if (others.length === 0) throw new Failure("missing argument for comparison");
  return others.some((b) => {
    if (a === null || a === undefined || b === null || b === undefined) return (a ?? null) === (b ?? null);
    if (basicType(a) !== basicType(b)) throw new Failure("incompatible types for comparison");
    return a === b;
  });
}

function less(a: unknown, b: unknown): boolean {
  if (basicType(a) === "boolean") throw new Failure("invalid type for comparison");
  if (basicType(a) !== basicType(b)) throw new Failure("incompatible types for comparison");
  return (a as string) < (b as string);
}

/** fmt.Sprint: adds a space between neighbours that are both not strings. */
function print(...args: unknown[]): string {
  return args.map((arg, i) => {
    const spaced = i > 0 && typeof arg !== "string" && typeof args[i - 1] !== "string";
    return (spaced ? " " : "") + operandText(arg);
  }).join("");
}

/** fmt prints a nil argument as "<nil>", where the template itself would say "<no value>". */
function operandText(value: unknown): string {
  return goText(value ?? null);
}

function join(list: unknown, separator: unknown): string {
  if (list === null || list === undefined) return "";
  if (typeof list !== "object") throw new Failure(`expected slice, got ${goType(list)}`);
  const items = Array.isArray(list) ? list.map(operandText) : Object.values(list).map(operandText).sort();
  return items.join(separator as string);
}

/** strings.Title: a capital at the start of each run of letters, digits and underscores. */
function title(text: string): string {
  return text.replace(/(?<![\p{L}\p{N}_])\p{L}/gu, (letter) => letter.toUpperCase());
}

const DIRECTIVE = /%([-+# 0]*)(\d*)((?:\.\d*)?)([a-zA-Z%]|$)/g;
const NUMBER_VERBS = "bcdoxXeEfFgG";

/** fmt.Sprintf for JSON values: %v %s %q %d %t %T, the numeric verbs, flags, width and precision. */
function printf(format: unknown, ...args: unknown[]): string {
  let used = 0;
  const text = (format as string).replace(DIRECTIVE, (_, flags, width, precision, verb) => {
    if (verb === "%") return "%";
    if (verb === "") return "%!(NOVERB)";
    if (used >= args.length) return `%!${verb}(MISSING)`;
    return directive(flags, width, precision, verb, args[used++]);
  });
  if (used === args.length) return text;
  const extra = args.slice(used).map((arg) => `${goType(arg)}=${operandText(arg)}`);
  return `${text}%!(EXTRA ${extra.join(", ")})`;
}

function directive(flags: string, width: string, precision: string, verb: string, arg: unknown): string {
  const bad = `%!${verb}(${goType(arg)}=${operandText(arg)})`;
  const asText = (text: string) => sprintf(`%${flags.replace(/[+#0 ]/g, "")}${width}${precision}s`, text);
  if (verb === "v") return asText(operandText(arg));
  if (verb === "T") return asText(goType(arg));
  if (verb === "t") return typeof arg === "boolean" ? asText(String(arg)) : bad;
  if (typeof arg === "number") {
    const integerVerb = "bcdoxX".includes(verb);
    const suits = NUMBER_VERBS.includes(verb) && integerVerb === Number.isInteger(arg);
    return suits ? sprintf(`%${flags}${width}${precision}${verb}`, arg) : bad;
  }
  if (verb === "q") return typeof arg === "string" ? asText(goQuote(arg)) : bad;
  if (verb === "x" || verb === "X") return sprintf(`%${flags}${width}${precision}${verb}`, operandText(arg));
  return verb === "s" && typeof arg !== "boolean" ? asText(operandText(arg)) : bad;
}

const text = (call: (value: string) => unknown): TemplateFunction => ({
  min: 1,
  max: 1,
  types: ["string"],
  call: call as TemplateFunction["call"],
});

/**
 * The functions for templates: those of text/template (without html, js, urlquery and call) and docker's own.
 * They throw a Failure that says only what is wrong; the template adds where. `and` and `or` are listed
 * for their names only: the evaluator stops at the argument that decides.
 */
export const FUNCTIONS: Record<string, TemplateFunction> = {
  and: { min: 1, max: Infinity, call: (...args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1) },
  or: { min: 1, max: Infinity, call: (...args) => args.find(isTrue) ?? args.at(-1) },
  not: { min: 1, max: 1, call: (value) => !isTrue(value) },
  len: { min: 1, max: 1, call: length },
  index: { min: 1, max: Infinity, call: (value, ...keys) => keys.reduce(indexOne, value) },
  slice: { min: 1, max: 3, call: slice },
  print: { min: 0, max: Infinity, call: print },
  printf: { min: 1, max: Infinity, types: ["string"], call: printf },
  println: { min: 0, max: Infinity, call: (...args) => args.map(operandText).join(" ") + "\n" },
  eq: { min: 1, max: Infinity, call: equal },
  ne: { min: 2, max: 2, call: (a, b) => !equal(a, b) },
  lt: { min: 2, max: 2, call: less },
  le: { min: 2, max: 2, call: (a, b) => less(a, b) || equal(a, b) },
  gt: { min: 2, max: 2, call: (a, b) => !less(a, b) && !equal(a, b) },
  ge: { min: 2, max: 2, call: (a, b) => !less(a, b) },
  json: { min: 1, max: 1, call: goJson },
  join: { min: 2, max: 2, call: join },
  lower: text((value) => value.toLowerCase()),
  upper: text((value) => value.toUpperCase()),
  title: text(title),
  split: {
    min: 2,
    max: 2,
    types: ["string", "string"],
    call: (value, by) => (value as string).split(by as string),
  },
  pad: {
    min: 3,
    max: 3,
    types: ["string", "int", "int"],
    call: (value, before, after) =>
      value && " ".repeat(before as number) + value + " ".repeat(after as number),
  },
  truncate: {
    min: 2,
    max: 2,
    types: ["string", "int"],
    call: (value, max) => (value as string).slice(0, max as number),
  },
};
