// Pauses a container by freezing its group.

import { close } from "../../ffi/file.ts";
import { freeze, freezerGroup } from "../cgroup/freezer.ts";
import { Failure } from "../base/error.ts";
import { emitContainer } from "../events/emit.ts";
import { isMarkedPaused, lockPause, markPaused, thawContainer, thawIfPaused } from "../container/frozen.ts";
import { containerState, firstProcess } from "../container/state.ts";
import type { Container } from "../model/container.ts";

/**
 * Throws Failure if the container does not run, is paused, or can't be paused; it then continues as before.
 */
export function pauseContainer(container: Container): void {
  const { id, dir } = container;
  const { status, pid } = containerState(dir);
  if (status === "paused") throw new Failure(`Container ${id} is already paused`);
  if (status === "restarting") {
    throw new Failure(`Container ${id} is restarting, wait until the container is running`);
  }
  const notRunning = new Failure(`Container ${id} is not running`);
  if (status !== "running") throw notRunning;
  const lock = lockPause(dir);
  if (lock === undefined) throw notRunning;
  try {
    if (isMarkedPaused(dir)) throw new Failure(`Container ${id} is already paused`);
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
    throw new Failure(
      "it has no cgroup that can be frozen: neither cgroup v2 nor v1's freezer hierarchy was there for it when it " +
        "started; see: mydocker info",
    );
  }
  markPaused(dir);
  try {
    freeze(group);
  } catch (error) {
    thawContainer(dir);
    if (error instanceof Failure) throw error;
    throw new Failure(`can't freeze: ${(error as Error).message}`, { cause: error });
  }
}

/** Throws Failure if the container is not paused. */
export function unpauseContainer(container: Container): void {
  const { id, dir } = container;
  if (containerState(dir).status !== "paused" || !thawIfPaused(container)) {
    throw new Failure(`Container ${id} is not paused`);
  }
  emitContainer(container, "unpause");
}
