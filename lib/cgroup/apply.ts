// Writes limits to a container's group.

import { KernelError } from "../../ffi/errno.ts";
import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { readControl, writeControl } from "./control_file.ts";
import type { Limits } from "./limits.ts";
import { type Setting, settings } from "./settings.ts";
import type { Group } from "./types.ts";

/**
 * Limits the processes in a group, also while they run. Throws Failure that names the flag and the
 * controller where the host lacks it or the kernel refuses.
 */
export function applyLimits(groups: Group[], limits: Limits): void {
  for (const version of [1, 2] as const) {
    for (const setting of inOrder(settings(version, limits), groups)) {
      const group = groups.find(({ controllers }) => controllers.includes(setting.controller));
      if (!group) throw missing(setting);
      if (group.version === version) apply(group, setting);
    }
  }
}

/** v1's memory limit may never exceed that of memory and swap: to raise both, the latter comes first. */
function inOrder(all: Setting[], groups: Group[]): Setting[] {
  const [memory, both] = [all[0], all[1]];
  if (memory?.flag !== "memory" || both?.choices[0].file !== "memory.memsw.limit_in_bytes") return all;
  const path = groups.find(({ controllers }) => controllers.includes("memory"))?.path;
  const now = Number(readControl(`${path}/${both.choices[0].file}`) ?? Infinity);
  const wanted = Number(both.choices[0].value);
  return wanted >= 0 && wanted <= now ? all : [both, memory, ...all.slice(2)];
}

/**
 * The settings for which a group has no control file. Throws Failure that names the flag and the
 * controller where the host lacks the controller.
 */
export function missingSettings(groups: Group[], limits: Limits): Setting[] {
  return ([1, 2] as const).flatMap((version) => settings(version, limits)).filter((setting) => {
    const { controller, choices, optional } = setting;
    const group = groups.find(({ controllers }) => controllers.includes(controller));
    const isThere = group &&
      choices.some(({ file: name }) => file.statIfAny(file.AT_FDCWD, `${group.path}/${name}`));
    if (!group || (group.version === setting.version && !isThere && !optional)) throw missing(setting);
    return group.version === setting.version && !isThere;
  });
}

function apply({ path }: Group, setting: Setting): void {
  try {
    if (setting.choices.some(({ file, value }) => writeControl(`${path}/${file}`, value))) return;
  } catch (error) {
    throw failure(path, setting, error);
  }
  if (!setting.optional) throw missing(setting);
}

function missing({ controller, choices, flag }: Setting): Failure {
  const files = choices.map(({ file }) => file).join(" or ");
  return new Failure(
    `--${flag} needs cgroup controller ${controller} with ${files}, which this host has not or does not let ` +
      "mydocker use; see: mydocker info",
  );
}

function failure(path: string, { flag, choices: [{ value }] }: Setting, error: unknown): unknown {
  if (!(error instanceof KernelError)) return error;
  if (error.errno === "EBUSY" && flag === "memory") {
    const used = Number(readControl(`${path}/memory.usage_in_bytes`));
    const peak = Number(readControl(`${path}/memory.max_usage_in_bytes`));
    const text = `unable to set memory limit to ${value} (current usage: ${used}, peak usage: ${peak})`;
    return new Failure(text, { cause: error });
  }
  return new Failure(`can't set --${flag} to ${value}: ${error.message}`, {
    cause: error,
  });
}
