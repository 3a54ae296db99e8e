// All containers, with the facts that lists show.

import * as file from "../../ffi/file.ts";
import { isExpected } from "../base/error.ts";
import { warn } from "../base/notice.ts";
import { type PortMap, publishedPorts } from "./ports.ts";
import { rootFd } from "../store/root.ts";
import { readConfig } from "./config.ts";
import { containerIds, openContainer } from "./find.ts";
import { type ContainerState, containerState, isAlive, runningState } from "./state.ts";
import type { ContainerConfig } from "../model/container.ts";

/** A container without open descriptors: there may be more containers than descriptors. */
export interface ListedContainer {
  id: string;
  config: ContainerConfig;
  state: ContainerState;
  ports: PortMap;
}

/**
 * The containers that are up (running, paused, restarting) or, with `all`, all of them; newest first. Damaged
 * ones are left out, with a warning. For unwanted stopped containers, only the lock is read.
 */
export function listContainers({ all }: { all: boolean }): ListedContainer[] {
  const folder = file.openat(rootFd(), "containers", file.O_PATH | file.O_DIRECTORY);
  try {
    return containerIds()
      .flatMap((id) => {
        const found = runningState(folder, id);
        if (found === undefined && !all) return [];
        return (typeof found === "object" && listedRunning(folder, id, found)) || listedContainer(id) || [];
      })
      .filter(({ state }) => all || isUp(state))
      .sort((a, b) => a.config.created < b.config.created ? 1 : -1);
  } finally {
    file.close(folder);
  }
}

/**
 * One that runs, without opening its directory: in a list of many each system call counts. Undefined
 * where there is more to look at.
 */
function listedRunning(folder: number, id: string, state: ContainerState): ListedContainer | undefined {
  const config = readConfig(folder, id);
  if (config?.id !== id || config.ports) return undefined;
  return { id, config, state, ports: publishedPorts(folder, config, true) };
}

/** Whether docker lists it without --all. */
function isUp({ status }: ContainerState): boolean {
  return status === "running" || status === "paused" || status === "restarting";
}

/**
 * One container; undefined if it has disappeared meanwhile, or is damaged, which causes a warning.
 */
export function listedContainer(id: string): ListedContainer | undefined {
  try {
    const container = openContainer(id);
    if (!container) return undefined;
    const { dir, config } = container;
    const state = containerState(dir);
    const ports = publishedPorts(dir, config, isAlive(state));
    file.close(dir);
    return { id, config, state, ports };
  } catch (error) {
    if (!isExpected(error)) throw error;
    warn(error.message);
    return undefined;
  }
}
