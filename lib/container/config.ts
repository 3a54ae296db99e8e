// containers/ID/config.json: what a container was asked to be. Written when it is created, and
// replaced as a whole when that changes (rename).

import { readRecord } from "../base/shape.ts";
import { isContainerConfig } from "./config_shape.ts";
import type { ContainerConfig, EndpointRequest } from "../model/container.ts";

/** Reads the configuration from the container's directory; undefined where it is missing or damaged. */
export function readConfig(dir: number): ContainerConfig | undefined {
  return readRecord<ContainerConfig>(dir, "config.json", isContainerConfig);
}

/** The container's networks, none and host among them. */
export function networksOf({ network, networks }: ContainerConfig): EndpointRequest[] {
  if (network === "none" || network === "host") return [{ network }];
  return networks ?? [];
}
