// logs: shows a container's output, each stream on its own.

import { now } from "../../../ffi/clock.ts";
import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { print, printError } from "../../base/output.ts";
import { LOGS_FLAGS, type LogsOptions, logsOptions } from "../../flags/logs_options.ts";
import { findContainer } from "../../container/find.ts";
import { type Frame, logBeginning, presentEnd, readFrames } from "../../log/frames.ts";
import { lineAssembler, type Lines } from "../../log/lines.ts";
import { linePrefix, type LogWriter, logWriter, type Output } from "../../log/writer.ts";
import { keeperLives } from "../../container/state.ts";
import type { Container } from "../../model/container.ts";
import type { Time } from "../../../ffi/time.ts";

export const spec: CommandSpec = {
  name: "logs",
  usage: "[OPTIONS] CONTAINER",
  summary: "Fetch the logs of a container",
  aliases: ["container logs"],
  flags: LOGS_FLAGS,
  args: [1, 1],
};

export async function run(parsed: Parsed): Promise<number> {
  // In docker's order: it looks at the container before it reads the values.
  const container = findContainer(parsed.args[0]);
  const options = logsOptions(parsed, now());
  if (container.config.log.driver === "none") {
    throw new Failure("configured logging driver does not support reading");
  }
  const output: Output = (stream, bytes) => (stream === 2 ? printError : print)(bytes);
  await show(container, options, logWriter(output, linePrefix(options.timestamps, options.details)));
  return 0;
}

async function show(container: Container, options: LogsOptions, writer: LogWriter): Promise<void> {
  const goOn = options.follow && keeperLives(container.dir);
  const end = presentEnd(logBeginning(container));
  let [position, skip] = [logBeginning(container), 0];
  if (options.tail !== undefined) {
    const { tailStart } = await import("../../log/tail.ts");
    ({ position, skip } = tailStart(container, options.tail, end, !goOn));
  }
  const taker = frameTaker(options, skip, writer);
  for (const frame of readFrames(position, end)) if (!taker.take(frame)) return taker.finish();
  if (goOn) {
    writer.flush();
    const { followLog } = await import("../../log/follow.ts");
    for await (const frame of followLog(container, position, options.until)) {
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
function frameTaker({ since, until }: LogsOptions, skip: number, writer: LogWriter) {
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
