import { Refusal } from "./error.ts";
import { MAX_WHOLE } from "./whole.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY_POWER: Record<string, number> = { k: 1, m: 2, g: 3, t: 4, p: 5 };
const HOUR = 3600;

/** A duration in docker's words ("About a minute", "3 weeks"); `seconds` may have a fraction. */
export function humanDuration(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 1) return "Less than a second";
  if (whole === 1) return "1 second";
  if (whole < 60) return `${whole} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  // Hours are rounded and all else is truncated, as in go-units; the thresholds below depend on that.
  const hours = Math.floor(seconds / HOUR + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  const days = Math.floor(hours / 24);
  if (hours < 24 * 7 * 2) return `${days} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(days / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(days / 30)} months`;
  return `${Math.floor(seconds / HOUR / 24 / 365)} years`;
}

/** The time since an event, as in the CREATED column: "3 seconds ago". */
export function humanAgo(seconds: number): string {
  return `${humanDuration(seconds)} ago`;
}

/**
 * A size in powers of 1000 with at most `digits` significant digits: "1.986MB". docker shows 3 digits in the
 * SIZE columns of `images` and `ps -s`, and 4 elsewhere. Where go-units prints 999.9 kB in 3 digits as
 * "1e+03kB", this goes on to the next unit.
 */
export function humanSize(bytes: number, digits = 4): string {
  let size = bytes;
  let unit = 0;
  while (Number(size.toPrecision(digits)) >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${Number(size.toPrecision(digits))}${UNITS[unit]}`;
}

/** A size in powers of 1024, as docker shows memory: "23.54GiB". */
export function binarySize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${Number((bytes / 1024 ** power).toPrecision(4))}${units[power]}`;
}

/** The last lines of a prune; `what` is "Containers" or the like. */
export function prunedText(what: string, removed: string[], reclaimed: number): string {
  return `${deletedText(what, removed)}Total reclaimed space: ${humanSize(reclaimed)}\n`;
}

/** The part that lists what was deleted; "" if nothing was. */
export function deletedText(what: string, removed: string[]): string {
  return removed.length > 0 ? `Deleted ${what}:\n${removed.join("\n")}\n\n` : "";
}

/**
 * Parses a size for --memory or --shm-size: a number, optionally with a fraction, and b, k, m, g, t or p in
 * either case, also written kb or kib. Units are powers of 1024. Throws a Refusal for anything else.
 */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d*)?|\.\d+) ?(?:b|([kmgtp])(?:i?b)?)?$/i.exec(text);
  if (!match) throw new Refusal(`invalid size: '${text}'`);
  const power = BINARY_POWER[match[2]?.toLowerCase()] ?? 0;
  const bytes = Math.floor(Number(match[1]) * 1024 ** power);
  if (bytes > MAX_WHOLE) throw new Refusal(`invalid size: '${text}': value out of range`);
  return bytes;
}

/** The 12 characters of an ID that docker shows, without its algorithm ("sha256:"). */
export function shortId(id: string): string {
  return id.slice(id.indexOf(":") + 1).slice(0, 12);
}

/**
 * `text` shortened to `max` cells of a terminal, the last of which is "…" if there is room for it. `widthOf`
 * says how many cells a text takes.
 */
export function ellipsis(text: string, max: number, widthOf = countCharacters): string {
  if (widthOf(text) <= max) return text;
  const characters = [...text];
  if (max <= 1) return characters.slice(0, Math.max(0, max)).join("");
  let cells = 0;
  const end = characters.findIndex((character) => (cells += widthOf(character)) > max - 1);
  return characters.slice(0, end).join("") + "…";
}

/** A code point that takes two of a string's units. */
const PAIR = /[\ud800-\udbff][\udc00-\udfff]/g;

/** How many code points a text has: its cells, where all of it is ASCII. */
export function countCharacters(text: string): number {
  return text.length - (text.match(PAIR)?.length ?? 0);
}
