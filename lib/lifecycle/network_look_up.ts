// The networks and containers that a new container's options name.

import { close } from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { findContainer } from "../container/find.ts";
import type { NetworkOptions } from "../flags/network_options.ts";
import type { ContainerConfig, EndpointRequest } from "../model/container.ts";
import { checkEndpoint } from "../network/endpoint.ts";
import { sharedContainer } from "../network/shared.ts";
import { findNetwork } from "../network/store.ts";

/** What the record of a container has of its networks. */
export interface NetworkConfig
  extends Pick<ContainerConfig, "network" | "networks" | "dns" | "extraHosts" | "macAddress"> {
  /** Of the container whose network it is. */
  hostname?: string;
}

/**
 * Throws Failure where there is no such network or container, or a network can't give what is asked of
 * it.
 */
export async function lookUpNetworks(
  { mode, endpoints, ...others }: NetworkOptions,
): Promise<NetworkConfig> {
  if (!mode.startsWith("container:")) {
    return { network: mode, networks: await existing(endpoints), ...others };
  }
  const { id, dir, config: { hostname } } = sharedContainer(mode);
  close(dir);
  return { network: `container:${id}`, networks: [], hostname };
}

/** By the networks' names. */
async function existing(endpoints: EndpointRequest[]): Promise<EndpointRequest[]> {
  const found: EndpointRequest[] = [];
  for (const { network: reference, ...endpoint } of endpoints) {
    const network = await findNetwork(reference);
    if (!network) throw new Failure(`network ${reference} not found`);
    if (network.driver !== "bridge") {
      throw new Failure(
        "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
      );
    }
    if (found.some(({ network: name }) => name === network.name)) {
      throw new Failure(`network ${JSON.stringify(reference)} is specified multiple times`);
    }
    checkEndpoint(network, endpoint);
    found.push({ network: network.name, ...endpoint });
  }
  return found;
}

/** A namespace's mode with the ID of the container for whatever names it. Throws Failure. */
export function containerMode(mode: string | undefined): string | undefined {
  if (!mode?.startsWith("container:")) return mode;
  const { id, dir } = findContainer(mode.slice("container:".length));
  close(dir);
  return `container:${id}`;
}
