// Looks up the networks and containers that a new container's options name.

import { close } from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { findContainer } from "../container/find.ts";
import type { NetworkOptions } from "../flags/network_options.ts";
import type { ContainerConfig, EndpointRequest } from "../model/container.ts";
import { checkEndpoint } from "../network/endpoint.ts";
import { sharedContainer } from "../network/shared.ts";
import { findNetwork } from "../network/store.ts";

/** The network fields of a container's record. */
export interface NetworkConfig
  extends Pick<ContainerConfig, "network" | "networks" | "dns" | "extraHosts" | "macAddress"> {
  /** The host name of the container whose network is shared. */
  hostname?: string;
}

/** Throws Failure if a network or container does not exist, or a network can't fulfil the request. */
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

/** The requests with the networks' names. */
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

/** The mode of a namespace with the other container's ID. Throws Failure. */
export function containerMode(mode: string | undefined): string | undefined {
  if (!mode?.startsWith("container:")) return mode;
  const { id, dir } = findContainer(mode.slice("container:".length));
  close(dir);
  return `container:${id}`;
}
