// logs: shows a container's output, each stream on its own.

import { now, type Time } from "../../../ffi/clock.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { print, printError } from "../../base/output.ts";
import { goQuote } from "../../template/go_text.ts";
import { parseWhen } from "../../template/when.ts";
import { findContainer } from "../../container/find.ts";
import { type Frame, logBeginning, presentEnd, readFrames } from "../../log/frames.ts";
import { lineAssembler, type Lines } from "../../log/lines.ts";
import { linePrefix, type LogWriter, logWriter, type Output } from "../../log/writer.ts";
import { keeperLives } from "../../container/state.ts";
import type { Container } from "../../model/container.ts";

export const spec: CommandSpec = {
  name: "logs",
  usage: "[OPTIONS] CONTAINER",
  summary: "Fetch the logs of a container",
  aliases: ["container logs"],
  flags: [
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
  ],
  args: [1, 1],
};

/** The part of a log to show. */
interface Selection {
  since?: Time;
  until?: Time;
  /** Undefined for all lines. */
  tail?: number;
}

export async function run(parsed: Parsed): Promise<number> {
  const container = findContainer(parsed.args[0]);
  const selection = {
    since: readMoment(parsed, "since"),
    until: readMoment(parsed, "until"),
    tail: readTail(parsed.text("tail")!),
  };
  if (container.config.log.driver === "none") {
    throw new Failure("configured logging driver does not support reading");
  }
  const output: Output = (stream, bytes) => (stream === 2 ? printError : print)(bytes);
  const writer = logWriter(output, linePrefix(parsed.bool("timestamps"), parsed.bool("details")));
  await show(container, selection, writer, parsed.bool("follow"));
  return 0;
}

function readMoment(parsed: Parsed, flag: string): Time | undefined {
  const text = parsed.text(flag);
  if (!text) return undefined;
  try {
    return parseWhen(text, now());
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

async function show(
  container: Container,
  selection: Selection,
  writer: LogWriter,
  follow: boolean,
): Promise<void> {
  const goOn = follow && keeperLives(container.dir);
  const end = presentEnd(logBeginning(container));
  let [position, skip] = [logBeginning(container), 0];
  if (selection.tail !== undefined) {
    const { tailStart } = await import("../../log/tail.ts");
    ({ position, skip } = tailStart(container, selection.tail, end, !goOn));
  }
  const taker = frameTaker(selection, skip, writer);
  for (const frame of readFrames(position, end)) if (!taker.take(frame)) return taker.finish();
  if (goOn) {
    writer.flush();
    const { followLog } = await import("../../log/follow.ts");
    for await (const frame of followLog(container, position, selection.until)) {
      if (!taker.take(frame)) break;
      writer.flush();
    }
  }
  taker.finish();
}

const NEWLINE = 10;
const isBefore = (a: Time, b: Time) =>
  a.seconds < b.seconds || a.seconds === b.seconds && a.nanoseconds < b.nanoseconds;

/** Writes the selected lines of frames, except the first `skip`. */
function frameTaker({ since, until }: Selection, skip: number, writer: LogWriter) {
  const assembler = lineAssembler();
  const writeUnlessOld = (lines: Lines) => {
    if (!since || !isBefore(lines, since)) writer.write(lines);
  };
  const writeUnlessSkipped = (lines: Lines) => {
    const { data } = lines;
    let at = 0;
    for (let newline; skip > 0 && (newline = data.indexOf(NEWLINE, at)) >= 0; skip--) at = newline + 1;
    if (at === 0 && skip === 0) writeUnlessOld(lines);
    else if (at < data.length && skip === 0) {
      writeUnlessOld({ ...lines, data: data.subarray(at), continues: false });
    }
  };
  return {
    /** Returns false for a frame that is too late, as are all after it. */
    take(frame: Frame): boolean {
      if (until && isBefore(until, frame)) return false;
      assembler.add(frame).forEach(writeUnlessSkipped);
      return true;
    },
    /** Unfinished lines are shown, too. */
    finish(): void {
      assembler.rest().slice(skip).forEach(writeUnlessOld);
      writer.flush();
    },
  };
}
