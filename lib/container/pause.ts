// Pausing a container: all its processes go into a cgroup that is frozen, and come back from there.

import { close } from "../../ffi/file.ts";
import { freezerGroup, makeFrozen, PATIENCE, take, waitFrozen } from "../cgroup/freezer.ts";
import { CommandError } from "../cli/error.ts";
import { emitContainer } from "../events/emit.ts";
import { rootMark } from "../state/mark.ts";
import type { Container } from "./find.ts";
import { isMarkedPaused, lockPause, markPaused, thaw, thawIfPaused } from "./frozen.ts";
import { pidNamespace, takeGroup, takeMembers } from "./members.ts";
import { containerState, firstProcess } from "./state.ts";

/** Throws CommandError where it does not run, is paused, or can't be; it then goes on as before. */
export async function pauseContainer(container: Container): Promise<void> {
  const { id, dir, config } = container;
  const { status, pid } = containerState(dir);
  if (status === "paused") throw new CommandError(`Container ${id} is already paused`, 1);
  if (status === "restarting") {
    throw new CommandError(`Container ${id} is restarting, wait until the container is running`, 1);
  }
  const notRunning = new CommandError(`Container ${id} is not running`, 1);
  if (status !== "running") throw notRunning;
  const mark = await rootMark();
  const lock = lockPause(dir);
  const namespace = pidNamespace(pid);
  try {
    // Only now is it certain that the namespace is the container's, and not of a process that got its pid.
    if (lock === undefined || namespace === undefined || firstProcess(dir) !== pid) throw notRunning;
    if (isMarkedPaused(dir)) throw new CommandError(`Container ${id} is already paused`, 1);
    const members = config.pidMode === undefined
      ? (take: (pid: number) => void) => takeMembers(namespace, take, PATIENCE)
      : (take: (pid: number) => void) => takeGroup(id, take, PATIENCE);
    freeze(dir, `mydocker-${mark}/${id}`, pid, members);
    if (firstProcess(dir) === pid) return emitContainer(container, "pause");
    thaw(dir);
    throw notRunning;
  } finally {
    for (const fd of [namespace, lock]) if (fd !== undefined) close(fd);
  }
}

/** `takeAll` is takeMembers, of this container. */
function freeze(
  dir: number,
  name: string,
  pid: number,
  takeAll: (take: (pid: number) => void) => boolean,
): void {
  const group = freezerGroup(name, pid);
  markPaused(dir, group);
  try {
    makeFrozen(group);
    if (!takeAll((member) => take(group, member))) {
      throw new CommandError(`it starts processes faster than they can be frozen`, 1);
    }
    waitFrozen(group);
  } catch (error) {
    thaw(dir);
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
