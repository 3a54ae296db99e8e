// A container's networks as docker inspect shows them (its API's NetworkSettings).

import { AF_INET, AF_INET6 } from "../../ffi/constants.ts";
import { networksOf } from "../container/config.ts";
import { parseAddress } from "../base/address.ts";
import { type Endpoint, readEndpoints } from "./endpoint.ts";
import { publishedPorts } from "../container/ports.ts";
import type { ContainerConfig, EndpointRequest } from "../model/container.ts";

const NO_ENDPOINT = {
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  MacAddress: "",
};

/** The addresses are those of a running container. */
export function networkSettings(
  dir: number,
  config: ContainerConfig,
  runs: boolean,
): Record<string, unknown> {
  const endpoints = runs ? readEndpoints(dir) : [];
  // Docker repeats the endpoint of the default network here.
  const ofDefault = endpoints.find(({ network }) => network === "bridge");
  const { EndpointID, Gateway, IPAddress, IPPrefixLen, IPv6Gateway, MacAddress, ...global } = endpointFields(
    ofDefault,
  );
  return {
    Bridge: "",
    SandboxID: "",
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    Ports: publishedPorts(dir, config, runs),
    SandboxKey: "",
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID,
    Gateway,
    ...global,
    IPAddress,
    IPPrefixLen,
    IPv6Gateway,
    MacAddress,
    Networks: Object.fromEntries(
      networksOf(config).toSorted((a, b) => a.network < b.network ? -1 : 1).map((request) => {
        const endpoint = endpoints.find(({ network }) => network === request.network);
        return [request.network, endpointSettings(config, request, endpoint)];
      }),
    ),
  };
}

function endpointSettings(
  { id }: ContainerConfig,
  { network, aliases = [], ip, ip6, mac }: EndpointRequest,
  endpoint: Endpoint | undefined,
): Record<string, unknown> {
  const usual = ["bridge", "none", "host"].includes(network);
  const wanted = { IPv4Address: ip, IPv6Address: ip6 };
  return {
    IPAMConfig: usual ? null : wanted,
    Links: null,
    Aliases: usual ? null : [...aliases, id.slice(0, 12)],
    NetworkID: endpoint?.networkId ?? "",
    ...endpointFields(endpoint, mac),
    DriverOpts: null,
  };
}

function endpointFields(endpoint: Endpoint | undefined, mac = ""): typeof NO_ENDPOINT {
  if (!endpoint) return { ...NO_ENDPOINT, MacAddress: mac };
  const { addresses, gateways, prefixes } = endpoint;
  const index = (family: number) =>
    addresses.findIndex((address) => parseAddress(address)?.family === family);
  const [v4, v6] = [index(AF_INET), index(AF_INET6)];
  return {
    EndpointID: endpoint.id,
    Gateway: gateways[v4] ?? "",
    IPAddress: addresses[v4] ?? "",
    IPPrefixLen: prefixes[v4] ?? 0,
    IPv6Gateway: gateways[v6] ?? "",
    GlobalIPv6Address: addresses[v6] ?? "",
    GlobalIPv6PrefixLen: prefixes[v6] ?? 0,
    MacAddress: endpoint.mac,
  };
}
