// start-again: the keeper of a container with a restart policy executes it after the delay. Not for users.

import type { CommandSpec, Parsed } from "../../cli/command.ts";
import { Failure } from "../../base/error.ts";
import { openContainer } from "../../container/find.ts";
import { nextRestart, wantsRestart } from "../../lifecycle/restart.ts";
import { startAgain } from "../../lifecycle/start.ts";
import { containerState, readRestarts } from "../../container/state.ts";

export const spec: CommandSpec = {
  name: "start-again",
  usage: "ID LOCK",
  summary: "Start a container for its restart policy, with the lock of its keeper as descriptor LOCK",
  flags: [],
  args: [2, 2],
};

export async function run(parsed: Parsed): Promise<number> {
  const [id, lock] = parsed.args;
  const container = openContainer(id);
  if (!container) throw new Failure(`No such container: ${id}`);
  const before = readRestarts(container.dir) ?? { count: 0, delay: 0 };
  const state = containerState(container.dir);
  // `update` may have changed the policy after the keeper was started.
  if (wantsRestart(container.config.restart, state.exitCode, before.count)) {
    await startAgain(container, Number(lock), nextRestart(before, state));
  }
  return 0;
}
