// update: other limits or another restart policy, for containers that run as for others.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { printError } from "../../base/output.ts";
import { several } from "../../cli/several.ts";
import { findContainer } from "../../container/find.ts";
import { givenLimits, LIVE_LIMIT_FLAGS } from "../../flags/limit_flags.ts";
import { refuseNonsense } from "../../lifecycle/limit_checks.ts";
import { restartPolicy } from "../../flags/restart_policy.ts";
import { type Changes, updateContainer } from "../../lifecycle/update.ts";

export const spec: CommandSpec = {
  name: "update",
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Update configuration of one or more containers",
  aliases: ["container update"],
  flags: [
    ...LIVE_LIMIT_FLAGS,
    {
      name: "restart",
      kind: "string",
      help:
        "Restart policy to apply when a container exits: no, on-failure[:COUNT], always or unless-stopped",
    },
  ],
  args: [1, Infinity],
};

export async function run(parsed: Parsed): Promise<number> {
  const limits = await givenLimits(parsed, LIVE_LIMIT_FLAGS);
  if (!limits && !parsed.given("restart")) {
    throw new Failure("you must provide one or more flags when using this command");
  }
  const warnings: string[] = [];
  const code = await several(parsed.args, (reference) => {
    const container = findContainer(reference);
    const changes = requested(parsed, limits);
    warnings.push(...updateContainer(container, changes));
    return reference;
  }, true);
  if (warnings.length > 0) printError(`${warnings.join("\n")}\n`);
  return code;
}

/** Throws Failure for what makes no sense: it is docker's daemon that says so, of each container. */
function requested(parsed: Parsed, limits: Changes["limits"]): Changes {
  if (limits) refuseNonsense(limits);
  return { limits, restart: parsed.given("restart") ? restartPolicy(parsed.text("restart")!) : undefined };
}
