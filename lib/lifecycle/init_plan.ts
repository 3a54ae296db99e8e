// What a container's first process is to do: opens and decides everything that it needs, but for its streams
// and its networks.

import * as file from "../../ffi/file.ts";
import { MOUNT_ATTR, mountDetached } from "../../ffi/mount.ts";
import { shownGroups } from "../cgroup/group.ts";
import { step } from "../base/debug.ts";
import { Failure } from "../base/error.ts";
import { mountRootfs } from "../layer/overlay.ts";
import { confinementOf } from "./confinement.ts";
import { processEnvironment } from "./environment.ts";
import { resolveIdentity } from "./identity.ts";
import { openMounts } from "./mounts.ts";
import type { PreparedIsolation } from "./isolation.ts";
import type { Container, ContainerConfig } from "../model/container.ts";
import type { KeeperPlan } from "../keeper/plan.ts";
import type { Group } from "../cgroup/types.ts";

/** Group 5 is tty wherever docker runs. */
const DEVPTS: [string, string][] = [["source", "devpts"], ["ptmxmode", "666"], ["mode", "620"], ["gid", "5"]];

/** Opens and decides everything that the first process needs, except its streams. */
export async function prepareInit(
  container: Container,
  groups: Group[],
  isolation: PreparedIsolation | undefined,
  keep: (fd: number) => number,
): Promise<Omit<KeeperPlan["init"], "stdio" | "ownNetwork">> {
  const { config } = container;
  const rootfs = keep(mountRootfs(config));
  step("overlay mounted, detached");
  requireDirectories(rootfs, config.imageName);
  const identity = resolveIdentity(rootfs, config.process.User ?? "", config.groupAdd);
  const mounts = await openMounts(container, rootfs);
  for (const { fd } of mounts) keep(fd);
  step("mounts prepared");
  const devpts = keep(mountDetached("devpts", DEVPTS, MOUNT_ATTR.noSuid | MOUNT_ATTR.noExec));
  return {
    rootfs,
    devpts,
    tty: config.tty,
    hostname: config.hostname,
    readOnlyRootfs: config.readOnlyRootfs,
    mounts,
    identity,
    confinement: confinementOf(config),
    isolation: isolation?.steps,
    cgroups: shownGroups(groups),
    groups,
    exposedSystemPaths: config.exposedSystemPaths === true || config.privileged === true,
    workingDirectory: config.process.WorkingDir || "/",
    argv: config.argv,
    environment: processEnvironment(config, identity),
    reaper: config.init ? await openReaper(config, keep) : undefined,
  };
}

async function openReaper(
  { argv, pidMode }: ContainerConfig,
  keep: (fd: number) => number,
): Promise<KeeperPlan["init"]["reaper"]> {
  const { reaperArguments, reaperExecutable } = await import("../keeper/reaper_program.ts");
  return { fd: keep(reaperExecutable(pidMode !== undefined)), argv: reaperArguments(argv) };
}

/** If /proc were mounted through a symlink, it and its masks would be in different places. */
function requireDirectories(rootfs: number, image: string): void {
  for (const name of ["proc", "sys", "dev"]) {
    const found = file.statIfAny(rootfs, name);
    if (found && (found.mode & file.S_IFMT) !== file.S_IFDIR) {
      throw new Failure(`/${name} of image ${image} is not a directory, which a container needs there`);
    }
  }
}
