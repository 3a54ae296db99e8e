// HEALTHCHECK of --change: how to check a container's health. Images keep it for those who use it.

import { Failure } from "../base/error.ts";
import { parseDuration } from "../template/when.ts";

/** As in docker's image-spec: durations in nanoseconds; unset fields have docker's defaults. */
export interface Healthcheck {
  Test: string[];
  Interval?: number;
  Timeout?: number;
  StartPeriod?: number;
  Retries?: number;
}

const DURATIONS = { interval: "Interval", timeout: "Timeout", "start-period": "StartPeriod" } as const;
const MILLISECOND = 1_000_000n;

/**
 * Parses "[--interval=…] [--timeout=…] [--start-period=…] [--retries=…] CMD …" or "NONE"; `arrayOf` parses a
 * command in its JSON form. Throws Failure in docker's words.
 */
export function parseHealthcheck(text: string, arrayOf: (text: string) => string[] | undefined): Healthcheck {
  const { flags, rest } = splitFlags(text);
  const [, type = "", command] = /^(\S*)\s*([^]*)$/.exec(rest)!;
  if (type === "") fail("HEALTHCHECK requires at least one argument");
  if (type.toUpperCase() === "NONE") {
    if (command !== "") fail("HEALTHCHECK NONE takes no arguments");
    return { Test: ["NONE"] };
  }
  if (type.toUpperCase() !== "CMD") fail(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`);
  const argv = arrayOf(command);
  if (command === "" || argv?.length === 0) fail("Missing command after HEALTHCHECK CMD");
  return { Test: argv ? ["CMD", ...argv] : ["CMD-SHELL", command], ...settingsOf(flags) };
}

function splitFlags(text: string): { flags: Map<string, string>; rest: string } {
  const flags = new Map<string, string>();
  let rest = text;
  for (let match; (match = /^--([^\s=]+)(=\S*)?(?:\s+|$)/.exec(rest));) {
    const [whole, name, value] = match;
    if (!Object.hasOwn(DURATIONS, name) && name !== "retries") fail(`Unknown flag: ${name}`);
    if (flags.has(name)) fail(`Duplicate flag specified: ${name}`);
    if (value === undefined) fail(`Missing a value on flag: ${name}`);
    flags.set(name, value.slice(1));
    rest = rest.slice(whole.length);
  }
  return { flags, rest };
}

function settingsOf(flags: Map<string, string>): Omit<Healthcheck, "Test"> {
  const settings: Omit<Healthcheck, "Test"> = {};
  for (const [name, field] of Object.entries(DURATIONS)) {
    const text = flags.get(name);
    if (text) settings[field] = durationOf(name, text);
  }
  const retries = flags.get("retries");
  if (retries) settings.Retries = countOf(retries);
  return settings;
}

function durationOf(name: string, text: string): number {
  const nanoseconds = text === "0" ? 0n : parseDuration(text);
  if (nanoseconds === undefined) {
    const missing = /^[-+]?[\d.]*\d[\d.]*$/.test(text);
    fail(`time: ${missing ? "missing unit in" : "invalid"} duration ${JSON.stringify(text)}`);
  }
  if (nanoseconds < MILLISECOND) fail(`Interval "${name}" cannot be less than 1ms`);
  return Number(nanoseconds);
}

function countOf(text: string): number {
  if (!/^[-+]?\d+$/.test(text)) fail(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const count = Number(text);
  if (count < 1) fail(`--retries must be at least 1 (not ${count})`);
  return count;
}

function fail(problem: string): never {
  throw new Failure(problem);
}
