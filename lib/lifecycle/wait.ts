// Waits for a container's end.

import { Failure } from "../base/error.ts";
import * as file from "../../ffi/file.ts";
import {
  closeLockFile,
  type LockFile,
  nextChange,
  openLockFile,
  RECHECK_MS,
  recordsIn,
  restingKeeperOf,
} from "../container/process.ts";
import { type EndRecord, exitCode } from "../keeper/report.ts";
import { containerState, UNKNOWN_END } from "../container/state.ts";
import type { Container } from "../model/container.ts";

/**
 * The exit code of a container: at once if it is not running, else when it has ended. If its restart policy
 * restarts it, its next end counts, as in docker. The code is right even if the container is removed at its
 * end. Undefined if it has not ended after so many milliseconds. Throws Failure if it was removed before.
 */
export async function waitForExit(
  container: Container,
  milliseconds = Infinity,
): Promise<number | undefined> {
  const lockFile = openLockFile(container);
  if (!lockFile) throw new Failure(`No such container: ${container.config.name}`);
  try {
    if (!recordsIn(lockFile).kept) return containerState(container.dir).exitCode;
    const end = await nextEnd(lockFile, milliseconds);
    if (!end) return recordsIn(lockFile).kept ? undefined : lastCode(container, lockFile);
    await untilKeeperRests(container, lockFile, end);
    return exitCode(end.status);
  } finally {
    closeLockFile(lockFile);
  }
}

/** The next end from now on; undefined if the keeper was killed, or after so many milliseconds. */
async function nextEnd(lockFile: LockFile, milliseconds: number): Promise<EndRecord | undefined> {
  const until = performance.now() + milliseconds;
  const before = recordsIn(lockFile).end?.time;
  for (let left = milliseconds; left > 0; left = until - performance.now()) {
    const { kept, end } = recordsIn(lockFile);
    if (end && end.time !== before) return end;
    if (!kept) return undefined;
    await nextChange(lockFile, left);
  }
  return undefined;
}

/**
 * Waits until the keeper is gone or waits for a restart, because the caller may remove or start the container
 * at once.
 */
async function untilKeeperRests(
  container: Container,
  lockFile: LockFile,
  { time }: EndRecord,
): Promise<void> {
  for (;;) {
    const { kept, end } = recordsIn(lockFile);
    if (!kept || end?.time !== time) return;
    const resting = restingKeeperOf(container);
    if (resting !== undefined) return file.close(resting);
    await nextChange(lockFile, RECHECK_MS);
  }
}

/**
 * The exit code of a container that was stopped while it waited for a restart, was never started, or lost its
 * keeper.
 */
function lastCode({ dir }: Container, lockFile: LockFile): number {
  const { start, end } = recordsIn(lockFile);
  if (end) return exitCode(end.status);
  return start ? UNKNOWN_END : containerState(dir).exitCode;
}
