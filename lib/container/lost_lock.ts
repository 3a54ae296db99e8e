// Containers whose file `lock` is damaged or gone, and with it the knowledge whether they run. Their keepers
// are then searched among all processes, which is slow; and only `rm -f` ends them.

import { SIGKILL } from "../../ffi/constants.ts";
import { isErrno, KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { openPidfd, signalPidfd } from "../../ffi/process.ts";
import { removeTree } from "../../ffi/remove_tree.ts";
import { Failure } from "../base/error.ts";
import { openRecords, readRecords, RECORDS, type StartRecord } from "../keeper/report.ts";
import { writeFile } from "../base/json.ts";
import { rootFd } from "../store/root.ts";
import { processFile } from "../base/proc.ts";
import { hasEnded } from "./ended.ts";
import { lockNames } from "./names.ts";
import type { Container } from "../model/container.ts";

const KILL_TIMEOUT = 10_000;
/** The unit of times in /proc/PID/stat (proc(5)). */
const TICKS_PER_SECOND = 100;

/** Whether a container has no reliable `lock`; false where it was just removed. */
export function hasLostLock({ id, dir }: Pick<Container, "id" | "dir">): boolean {
  const fd = openRecords(dir);
  if (fd === undefined) return file.statIfAny(rootFd(), `containers/${id}`) !== undefined;
  try {
    return readRecords(fd).damaged === true;
  } finally {
    file.close(fd);
  }
}

/** Throws Failure where hasLostLock: processes that can't be identified are not touched. */
export function requireLock(container: Pick<Container, "id" | "dir">): void {
  if (!hasLostLock(container)) return;
  const way = `end and remove it with: mydocker rm -f ${container.id.slice(0, 12)}`;
  throw new Failure(`the file lock of container ${container.id} is damaged; ${way}`);
}

/** The keeper of the container in the directory `home` of the open directory `dir`, and the first process. */
export function findKeeper(dir: number, home = ""): StartRecord | undefined {
  const path = file.readlinkat(file.AT_FDCWD, `/proc/self/fd/${dir}`) + (home && `/${home}`);
  for (const { name: pid } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(pid) || processFile(pid, "comm") !== "mydocker-keeper\n") continue;
    if (!hasOpen(pid, path)) continue;
    const first = Number(processFile(pid, `task/${pid}/children`)?.split(" ")[0]);
    return { keeper: Number(pid), pid: first || 0, time: startTime(first || Number(pid)) };
  }
  return undefined;
}

/**
 * Whether a process has the path open. Keepers have their container's directory open, or, while they wait to
 * restart it, its lock.
 */
function hasOpen(pid: string, path: string): boolean {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)].some(({ name }) => {
      const target = file.readlinkat(file.AT_FDCWD, `/proc/${pid}/fd/${name}`);
      return target === path || target.startsWith(`${path}/lock`);
    });
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH") || error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** The start time of a process, in ms since 1970, precise to a hundredth of a second. */
function startTime(pid: number): number {
  const booted = Number(/^btime (\d+)$/m.exec(Deno.readTextFileSync("/proc/stat"))?.[1] ?? 0);
  // The process's name, the second field, is in parentheses and may contain any characters.
  const ticks = Number(processFile(pid, "stat")?.replace(/^.*\) /s, "").split(" ")[19] ?? 0);
  return booted * 1000 + ticks * (1000 / TICKS_PER_SECOND);
}

/**
 * Opens `lock` for reading and writing, in order to start or remove the container. A damaged lock is made
 * anew. With `force`, a container that runs is ended. Throws Failure where it runs and `force` is not set.
 */
export async function openLock({ id, dir }: Pick<Container, "id" | "dir">, force = false): Promise<number> {
  const whole = openWhole(dir);
  if (whole !== undefined) return whole;
  if (hasLostLock({ id, dir })) {
    // One process at a time; the next one finds it repaired.
    const names = lockNames();
    try {
      if (hasLostLock({ id, dir })) await makeAnew(id, dir, force);
    } finally {
      file.close(names);
    }
  }
  return file.openat(dir, "lock", file.O_RDWR | file.O_CREAT, 0o600);
}

/** The same where it isn't damaged; undefined where it is, whatever has its name. */
function openWhole(dir: number): number | undefined {
  let fd: number | undefined;
  try {
    fd = openRecords(dir, "lock", file.O_RDWR);
  } catch (error) {
    if (error instanceof KernelError) return undefined;
    throw error;
  }
  if (fd === undefined || !readRecords(fd).damaged) return fd;
  file.close(fd);
  return undefined;
}

async function makeAnew(id: string, dir: number, force: boolean): Promise<void> {
  for (let found; (found = findKeeper(dir)) !== undefined;) {
    if (!force) {
      throw new Failure(`container ${id} runs, though its file lock is damaged; rm -f ends and removes it`);
    }
    const pidfd = openPidfd(found.keeper);
    if (pidfd === undefined) continue;
    // The PID still belongs to the process that was inspected only if that is still the keeper.
    if (findKeeper(dir)?.keeper === found.keeper) await endKeeper(pidfd, found.pid);
    file.close(pidfd);
  }
  removeTree(dir, "lock");
  writeFile(dir, "lock", new Uint8Array(RECORDS.size));
}

/** The first process ends with its keeper. */
async function endKeeper(pidfd: number, pid: number): Promise<void> {
  const first = pid > 0 ? openPidfd(pid) : undefined;
  signalPidfd(pidfd, SIGKILL);
  for (const fd of [pidfd, ...first === undefined ? [] : [first]]) {
    if (!await hasEnded(fd, KILL_TIMEOUT)) {
      throw new Failure(`process ${pid} does not end after SIGKILL`);
    }
  }
  if (first !== undefined) file.close(first);
}
