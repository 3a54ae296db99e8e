// What a record of the root directory has to look like. A record is checked whole where it is read, so that
// nothing after that meets a value of the wrong type. A field that is not named here is left alone: a later
// version may have written it.

import { readJson } from "./json.ts";
import { MAX_WHOLE } from "./whole.ts";

/** Whether a value, undefined where there is none, is what is wanted. */
export type Check = (value: unknown) => boolean;

export const text: Check = (value) => typeof value === "string";
export const truth: Check = (value) => typeof value === "boolean";
/** A whole number that a flag may have given, as numbers in records are but for a few. */
export const whole: Check = (value) => Number.isInteger(value) && Math.abs(value as number) <= MAX_WHOLE;

export const finite: Check = Number.isFinite;

/** A text that matches. */
export const matching = (pattern: RegExp): Check => (value) =>
  typeof value === "string" && pattern.test(value);

/** An ID or a digest: 64 hex digits. */
export const hexId = matching(/^[0-9a-f]{64}$/);

/** RFC 3339 in UTC: what timestamp() and Date's toISOString write. */
export const moment = matching(
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z$/,
);

export const oneOf = (...values: unknown[]): Check => (value) => values.includes(value);

/** What may be missing. */
export const optional = (check: Check): Check => (value) => value === undefined || check(value);

/** What may be missing, or null. */
export const nullable = (check: Check): Check => (value) =>
  value === undefined || value === null || check(value);

export const listOf = (check: Check): Check => (value) => Array.isArray(value) && value.every(check);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object with any keys. */
export const mapOf = (check: Check): Check => (value) => isObject(value) && Object.values(value).every(check);

/** An object with a check for each field of the type. */
export function shapeOf<T>(fields: { [field in keyof Required<T>]: Check }): Check {
  const checks = Object.entries<Check>(fields);
  return (value) => isObject(value) && checks.every(([field, check]) => check(value[field]));
}

/** The record in a JSON file; undefined where it is missing, or is not what `check` wants. */
export function readRecord<T>(dir: number, path: string, check: Check): T | undefined {
  const value = readJson<unknown>(dir, path);
  return check(value) ? value as T : undefined;
}
