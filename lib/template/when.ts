// Points in time, as --since and --until accept them.

import { Failure } from "../base/error.ts";
import { goQuote } from "./go_text.ts";
import type { Time } from "../../ffi/time.ts";

const BILLION = 1_000_000_000n;
/** Nanoseconds in the units of a Go duration. */
const UNITS: Record<string, bigint> = {
  ns: 1n,
  us: 1000n,
  "µs": 1000n,
  "μs": 1000n,
  ms: 1_000_000n,
  s: BILLION,
  m: 60n * BILLION,
  h: 3600n * BILLION,
};

/**
 * The moment that `text` means: a Go duration before `now` ("1h30m", "1.5s"), seconds since 1970 with or
 * without a fraction, or a date with as much of "2006-01-02T15:04:05.999999999Z07:00" as is wanted, in the
 * local time zone where it names none. Durations count to the nanosecond, where docker's count whole seconds.
 * Throws a Failure with docker's words; `logs` puts the flag's name before them.
 */
export function parseWhen(text: string, now: Time): Time {
  const ago = parseDuration(text);
  if (ago !== undefined) return moment(BigInt(now.seconds) * BILLION + BigInt(now.nanoseconds) - ago);
  const unix = /^(\d{1,15})(?:\.(\d+))?$/.exec(text);
  if (unix) return { seconds: Number(unix[1]), nanoseconds: nanoseconds(unix[2]) };
  if (text.includes("-")) return parseDate(text);
  throw new Failure(`failed to parse value as time or duration: ${goQuote(text)}`);
}

function moment(nanoseconds: bigint): Time {
  const rest = ((nanoseconds % BILLION) + BILLION) % BILLION;
  return { seconds: Number((nanoseconds - rest) / BILLION), nanoseconds: Number(rest) };
}

/** Nanoseconds of a fraction's digits. */
function nanoseconds(digits = ""): number {
  return Number(digits.slice(0, 9).padEnd(9, "0"));
}

/**
 * Parses a duration like Go's time.ParseDuration, in nanoseconds; undefined for other text, and for a plain
 * "0", which means 1970.
 */
export function parseDuration(text: string): bigint | undefined {
  const [, sign, parts] = /^([-+]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.exec(text) ?? [];
  if (parts === undefined) return undefined;
  let sum = 0n;
  for (const [, whole, fraction = "", unit] of parts.matchAll(/(\d*)(?:\.(\d*))?([a-zµμ]+)/g)) {
    const scale = 10n ** BigInt(fraction.length);
    sum += BigInt(whole + fraction || "0") * UNITS[unit] / scale;
  }
  return sign === "-" ? -sum : sum;
}

/** A part of a date: its name in Go's layouts and its pattern; for numbers also their name and range. */
interface Part {
  layout: string;
  pattern: RegExp;
  range?: [name: string, min: number, max: number];
}

const literal = (layout: string): Part => ({ layout, pattern: new RegExp(`^${layout}`) });
const number = (layout: string, name: string, min: number, max: number): Part => ({
  layout,
  pattern: /^\d\d/,
  range: [name, min, max],
});
const DAY: Part[] = [
  { layout: "2006", pattern: /^\d{4}/ },
  literal("-"),
  number("01", "month", 1, 12),
  literal("-"),
  number("02", "day", 1, 31),
];
const CLOCK = [
  [literal("T"), number("15", "hour", 0, 23)],
  [literal(":"), number("04", "minute", 0, 59)],
  [literal(":"), number("05", "second", 0, 59)],
];
const ZONE: Part = { layout: "Z07:00", pattern: /^(?:Z|[-+]\d\d:\d\d)/ };
/** Go takes either sign. */
const FRACTION = /^[.,]\d+/;

/** The parts that `text` should have, judged by what is recognizable, so that the error can be specific. */
function partsOf(text: string): Part[] {
  const zoned = /[zZ+]/.test(text) || text.split("-").length === 4;
  const clock = text.slice(text.indexOf("T")).replace(/[+-].*/, "");
  const fields = text.includes(".") ? 3 : text.includes("T") ? clock.split(":").length : 0;
  return [...DAY, ...CLOCK.slice(0, fields).flat(), ...(zoned ? [ZONE] : [])];
}

/** RFC 3339, which may be shortened at several places. */
function parseDate(text: string): Time {
  const found = readParts(text, partsOf(text));
  const day = `${found["2006"]}-${found["01"]}-${found["02"]}`;
  if (new Date(`${day}T00:00:00Z`).toJSON()?.slice(0, 10) !== day) unreadable(text, "day out of range");
  const clock = `${found["15"] ?? "00"}:${found["04"] ?? "00"}:${found["05"] ?? "00"}`;
  // Date takes a time of day without a zone as local time.
  const seconds = Date.parse(`${day}T${clock}${found["Z07:00"] ?? ""}`) / 1000;
  if (Number.isNaN(seconds)) unreadable(text, "time zone offset hour out of range");
  return { seconds, nanoseconds: nanoseconds(found.fraction?.slice(1)) };
}

/** The text of each part, by the part's layout, and of `fraction`, which may follow the seconds. */
function readParts(text: string, parts: Part[]): Record<string, string> {
  const found: Record<string, string> = {};
  let rest = text;
  const take = (name: string, match: string) => {
    found[name] = match;
    rest = rest.slice(match.length);
  };
  for (const { layout, pattern, range } of parts) {
    const match = pattern.exec(rest)?.[0];
    if (match === undefined) {
      const whole = parts.map((part) => part.layout).join("");
      const where = `cannot parse ${goQuote(rest)} as ${goQuote(layout)}`;
      throw new Failure(`parsing time ${goQuote(text)} as ${goQuote(whole)}: ${where}`);
    }
    if (range && (Number(match) < range[1] || Number(match) > range[2])) {
      unreadable(text, `${range[0]} out of range`);
    }
    take(layout, match);
    if (layout === "05") take("fraction", FRACTION.exec(rest)?.[0] ?? "");
  }
  if (rest !== "") unreadable(text, `extra text: ${goQuote(rest)}`);
  return found;
}

function unreadable(text: string, why: string): never {
  throw new Failure(`parsing time ${goQuote(text)}: ${why}`);
}
