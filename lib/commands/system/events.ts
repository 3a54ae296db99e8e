// events: shows past and future events of containers, images and volumes.

import { now } from "../../../ffi/clock.ts";
import { changes, watchDirectory } from "../../../ffi/inotify.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { FORMAT_OBJECT } from "../../cli/format_flag.ts";
import { print } from "../../base/output.ts";
import { parseWhen } from "../../template/when.ts";
import { eventFilter } from "../../events/filter.ts";
import { eventFormat } from "../../events/format.ts";
import { newEvents, type Sources } from "../../events/read.ts";
import { rootFd } from "../../store/root.ts";
import { parseFilters } from "../../cli/filter.ts";
import type { Time } from "../../../ffi/time.ts";

export const spec: CommandSpec = {
  name: "events",
  usage: "[OPTIONS]",
  summary: "Get real time events",
  aliases: ["system events"],
  flags: [
    {
      name: "filter",
      short: "f",
      kind: "list",
      value: "filter",
      help:
        "Filter output based on conditions provided: container=, event=, image=, label=, type= or volume=",
    },
    { ...FORMAT_OBJECT, short: undefined },
    {
      name: "since",
      kind: "string",
      help: "Show all events created since timestamp (a date, seconds, or 10m for 10 minutes ago)",
    },
    { name: "until", kind: "string", help: "Stream events until this timestamp" },
  ],
  args: [0, 0],
};

export async function run(parsed: Parsed): Promise<number> {
  const filters = parseFilters(parsed.list("filter"), "-f, --filter");
  const range = rangeOf(parsed);
  const [wanted, format] = [eventFilter(filters), eventFormat(parsed.text("format"))];
  const sources: Sources = [];
  for (let watch: number | undefined;;) {
    // Whether the time is over is determined before reading, so that all events up to then are read. The
    // watch was begun earlier still, so that none is missed.
    const over = range.until !== undefined && compare(now(), range.until) > 0;
    if (!over) watch ??= watchDirectory(rootFd());
    let text = "";
    for (const event of newEvents(sources, range.since)) {
      if (isWithin(event.time, range) && wanted(event)) text += format(event) + "\n";
    }
    print(text);
    if (over) return 0;
    await changes(watch!, millisecondsTo(range.until));
  }
}

interface Range {
  since: Time;
  until?: Time;
}

/** Without --since and --until, the events from now on. With --until alone, all events before it, too. */
function rangeOf(parsed: Parsed): Range {
  const start = now();
  const [since, until] = [parsed.text("since"), parsed.text("until")];
  const range = {
    since: since ? parseWhen(since, start) : until ? { seconds: 0, nanoseconds: 0 } : start,
    until: until ? parseWhen(until, start) : undefined,
  };
  if (range.until && compare(range.until, range.since) < 0) {
    throw new Failure(`\`since\` time (${since}) cannot be after \`until\` time (${until})`);
  }
  return range;
}

function isWithin(time: Time, { since, until }: Range): boolean {
  return compare(time, since) >= 0 && (until === undefined || compare(time, until) <= 0);
}

/** Negative if `a` is before `b`. */
function compare(a: Time, b: Time): number {
  return a.seconds - b.seconds || a.nanoseconds - b.nanoseconds;
}

function millisecondsTo(until: Time | undefined): number {
  if (until === undefined) return Infinity;
  const { seconds, nanoseconds } = now();
  return Math.max(1, (until.seconds - seconds) * 1000 + Math.ceil((until.nanoseconds - nanoseconds) / 1e6));
}
