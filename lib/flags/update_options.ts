// The options of update.

import type { Limits } from "../cgroup/limits.ts";
import type { Flag, Parsed } from "../cli/command.ts";
import type { RestartPolicy } from "../model/container.ts";
import { givenLimits, LIVE_LIMIT_FLAGS } from "./limit_flags.ts";
import { restartPolicy } from "./restart_policy.ts";

export const UPDATE_FLAGS: Flag[] = [
  ...LIVE_LIMIT_FLAGS,
  {
    name: "restart",
    kind: "string",
    help: "Restart policy to apply when a container exits: no, on-failure[:COUNT], always or unless-stopped",
  },
];

/** The changes; everything else stays. */
export interface UpdateOptions {
  limits?: Limits;
  restart?: RestartPolicy;
}

/** Throws Failure, in docker's words. */
export async function updateOptions(parsed: Parsed): Promise<UpdateOptions> {
  const restart = parsed.text("restart");
  return {
    limits: await givenLimits(parsed, LIVE_LIMIT_FLAGS),
    restart: restart === undefined ? undefined : restartPolicy(restart),
  };
}
