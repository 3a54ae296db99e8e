// kill: a signal for the first processes of containers.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { CommandError, isFailure } from "../../base/error.ts";
import { several } from "../../cli/several.ts";
import { findContainer } from "../../container/find.ts";
import { isSignal, parseSignal } from "../../base/signals.ts";
import { killContainer } from "../../lifecycle/stop.ts";

export const spec: CommandSpec = {
  name: "kill",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Kill one or more running containers",
  aliases: ["container kill"],
  flags: [{ name: "signal", short: "s", kind: "string", help: "Signal to send to the container (SIGKILL)" }],
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  const signal = signalNumber(parsed.text("signal") || "KILL");
  return await several(parsed.args, async (reference) => {
    try {
      const container = findContainer(reference);
      if (!isSignal(signal)) throw new CommandError(`The linux daemon does not support signal ${signal}`, 1);
      await killContainer(container, signal);
    } catch (error) {
      if (!isFailure(error)) throw error;
      throw new CommandError(`Cannot kill container: ${reference}: ${error.message}`, 1, { cause: error });
    }
    return reference;
  });
}

/** Numbers are looked at later, as docker does. Throws CommandError for what is neither one nor a name. */
function signalNumber(text: string): number {
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : 0;
  return number === 0 ? parseSignal(text) : number;
}
