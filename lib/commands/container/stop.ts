// stop: stops containers, all at the same time.

import type { CommandSpec, Flag, Parsed } from "../../cli/command.ts";
import { several } from "../../cli/several.ts";
import { withContainer } from "../../container/find.ts";
import { removeContainer } from "../../lifecycle/remove.ts";
import { parseSignal } from "../../base/signals.ts";
import { repairIfNeeded } from "../../network/leftovers.ts";
import { stopContainer, type StopOptions } from "../../lifecycle/stop.ts";

/** The flags of stop and restart that say how a container is stopped. */
export const STOP_FLAGS: Flag[] = [
  {
    name: "signal",
    short: "s",
    kind: "string",
    help: "Signal to send to the container",
  },
  {
    name: "timeout",
    short: "t",
    kind: "int",
    help: "Seconds to wait before killing the container (below 0: forever)",
  },
  { name: "time", kind: "int", help: "The same as --timeout", hidden: true },
];

export const spec: CommandSpec = {
  name: "stop",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Stop one or more running containers",
  aliases: ["container stop"],
  flags: STOP_FLAGS,
  args: [1, Infinity],
};

/** The values of STOP_FLAGS. Throws Failure for an unknown signal. */
export function stopOptions(parsed: Parsed): StopOptions {
  const signal = parsed.text("signal");
  return {
    signal: signal ? parseSignal(signal) : undefined,
    timeout: parsed.int("timeout") ?? parsed.int("time"),
  };
}

export async function run(parsed: Parsed): Promise<number> {
  const options = stopOptions(parsed);
  return await several(parsed.args, (reference) =>
    withContainer(reference, async (container) => {
      const hasRun = await stopContainer(container, options);
      // Its keeper would remove it a little later. Removed now, its name is free when this command ends.
      if (hasRun && container.config.autoRemove) await removeContainer(container, { volumes: true });
      if (!hasRun) await repairIfNeeded();
      return reference;
    }));
}
