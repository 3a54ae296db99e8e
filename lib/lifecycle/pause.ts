// Pausing a container: its group is frozen.

import { close } from "../../ffi/file.ts";
import { freeze, freezerGroup } from "../cgroup/freezer.ts";
import { CommandError } from "../base/error.ts";
import { emitContainer } from "../events/emit.ts";
import { isMarkedPaused, lockPause, markPaused, thawContainer, thawIfPaused } from "../container/frozen.ts";
import { containerState, firstProcess } from "../container/state.ts";
import type { Container } from "../model/container.ts";

/** Throws CommandError where it does not run, is paused, or can't be; it then goes on as before. */
export function pauseContainer(container: Container): void {
  const { id, dir } = container;
  const { status, pid } = containerState(dir);
  if (status === "paused") throw new CommandError(`Container ${id} is already paused`, 1);
  if (status === "restarting") {
    throw new CommandError(`Container ${id} is restarting, wait until the container is running`, 1);
  }
  const notRunning = new CommandError(`Container ${id} is not running`, 1);
  if (status !== "running") throw notRunning;
  const lock = lockPause(dir);
  if (lock === undefined) throw notRunning;
  try {
    if (isMarkedPaused(dir)) throw new CommandError(`Container ${id} is already paused`, 1);
    freezeAll(container);
    if (firstProcess(dir) === pid) return emitContainer(container, "pause");
    thawContainer(dir);
    throw notRunning;
  } finally {
    close(lock);
  }
}

function freezeAll({ dir, config }: Container): void {
  const group = freezerGroup(config);
  if (!group) {
    throw new CommandError(
      "it has no cgroup that can be frozen: neither cgroup v2 nor v1's freezer hierarchy was there for it when it " +
        "started; see: mydocker info",
      1,
    );
  }
  markPaused(dir);
  try {
    freeze(group);
  } catch (error) {
    thawContainer(dir);
    if (error instanceof CommandError) throw error;
    throw new CommandError(`can't freeze: ${(error as Error).message}`, 1, { cause: error });
  }
}

/** Throws CommandError where it is not paused. */
export function unpauseContainer(container: Container): void {
  const { id, dir } = container;
  if (containerState(dir).status !== "paused" || !thawIfPaused(container)) {
    throw new CommandError(`Container ${id} is not paused`, 1);
  }
  emitContainer(container, "unpause");
}
