// A network as docker network inspect shows it.

import { AF_INET6 } from "../../ffi/constants.ts";
import { subnetOf } from "../base/address.ts";
import { sortedByKey } from "../base/sorted.ts";
import { type AddressPool, isDefaultBridge, type Network } from "./store.ts";
import { type Member, members } from "./users.ts";

/** Docker's JSON shape (its API's NetworkInspect), fields in docker's order. */
export function networkInspect(network: Network): Record<string, unknown> {
  const { id, name, created, driver, pools, internal, options, labels } = network;
  const inside = members().filter(({ endpoint }) => endpoint.networkId === id);
  return {
    Name: name,
    Id: id,
    Created: created,
    Scope: "local",
    Driver: driver,
    EnableIPv6: hasIpv6(network),
    IPAM: {
      Driver: "default",
      Options: driver !== "bridge" || isDefaultBridge(network) ? null : {},
      Config: pools.filter(({ subnet }) => subnet !== "").map(poolFields),
    },
    Internal: internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: Object.fromEntries(inside.map((member) => [member.id, memberFields(member)])),
    Options: sortedByKey(options),
    Labels: sortedByKey(labels),
  };
}

/** Whether its containers get IPv6 addresses. */
export function hasIpv6({ pools }: Pick<Network, "pools">): boolean {
  return pools.some(({ subnet }) => subnet !== "" && subnetOf(subnet).family === AF_INET6);
}

function poolFields({ subnet, range, gateway }: AddressPool): Record<string, unknown> {
  return { Subnet: subnet, IPRange: range, Gateway: gateway };
}

function memberFields({ config, endpoint }: Member): Record<string, unknown> {
  const addresses = endpoint.addresses.map((address, index) => `${address}/${endpoint.prefixes[index]}`);
  return {
    Name: config.name,
    EndpointID: endpoint.id,
    MacAddress: endpoint.mac,
    IPv4Address: addresses.find((address) => !address.includes(":")) ?? "",
    IPv6Address: addresses.find((address) => address.includes(":")) ?? "",
  };
}
