// Changes a container's limits and restart policy, at once where it runs.

import * as file from "../../ffi/file.ts";
import { applyLimits } from "../cgroup/apply.ts";
import { presentGroups } from "../cgroup/group.ts";
import type { Limits } from "../cgroup/limits.ts";
import type { UpdateOptions } from "../flags/update_options.ts";
import { Failure } from "../base/error.ts";
import { emitContainer } from "../events/emit.ts";
import { replaceFile, writeFile } from "../base/json.ts";
import { rootFd } from "../store/root.ts";
import { readConfig } from "../container/config.ts";
import { refuseNonsense, warningsOf } from "./limit_checks.ts";
import { lockNames } from "../container/names.ts";
import { containerState } from "../container/state.ts";
import type { Container, ContainerConfig } from "../model/container.ts";
import type { Group } from "../cgroup/types.ts";

/**
 * Returns warnings about limits that were dropped. Throws Failure in docker's words, and then has changed
 * nothing.
 */
export function updateContainer({ id, dir }: Container, changes: UpdateOptions): string[] {
  if (changes.limits) refuseNonsense(changes.limits);
  // As for a rename: others that would change config.json wait.
  const lock = lockNames();
  try {
    const config = readConfig(dir);
    if (!config || !file.statIfAny(rootFd(), `containers/${id}`)) {
      throw new Failure(`No such container: ${id}`);
    }
    const runs = containerState(dir).status !== "exited";
    const warnings = changeAll(dir, config, changes, runs ? presentGroups(config) : []);
    emitContainer({ id, config }, "update");
    return warnings;
  } catch (error) {
    if (!(error instanceof Failure) || error.message.startsWith("No such")) throw error;
    throw new Failure(`Cannot update container ${id}: ${error.message}`, { cause: error });
  } finally {
    file.close(lock);
  }
}

function changeAll(
  dir: number,
  config: ContainerConfig,
  { limits, restart }: UpdateOptions,
  groups: Group[],
): string[] {
  const now = { ...config };
  let warnings: string[] = [];
  if (restart) {
    if (config.autoRemove && restart.name !== "no") {
      throw new Failure("Restart policy cannot be updated because AutoRemove is enabled for the container");
    }
    now.restart = restart;
  }
  if (limits) {
    refuseConflicts(config.limits ?? {}, limits);
    const checked = warningsOf(groups, limits);
    now.limits = { ...config.limits, ...checked.limits };
    warnings = checked.warnings;
    applyLive(groups, checked.limits, now.limits);
    if (now.limits.pidsLimit === -1) now.limits.pidsLimit = 0; // as docker shows it
  }
  replaceFile(dir, "config.json", JSON.stringify(now));
  // A note for its keeper, which was given the old policy, to ask again.
  if (restart && file.statIfAny(dir, "updated") === undefined) writeFile(dir, "updated", "");
  return warnings;
}

/** Limits that were set before and new ones may exclude each other. */
function refuseConflicts(before: Limits, wanted: Limits): void {
  if ((wanted.memory ?? 0) > (before.memorySwap ?? 0) && wanted.memorySwap === undefined) {
    throw new Failure(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  }
  const conflict = (what: string, former: string) => {
    throw new Failure(`Conflicting options: ${what} cannot be updated as ${former} has already been set`);
  };
  if (wanted.nanoCpus !== undefined && before.cpuPeriod) conflict("Nano CPUs", "CPU Period");
  if (wanted.nanoCpus !== undefined && before.cpuQuota) conflict("Nano CPUs", "CPU Quota");
  if (wanted.cpuPeriod !== undefined && before.nanoCpus) conflict("CPU Period", "NanoCPUs");
  if (wanted.cpuQuota !== undefined && before.nanoCpus) conflict("CPU Quota", "NanoCPUs");
}

/**
 * Applies limits together that belong together in v2's control files: swap is counted without memory, a quota
 * with its period.
 */
function applyLive(groups: Group[], changed: Limits, all: Limits): void {
  if (groups.length === 0) return;
  const memory = changed.memory !== undefined || changed.memorySwap !== undefined;
  const cpu = changed.cpuQuota !== undefined || changed.cpuPeriod !== undefined;
  applyLimits(groups, {
    ...changed,
    ...(memory ? { memory: all.memory, memorySwap: all.memorySwap } : {}),
    ...(cpu ? { cpuQuota: all.cpuQuota, cpuPeriod: all.cpuPeriod } : {}),
  });
}
