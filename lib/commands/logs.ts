// logs: what a container wrote, each stream to its own.

import type { CommandSpec, Parsed } from "../cli/command.ts";
import { print, printError } from "../cli/output.ts";
import { findContainer } from "../container/find.ts";
import { readFrames } from "../container/log.ts";

export const spec: CommandSpec = {
  name: "logs",
  usage: "[OPTIONS] CONTAINER",
  summary: "Show what a container wrote",
  aliases: ["container logs"],
  flags: [],
  args: [1, 1],
};

export function run(parsed: Parsed): number {
  const { dir } = findContainer(parsed.args[0]);
  for (const { stream, data } of readFrames(dir)) (stream === 2 ? printError : print)(data);
  return 0;
}
