// unpause: one container after another; what fails is said, and the rest goes on.

import type { CommandSpec, Parsed } from "../cli/command.ts";
import { isFailure } from "../cli/error.ts";
import { print, printError } from "../cli/output.ts";
import { findContainer } from "../container/find.ts";
import { unpauseContainer } from "../container/pause.ts";

export const spec: CommandSpec = {
  name: "unpause",
  usage: "CONTAINER [CONTAINER...]",
  summary: "Unpause all processes within one or more containers",
  aliases: ["container unpause"],
  flags: [],
  args: [1, Infinity],
};

export function run(parsed: Parsed): number {
  let code = 0;
  for (const reference of parsed.args) {
    try {
      unpauseContainer(findContainer(reference));
      print(`${reference}\n`);
    } catch (error) {
      if (!isFailure(error)) throw error;
      printError(`mydocker: ${error.message}\n`);
      code = 1;
    }
  }
  return code;
}
