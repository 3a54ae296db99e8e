// The second stage of run and create: reads or looks up what a container's options name, once, before minutes
// are spent on pulling an image. Code for rare options is loaded on demand.

import type { ContainerOptions } from "../flags/container_options.ts";
import { type LabelOptions, parseLabel } from "../flags/label_options.ts";
import type { IsolationConfig } from "../model/container.ts";
import { givenEnvironment, linesOf } from "./given_environment.ts";
import type { NetworkConfig } from "./network_look_up.ts";
import type { SecurityConfig } from "./security_look_up.ts";

/** The options that depend on this host. */
export interface Found {
  /** "NAME=value", or "NAME" for a variable that is removed. */
  environment: string[];
  labels: Record<string, string>;
  network: NetworkConfig;
  /** With the IDs of other containers. */
  isolation: IsolationConfig;
  security: SecurityConfig;
}

/**
 * Throws Failure for what does not exist or is invalid. The order is docker's, whose client reads files
 * first.
 */
export async function lookUp(options: ContainerOptions): Promise<Found> {
  if (options.cidfile !== undefined) {
    const { checkCidfile } = await import("./cidfile.ts");
    checkCidfile(options.cidfile);
  }
  return {
    environment: await givenEnvironment(options.environment),
    labels: await givenLabels(options.labels),
    security: await securityOf(options),
    network: await networkOf(options.network),
    isolation: await isolationOf(options.isolation),
  };
}

async function givenLabels({ files, labels }: LabelOptions): Promise<Record<string, string>> {
  return Object.fromEntries([...(await linesOf(files)).map(parseLabel), ...labels]);
}

async function securityOf({ security, isolation }: ContainerOptions): Promise<SecurityConfig> {
  if (!security) return {};
  const { lookUpSecurity } = await import("./security_look_up.ts");
  return lookUpSecurity(security, isolation);
}

/** The default network always exists. */
async function networkOf({ mode, endpoints, ...others }: ContainerOptions["network"]) {
  const isDefault = mode === "bridge" && endpoints.length === 1 && Object.keys(endpoints[0]).length === 1;
  if (isDefault || mode === "none" || mode === "host") {
    return { network: mode, networks: endpoints, ...others };
  }
  const { lookUpNetworks } = await import("./network_look_up.ts");
  return await lookUpNetworks({ mode, endpoints, ...others });
}

async function isolationOf(isolation: IsolationConfig): Promise<IsolationConfig> {
  const { pidMode, ipcMode, utsMode, cgroupnsMode } = isolation;
  const isOthers = (mode: string | undefined) => mode?.startsWith("container:");
  if (![pidMode, ipcMode, utsMode, cgroupnsMode].some(isOthers)) return isolation;
  const { containerMode } = await import("./network_look_up.ts");
  return {
    ...isolation,
    pidMode: containerMode(pidMode),
    ipcMode: containerMode(ipcMode),
    utsMode: containerMode(utsMode),
    cgroupnsMode: containerMode(cgroupnsMode),
  };
}
