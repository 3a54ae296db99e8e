// restart: stops containers that run, and starts them.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { several } from "../../cli/several.ts";
import { withContainer } from "../../container/find.ts";
import { emitContainer } from "../../events/emit.ts";
import { stopContainer, type StopOptions } from "../../lifecycle/stop.ts";
import { requireKernel, requireRoot } from "../../base/kernel.ts";
import { start } from "./start.ts";
import { STOP_FLAGS, stopOptions } from "./stop.ts";

export const spec: CommandSpec = {
  name: "restart",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Restart one or more containers",
  aliases: ["container restart"],
  flags: STOP_FLAGS,
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  requireRoot();
  requireKernel();
  const options = stopOptions(parsed);
  return await several(parsed.args, (reference) => restart(reference, options), true);
}

async function restart(reference: string, options: StopOptions): Promise<string> {
  return await withContainer(reference, async (container) => {
    try {
      await stopContainer(container, options);
      await start(container);
      emitContainer(container, "restart");
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(`Cannot restart container ${reference}: ${error.message}`, { cause: error });
    }
    return reference;
  });
}
