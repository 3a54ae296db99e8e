// The second stage of run and create: what a container's options name is read or looked up, once, before
// minutes are spent on pulling an image. What few containers ask for is loaded when it is asked for.

import type { ContainerOptions } from "../flags/container_options.ts";
import { type LabelOptions, parseLabel } from "../flags/label_options.ts";
import type { IsolationConfig } from "../model/container.ts";
import { givenEnvironment, linesOf } from "./given_environment.ts";
import type { NetworkConfig } from "./network_look_up.ts";
import type { SecurityConfig } from "./security_look_up.ts";

/** What some of a container's options come to on this host. */
export interface Found {
  /** "NAME=value", or "NAME" for one that there shall not be. */
  environment: string[];
  labels: Record<string, string>;
  network: NetworkConfig;
  /** With the IDs of other containers. */
  isolation: IsolationConfig;
  security: SecurityConfig;
}

/** Throws Failure for what isn't there, or makes no sense. In docker's order: its client reads files. */
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

/** The default network is always there. */
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
