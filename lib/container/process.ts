// Identifies a container's processes reliably, and reads its end as its keeper records it.

import * as file from "../../ffi/file.ts";
import { changes, watchDirectory } from "../../ffi/inotify.ts";
import { anyReadable, openPidfd } from "../../ffi/process.ts";
import { processFile } from "../base/proc.ts";
import { openRecords, readRecords, type StartRecord } from "../keeper/report.ts";
import { readKept, type Records } from "./state.ts";
import { requireLock } from "./lost_lock.ts";
import type { Container } from "../model/container.ts";

/** A container's file `lock`, held open, so that its content is known even if the container is removed. */
export interface LockFile {
  lock: number;
  /** An inotify descriptor of `lock`, from when it was opened. */
  watch: number;
}

/** How often to check, in ms, in the short moments in which the kernel has nothing to wait for. */
export const RECHECK_MS = 20;

/** Undefined where the container was just removed. Throws Failure where its `lock` is damaged. */
export function openLockFile(container: Pick<Container, "id" | "dir">): LockFile | undefined {
  requireLock(container);
  const lock = openRecords(container.dir);
  return lock === undefined ? undefined : { lock, watch: watchDirectory(lock) };
}

/** Closes the descriptors. */
export function closeLockFile({ lock, watch }: LockFile): void {
  file.close(watch);
  file.close(lock);
}

/** The present records. */
export function recordsIn({ lock }: LockFile): Records {
  return readKept(lock);
}

/**
 * Waits, for at most so many milliseconds, until the records may have changed: one was written, or the keeper
 * is gone.
 */
export async function nextChange(lockFile: LockFile, milliseconds = Infinity): Promise<void> {
  const { start } = readRecords(lockFile.lock);
  // The lock may still be held when its file is reported as closed; not so once the keeper has ended.
  const keeper = start && openPidfd(start.keeper);
  if (keeper === undefined) {
    await anyReadable([lockFile.watch], Math.min(milliseconds, RECHECK_MS));
  } else {
    await anyReadable([lockFile.watch, keeper], milliseconds);
    file.close(keeper);
  }
  await changes(lockFile.watch, 0);
}

/**
 * A pidfd of the container's first process, verified; undefined where there is none. The caller closes it.
 */
export function processOf(container: Pick<Container, "id" | "dir">): number | undefined {
  return certain(container, ({ end, start }) => end ? undefined : start?.pid, (pid, { keeper }) => {
    // The number is not reused until its parent has been told of its end.
    return statusField(pid, "PPid") === String(keeper);
  });
}

/** Whether it has a first process that has not ended. */
export async function hasFirstProcess(container: Pick<Container, "id" | "dir">): Promise<boolean> {
  const pidfd = processOf(container);
  if (pidfd === undefined) return false;
  const ended = await anyReadable([pidfd], 0);
  file.close(pidfd);
  return !ended;
}

/**
 * A pidfd of a keeper that waits to start its container again. It has recorded everything, and has nothing
 * open but the container's lock, which it holds. A keeper that has released the lock may still be busy with
 * its networks.
 */
export function restingKeeperOf(container: Pick<Container, "id" | "dir">): number | undefined {
  return certain(container, ({ end, start }) => end && start?.keeper, (pid) => {
    return statusField(pid, "Name") === "mydocker-keeper" && hasOnlyLock(pid, container.dir);
  });
}

/**
 * A pidfd of the process that `pick` finds in the records, if the records agree before and after it is
 * opened.
 */
function certain(
  container: Pick<Container, "id" | "dir">,
  pick: (records: Records) => number | undefined,
  isRight: (pid: number, start: StartRecord) => boolean,
): number | undefined {
  requireLock(container);
  const lock = openRecords(container.dir);
  if (lock === undefined) return undefined;
  try {
    const before = readKept(lock);
    const pid = before.kept ? pick(before) : undefined;
    const pidfd = pid === undefined ? undefined : openPidfd(pid);
    if (pid === undefined || pidfd === undefined) return undefined;
    const right = isRight(pid, before.start!);
    const after = readKept(lock);
    if (right && after.kept && pick(after) === pid && after.start!.time === before.start!.time) return pidfd;
    file.close(pidfd);
    return undefined;
  } finally {
    file.close(lock);
  }
}

/**
 * Whether a process has nothing open except its standard streams and the file `lock` in `dir`, whose lock it
 * holds.
 */
function hasOnlyLock(pid: number, dir: number): boolean {
  const STANDARD = ["0", "1", "2"];
  try {
    const others = [...Deno.readDirSync(`/proc/${pid}/fd`)].filter(({ name }) => !STANDARD.includes(name));
    if (others.length !== 1) return false;
    const [{ name }] = others;
    const [has, own] = [
      file.statIfAny(file.AT_FDCWD, `/proc/${pid}/fd/${name}`, true),
      file.statIfAny(dir, "lock"),
    ];
    if (has === undefined || has.inode !== own?.inode || has.device !== own.device) return false;
    return /^lock:.* OFDLCK .* WRITE /m.test(processFile(String(pid), `fdinfo/${name}`) ?? "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A field of /proc/PID/status (proc(5)); undefined where there is no such process. */
function statusField(pid: number, name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(.*)$`, "m").exec(processFile(pid, "status") ?? "")?.[1];
}
