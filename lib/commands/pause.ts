// pause: one container after another; what fails is said, and the rest goes on.

import type { CommandSpec, Parsed } from "../cli/command.ts";
import { isFailure } from "../cli/error.ts";
import { print, printError } from "../cli/output.ts";
import { findContainer } from "../container/find.ts";
import { pauseContainer } from "../container/pause.ts";

export const spec: CommandSpec = {
  name: "pause",
  usage: "CONTAINER [CONTAINER...]",
  summary: "Pause all processes within one or more containers",
  aliases: ["container pause"],
  flags: [],
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  let code = 0;
  for (const reference of parsed.args) {
    try {
      await pauseContainer(findContainer(reference));
      print(`${reference}\n`);
    } catch (error) {
      if (!isFailure(error)) throw error;
      printError(`mydocker: ${error.message}\n`);
      code = 1;
    }
  }
  return code;
}
