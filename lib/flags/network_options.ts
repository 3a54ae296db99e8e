// Parses --network and the flags about networks.

import type { Flag, Parsed } from "../cli/command.ts";
import { Refusal } from "../base/error.ts";
import { parseAddress } from "../base/address.ts";
import type { ContainerConfig, EndpointRequest } from "../model/container.ts";

/** The values of the flags (network_flags.ts); lifecycle/network_look_up.ts looks up what they name. */
export interface NetworkOptions extends Pick<ContainerConfig, "dns" | "extraHosts" | "macAddress"> {
  /** "none", "host", "container:REFERENCE", or a reference of the first network. */
  mode: string;
  /** The requests for networks, which may be given by name or ID. */
  endpoints: EndpointRequest[];
}

/** Throws Refusal, in docker's words where it has any. */
export function parseNetworkOptions(parsed: Parsed): NetworkOptions {
  refuseLinks(parsed);
  const endpoints = [...parsed.list("network"), ...parsed.given("net") ? [parsed.text("net")!] : []].map(
    parseNetwork,
  );
  if (endpoints.length === 0) endpoints.push({ network: "bridge" });
  addFlags(endpoints, parsed);
  const mode = endpoints[0].network;
  const others = { dns: dns(parsed), extraHosts: extraHosts(parsed), macAddress: macAddress(parsed) };
  const alone = ["none", "host"].includes(mode) || mode.startsWith("container:");
  if (!alone) return { mode, endpoints, ...others };
  if (endpoints.length > 1) {
    throw new Refusal(
      "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
    );
  }
  refuseEndpointOptions(endpoints[0]);
  if (!mode.startsWith("container:")) return { mode, endpoints: [], ...others };
  refuseOfShared(parsed);
  return { mode, endpoints: [] };
}

/** Throws Refusal that names the replacement of links. */
function refuseLinks(parsed: Parsed): void {
  if (parsed.list("link").length === 0) return;
  throw new Refusal(
    "--link is not supported; containers of one network know each other by name: " +
      "mydocker network create NAME, and run both with --network NAME",
  );
}

/** A mode or network, or "name=…,alias=…,ip=…,ip6=…,mac-address=…". */
function parseNetwork(text: string): EndpointRequest {
  if (!/^\w[\w-]*=/.test(text)) return { network: named(text) };
  const endpoint: EndpointRequest = { network: "" };
  for (const field of text.split(",")) {
    const [key, value] = field.split(/=(.*)/s, 2);
    if (key === "name") endpoint.network = named(value);
    else if (key === "alias") endpoint.aliases = [...endpoint.aliases ?? [], value];
    else if (key === "ip") endpoint.ip = ip(value, "ip");
    else if (key === "ip6") endpoint.ip6 = ip(value, "ip6");
    else if (key === "mac-address") endpoint.mac = mac(value);
    else {
      throw new Refusal(
        `invalid field value ${JSON.stringify(field)} for --network: name, alias, ip, ip6, mac-address`,
      );
    }
  }
  if (endpoint.network === "") throw new Refusal("network name cannot be empty");
  return endpoint;
}

const named = (network: string) => network === "default" ? "bridge" : network;

/** The flags that concern the only or first network. */
function addFlags([endpoint, ...more]: EndpointRequest[], parsed: Parsed): void {
  const aliases = [...parsed.list("network-alias"), ...parsed.list("net-alias")];
  const [given, given6] = [parsed.text("ip"), parsed.text("ip6")];
  const conflict = (flag: string) =>
    new Refusal(`conflicting options: cannot specify both --${flag} and per-network ${flag}`);
  if (aliases.length > 0 && endpoint.aliases) throw conflict("network-alias");
  if ((given && endpoint.ip) || (given6 && endpoint.ip6)) throw conflict(given ? "ip" : "ip6");
  if (aliases.length > 0) endpoint.aliases = aliases;
  if (given) endpoint.ip = ip(given, "ip");
  if (given6) endpoint.ip6 = ip(given6, "ip6");
  if (more.length > 0 && parsed.text("mac-address")) endpoint.mac = mac(parsed.text("mac-address")!);
}

/** Those of network connect. */
export const ENDPOINT_FLAGS: Flag[] = [
  { name: "alias", kind: "list", help: "Add network-scoped alias for the container" },
  { name: "ip", kind: "string", value: "ip", help: 'IPv4 address (e.g., "172.30.100.104")' },
  { name: "ip6", kind: "string", value: "ip", help: 'IPv6 address (e.g., "2001:db8::33")' },
  {
    name: "link",
    kind: "list",
    help: "Not supported: containers in a network find each other by name",
    hidden: true,
  },
];

/** What these flags say. Throws Refusal. */
export function endpointOptions(parsed: Parsed): Omit<EndpointRequest, "network"> {
  refuseLinks(parsed);
  const [aliases, given, given6] = [parsed.list("alias"), parsed.text("ip"), parsed.text("ip6")];
  return {
    aliases: aliases.length > 0 ? aliases : undefined,
    ip: given ? ip(given, "ip") : undefined,
    ip6: given6 ? ip(given6, "ip6") : undefined,
  };
}

function refuseEndpointOptions({ aliases, ip, ip6 }: EndpointRequest): void {
  if (aliases) {
    throw new Refusal("network-scoped alias is supported only for containers in user defined networks");
  }
  if (ip || ip6) {
    throw new Refusal("user specified IP address is supported on user defined networks only");
  }
}

/** Refuses flags about properties that the other container determines. */
function refuseOfShared(parsed: Parsed): void {
  const words: [string, string][] = [
    ["hostname", "hostname and the network mode"],
    ["dns", "dns and the network mode"],
    ["add-host", "custom host-to-IP mapping and the network mode"],
    ["mac-address", "mac-address and the network mode"],
  ];
  for (const [flag, what] of words) {
    if (parsed.given(flag)) throw new Refusal(`conflicting options: ${what}`);
  }
}

function dns(parsed: Parsed): NetworkOptions["dns"] {
  const servers = parsed.list("dns").map((server) => ip(server, "dns"));
  const search = parsed.list("dns-search");
  for (const domain of search) {
    if (!/^(\.|[\w-]+(\.[\w-]+)*\.?)$/.test(domain)) {
      throw new Refusal(
        `invalid argument ${JSON.stringify(domain)} for "--dns-search" flag: ${domain} is not a valid domain`,
      );
    }
  }
  const options = [...parsed.list("dns-option"), ...parsed.list("dns-opt")];
  return servers.length + search.length + options.length > 0 ? { servers, search, options } : undefined;
}

function extraHosts(parsed: Parsed): string[] | undefined {
  const hosts = parsed.list("add-host").map((entry) => {
    // Newer dockers also take "name=address".
    const [name, address] = entry.split(/[:=](.*)/s, 2);
    const bad = (why: string) =>
      new Refusal(
        `invalid argument ${JSON.stringify(entry)} for "--add-host" flag: ${why}: ${JSON.stringify(entry)}`,
      );
    if (!name || address === undefined) throw bad("bad format for add-host");
    const bare = address.replace(/^\[(.*)\]$/, "$1");
    if (bare !== "host-gateway" && !parseAddress(bare)) {
      throw new Refusal(
        `invalid argument ${JSON.stringify(entry)} for "--add-host" flag: invalid IP address in add-host: ${
          JSON.stringify(address)
        }`,
      );
    }
    return `${name}:${bare}`;
  });
  return hosts.length > 0 ? hosts : undefined;
}

function macAddress(parsed: Parsed): string | undefined {
  const text = parsed.text("mac-address");
  return text ? mac(text) : undefined;
}

function mac(text: string): string {
  const plain = text.toLowerCase().replaceAll("-", ":");
  if (/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(plain)) {
    // A multicast address can't belong to an interface.
    if ((parseInt(plain.slice(0, 2), 16) & 1) === 0) return plain;
  }
  throw new Refusal(`${text} is not a valid mac address`);
}

function ip(text: string, flag: string): string {
  const address = parseAddress(text);
  const wrong = !address || (flag === "ip" && text.includes(":")) || (flag === "ip6" && !text.includes(":"));
  if (!wrong) return text;
  if (flag === "dns") {
    throw new Refusal(
      `invalid argument ${JSON.stringify(text)} for "--dns" flag: ${text} is not an ip address`,
    );
  }
  throw new Refusal(`invalid IP${flag === "ip" ? "v4" : "v6"} address: ${text}`);
}
