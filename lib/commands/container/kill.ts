// kill: sends a signal to the first processes of containers.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure, isExpected } from "../../base/error.ts";
import { several } from "../../cli/several.ts";
import { withContainer } from "../../container/find.ts";
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
      await withContainer(reference, (container) => {
        if (!isSignal(signal)) throw new Failure(`The linux daemon does not support signal ${signal}`);
        return killContainer(container, signal);
      });
    } catch (error) {
      if (!isExpected(error)) throw error;
      throw new Failure(`Cannot kill container: ${reference}: ${error.message}`, { cause: error });
    }
    return reference;
  });
}

/**
 * The number of a signal; unknown numbers are refused later, as by docker. Throws Failure for unknown names.
 */
function signalNumber(text: string): number {
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : 0;
  return number === 0 ? parseSignal(text) : number;
}
