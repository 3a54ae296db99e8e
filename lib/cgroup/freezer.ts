// Freezes and thaws a container's group.
// https://docs.kernel.org/admin-guide/cgroup-v1/freezer-subsystem.html,
// https://docs.kernel.org/admin-guide/cgroup-v2.html

import { Failure } from "../base/error.ts";
import { sleep } from "../base/sleep.ts";
import { readControl, writeControl } from "./control_file.ts";
import { presentGroups } from "./group.ts";
import type { Group, GroupOwner } from "./types.ts";

/** How long the kernel may take, in ms; it can't freeze a process that waits for a slow disk. */
const PATIENCE = 5000;

const CONTROL = {
  1: { file: "freezer.state", frozen: "FROZEN", thawed: "THAWED" },
  2: { file: "cgroup.freeze", frozen: "1", thawed: "0" },
} as const;

/** The group in which a container's processes can be frozen; undefined where there is none. */
export function freezerGroup(owner: GroupOwner): Group | undefined {
  return presentGroups(owner).find(({ controllers }) => controllers.includes("freezer"));
}

/** Freezes the group's present and future processes. Throws Failure if that takes too long. */
export function freeze({ version, path }: Group): void {
  writeControl(`${path}/${CONTROL[version].file}`, CONTROL[version].frozen);
  const end = Date.now() + PATIENCE;
  while (!isFrozen({ version, path })) {
    if (Date.now() > end) {
      throw new Failure(
        `its processes did not freeze within ${
          PATIENCE / 1000
        } s: one of them waits for a device or a server ` +
          "(state D in ps); try again when that has answered",
      );
    }
    sleep(1);
  }
}

function isFrozen({ version, path }: Pick<Group, "version" | "path">): boolean {
  if (version === 1) return readControl(`${path}/freezer.state`)?.trim() === CONTROL[1].frozen;
  return /^frozen 1$/m.test(readControl(`${path}/cgroup.events`) ?? "");
}

/** Whether the group is frozen or being frozen; false for a group that is gone. */
export function isToFreeze({ version, path }: Group): boolean {
  const state = readControl(`${path}/${CONTROL[version].file}`)?.trim();
  return state !== undefined && state !== CONTROL[version].thawed;
}

/** Thaws the group. Does nothing if it is gone. */
export function thaw({ version, path }: Group): void {
  writeControl(`${path}/${CONTROL[version].file}`, CONTROL[version].thawed);
}
