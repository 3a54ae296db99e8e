// What the words of logs say.

import type { Time } from "../../ffi/time.ts";
import { Failure } from "../base/error.ts";
import type { Flag, Parsed } from "../cli/command.ts";
import { goQuote } from "../template/go_text.ts";
import { parseWhen } from "../template/when.ts";

export const LOGS_FLAGS: Flag[] = [
  { name: "details", kind: "bool", help: "Show extra details provided to logs; there are none" },
  { name: "follow", short: "f", kind: "bool", help: "Follow log output" },
  {
    name: "since",
    kind: "string",
    help: 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
  },
  {
    name: "tail",
    short: "n",
    kind: "string",
    default: "all",
    help: "Number of lines to show from the end of the logs",
  },
  { name: "timestamps", short: "t", kind: "bool", help: "Show timestamps" },
  {
    name: "until",
    kind: "string",
    help:
      'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
  },
];

/** What of a log is wanted, and how it is shown. */
export interface LogsOptions {
  since?: Time;
  until?: Time;
  /** How many lines of its end; undefined for all. */
  tail?: number;
  follow: boolean;
  timestamps: boolean;
  details: boolean;
}

/** Moments may be relative to `now`. Throws Failure. */
export function logsOptions(parsed: Parsed, now: Time): LogsOptions {
  return {
    since: readMoment(parsed, "since", now),
    until: readMoment(parsed, "until", now),
    tail: readTail(parsed.text("tail")!),
    follow: parsed.bool("follow"),
    timestamps: parsed.bool("timestamps"),
    details: parsed.bool("details"),
  };
}

function readMoment(parsed: Parsed, flag: string, now: Time): Time | undefined {
  const text = parsed.text(flag);
  if (!text) return undefined;
  try {
    return parseWhen(text, now);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(`invalid value for "${flag}": ${error.message}`, { cause: error });
  }
}

function readTail(text: string): number | undefined {
  if (text === "all" || text === "") return undefined;
  if (!/^[+-]?\d+$/.test(text)) {
    throw new Failure(`invalid value for "tail": ${goQuote(text)} is neither a number nor "all"`);
  }
  return Number(text) < 0 ? undefined : Number(text);
}
