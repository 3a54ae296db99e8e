// pause: freezes containers, one after another. After a failure it continues with the others.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { several } from "../../cli/several.ts";
import { withContainer } from "../../container/find.ts";
import { pauseContainer } from "../../lifecycle/pause.ts";

export const spec: CommandSpec = {
  name: "pause",
  usage: "CONTAINER [CONTAINER...]",
  summary: "Pause all processes within one or more containers",
  aliases: ["container pause"],
  flags: [],
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  return await several(parsed.args, async (reference) => {
    await withContainer(reference, pauseContainer);
    return reference;
  }, true);
}
