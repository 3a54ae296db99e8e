// Checks the records of the root directory. A record is checked completely when it is read, so that no later
// code meets a value of the wrong type. Unknown fields are ignored: a later version may have written them.

import { readJson } from "./json.ts";
import { MAX_WHOLE } from "./whole.ts";

/** A test of a value, which is undefined if it is missing. */
export type Check = (value: unknown) => boolean;

export const text: Check = (value) => typeof value === "string";
export const truth: Check = (value) => typeof value === "boolean";
/** An integer within the range of docker's flags, which most numbers in records come from. */
export const whole: Check = (value) => Number.isInteger(value) && Math.abs(value as number) <= MAX_WHOLE;

export const finite: Check = Number.isFinite;

/** A string that matches the pattern. */
export const matching = (pattern: RegExp): Check => (value) =>
  typeof value === "string" && pattern.test(value);

/** An ID or a digest: 64 hex digits. */
export const hexId = matching(/^[0-9a-f]{64}$/);

/** RFC 3339 in UTC: what timestamp() and Date's toISOString write. */
export const moment = matching(
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z$/,
);

export const oneOf = (...values: unknown[]): Check => (value) => values.includes(value);

/** A value that may be missing. */
export const optional = (check: Check): Check => (value) => value === undefined || check(value);

/** A value that may be missing or null. */
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

/** The record in a JSON file; undefined if it is missing or fails `check`. */
export function readRecord<T>(dir: number, path: string, check: Check): T | undefined {
  const value = readJson<unknown>(dir, path);
  return check(value) ? value as T : undefined;
}
