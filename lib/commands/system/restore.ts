// restore: runs when a machine has booted, for containers whose restart policy demands it.

import * as file from "../../../ffi/file.ts";
import type { CommandSpec } from "../../cli/command.ts";
import { isExpected } from "../../base/error.ts";
import { print, printError } from "../../base/output.ts";
import { openContainer } from "../../container/find.ts";
import { listContainers } from "../../container/list.ts";
import { containerState, wasStopped } from "../../container/state.ts";
import { repairIfNeeded } from "../../network/leftovers.ts";
import { requireKernel, requireRoot } from "../../base/kernel.ts";
import { start } from "../container/start.ts";
import type { Container } from "../../model/container.ts";

export const spec: CommandSpec = {
  name: "restore",
  usage: "",
  summary:
    "Start containers that ran when the machine went down, by their restart policies; remove those with --rm",
  flags: [],
  args: [0, 0],
};

export async function run(): Promise<number> {
  requireRoot();
  requireKernel();
  await repairIfNeeded();
  let code = 0;
  // The oldest comes first: others may depend on it.
  for (const { id } of listContainers({ all: true }).reverse()) {
    const container = openContainer(id);
    if (!container) continue;
    try {
      if (shallRun(container)) {
        await start(container);
        print(`${container.config.name}\n`);
      } else if (shallGo(container)) {
        const { removeContainer } = await import("../../lifecycle/remove.ts");
        await removeContainer(container, { volumes: true });
      }
    } catch (error) {
      if (!isExpected(error)) throw error;
      printError(`mydocker: ${container.config.name}: ${error.message}\n`);
      code = 1;
    } finally {
      file.close(container.dir);
    }
  }
  return code;
}

/** Whether it has --rm, and its keeper was killed before it could remove it. */
function shallGo({ dir, config }: Container): boolean {
  return config.autoRemove && containerState(dir).status === "exited";
}

/** Docker's rule for the start of its daemon. */
function shallRun({ dir, config }: Container): boolean {
  const state = containerState(dir);
  if (state.status !== "exited") return false;
  switch (config.restart.name) {
    case "always":
      return true;
    case "unless-stopped":
      return !wasStopped(dir);
    case "on-failure":
      return state.exitCode !== 0 && !wasStopped(dir);
    default:
      return false;
  }
}
