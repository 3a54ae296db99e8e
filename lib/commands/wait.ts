// wait: until containers have ended, or are ready.

import type { CommandSpec, Parsed } from "../cli/command.ts";
import { several } from "../cli/several.ts";
import { findContainer } from "../container/find.ts";
import { waitForExit } from "../container/wait.ts";

export const spec: CommandSpec = {
  name: "wait",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Block until one or more containers stop, then print their exit codes",
  aliases: ["container wait"],
  flags: [],
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  return await several(parsed.args, async (reference) => String(await waitForExit(findContainer(reference))));
}
