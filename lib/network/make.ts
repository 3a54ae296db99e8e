// Creates a network that a user asked for.

import { AF_INET } from "../../ffi/constants.ts";
import * as file from "../../ffi/file.ts";
import { Failure } from "../base/error.ts";
import { openRoute } from "../../ffi/netlink.ts";
import type { AddressOptions, NetworkCreateOptions } from "../flags/network_create_options.ts";
import { emitNetwork } from "../events/emit.ts";
import { randomHex } from "../base/hex.ts";
import {
  type Address,
  contains,
  networkOf,
  overlaps,
  parseAddress,
  parseSubnet,
  type Subnet,
  subnetOf,
  subnetText,
} from "../base/address.ts";
import { BRIDGE_NAME, checkDriverOptions } from "./driver_options.ts";
import { choosePool, firstHost, withFreedSubnets } from "./pool.ts";
import {
  addNetwork,
  type AddressPool,
  isNetworkName,
  listNetworks,
  lockNetworks,
  type Network,
  networkByName,
} from "./store.ts";

const refused = (message: string) => new Failure(message);

/** Creates a network. Its bridge is made for the first container. Throws Failure. */
export async function createNetwork(wishes: NetworkCreateOptions): Promise<Network> {
  const { name, internal, options, labels } = wishes;
  if (!isNetworkName(name)) {
    throw refused(`invalid network name: ${name}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  if (["bridge", "host", "none", "default"].includes(name)) {
    throw refused(`operation is not permitted on predefined ${name} network`);
  }
  checkDriverOptions(options);
  const held = lockNetworks("exclusive");
  try {
    const taken = (await listNetworks()).find((other) => other.interface === options[BRIDGE_NAME]);
    if (taken) throw refused(`network ${taken.name} has interface ${taken.interface} already`);
    if (await networkByName(name)) throw refused(`network with name ${name} already exists`);
    const id = randomHex();
    const network: Network = {
      id,
      name,
      driver: "bridge",
      created: new Date().toISOString(),
      pools: await pools(wishes),
      interface: options[BRIDGE_NAME] ?? `md-${id.slice(0, 12)}`,
      internal,
      options,
      labels,
    };
    if (!await addNetwork(network)) throw refused(`network with name ${name} already exists`);
    emitNetwork(network, "create");
    return network;
  } finally {
    file.close(held);
  }
}

/** Runs under the caller's lock, so that other networks' subnets don't change meanwhile. */
async function pools(wishes: AddressOptions): Promise<AddressPool[]> {
  const given = givenPools(wishes);
  const route = openRoute();
  try {
    const known = (await listNetworks()).flatMap(({ pools }) => pools).filter(({ subnet }) => subnet !== "");
    const others = known.map(({ subnet }) => subnetOf(subnet));
    return await withFreedSubnets(route, (used) => chosenPools(given, used, others));
  } finally {
    file.close(route);
  }
}

function chosenPools(given: AddressPool[], used: Subnet[], others: Subnet[]): AddressPool[] {
  for (const { subnet } of given) {
    if ([...used, ...others].some((other) => overlaps(other, subnetOf(subnet)))) {
      throw refused(`Pool overlaps with other one on this address space: ${subnet}`);
    }
  }
  const hasIpv4 = given.some(({ subnet }) => !subnet.includes(":"));
  return hasIpv4 ? given : [choosePool([...used, ...others]), ...given];
}

function givenPools({ subnets, gateways, ranges }: AddressOptions): AddressPool[] {
  const parsed = subnets.map((text) => {
    const subnet = parseSubnet(text);
    if (!subnet) throw refused(`invalid subnet ${text}: invalid CIDR address: ${text}`);
    return networkOf(subnet);
  });
  if (parsed.length === 0 && gateways.length + ranges.length > 0) {
    throw refused("every ip-range or gateway must have a corresponding subnet");
  }
  const families = parsed.map(({ family }) => family);
  if (new Set(families).size < families.length) {
    throw refused("bridge driver doesn't support multiple subnets of one address family");
  }
  const found = parsed.map((subnet): AddressPool => ({
    subnet: subnetText(subnet),
    gateway: firstHost(subnet),
  }));
  for (const text of gateways) {
    poolWith(parsed, found, parseAddress(text), `gateway ${text}`).gateway = text;
  }
  for (const text of ranges) poolWith(parsed, found, parseSubnet(text), `range ${text}`).range = text;
  // IPv4 comes first, as everywhere here.
  return found.sort((a, b) => familyOrder(a) - familyOrder(b));
}

const familyOrder = ({ subnet }: AddressPool) => subnetOf(subnet).family === AF_INET ? 0 : 1;

function poolWith(
  subnets: Subnet[],
  pools: AddressPool[],
  address: Address | undefined,
  what: string,
): AddressPool {
  if (!address) throw refused(`invalid ${what}`);
  const index = subnets.findIndex((subnet) => contains(subnet, address));
  if (index < 0) throw refused(`no matching subnet for ${what}`);
  return pools[index];
}
