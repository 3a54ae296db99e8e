// wait: waits until containers have ended, or are ready.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { several } from "../../cli/several.ts";
import { withContainer } from "../../container/find.ts";
import { readiness, readinessFlags } from "../../flags/readiness.ts";
import { waitFor } from "../../lifecycle/ready.ts";
import { waitForExit } from "../../lifecycle/wait.ts";

export const spec: CommandSpec = {
  name: "wait",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Block until one or more containers stop, then print their exit codes",
  aliases: ["container wait"],
  flags: readinessFlags("for"),
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  const wanted = readiness(parsed, "for");
  return await several(parsed.args, async (reference) => {
    const code = await withContainer(
      reference,
      (container) => wanted ? waitFor(container, wanted) : waitForExit(container),
    );
    return code === undefined ? reference : String(code);
  });
}
