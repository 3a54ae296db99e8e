// containers/ID/config.json: the configuration of a container. It is written when the container is created,
// and replaced when it changes (rename).

import { readRecord } from "../base/shape.ts";
import { isContainerConfig } from "./config_shape.ts";
import type { ContainerConfig, EndpointRequest } from "../model/container.ts";

/**
 * Reads the configuration from the container's directory, to which `home` leads from `dir`; undefined where
 * it is missing or damaged.
 */
export function readConfig(dir: number, home = ""): ContainerConfig | undefined {
  return readRecord<ContainerConfig>(dir, home ? `${home}/config.json` : "config.json", isContainerConfig);
}

/** The container's networks, including none and host. */
export function networksOf({ network, networks }: ContainerConfig): EndpointRequest[] {
  if (network === "none" || network === "host") return [{ network }];
  return networks ?? [];
}
