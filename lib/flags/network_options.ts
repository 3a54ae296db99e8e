// What --network and its relatives ask for.

import { close } from "../../ffi/file.ts";
import type { Parsed } from "../cli/command.ts";
import { Refusal } from "../base/error.ts";
import type { NetworkOptions } from "./network_flags.ts";
import { parseAddress } from "../base/address.ts";
import { sharedContainer } from "../network/shared.ts";
import { findNetwork } from "../network/store.ts";
import type { EndpointRequest } from "../model/container.ts";
import { checkEndpoint } from "../network/endpoint.ts";

/** One --network: a mode or network, and what it says of the endpoint there. */
interface Wanted {
  target: string;
  endpoint: Omit<EndpointRequest, "network">;
}

/** Throws Refusal, in docker's words where it has any. */
export async function parseNetworkOptions(parsed: Parsed): Promise<NetworkOptions> {
  refuseLinks(parsed);
  const wanted = [...parsed.list("network"), ...parsed.given("net") ? [parsed.text("net")!] : []].map(
    parseNetwork,
  );
  if (wanted.length === 0) wanted.push({ target: "bridge", endpoint: {} });
  addFlags(wanted, parsed);
  const first = wanted[0].target === "default" ? "bridge" : wanted[0].target;
  const others = { dns: dns(parsed), extraHosts: extraHosts(parsed), macAddress: macAddress(parsed) };
  const alone = ["none", "host"].includes(first) || first.startsWith("container:");
  if (!alone) return { network: first, networks: await endpoints(wanted), ...others };
  if (wanted.length > 1) {
    throw new Refusal(
      "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
    );
  }
  refuseEndpointOptions(wanted[0].endpoint);
  if (!first.startsWith("container:")) return { network: first, networks: [], ...others };
  refuseOfShared(parsed);
  const { id, dir, config: { hostname } } = sharedContainer(first);
  close(dir);
  return { network: `container:${id}`, networks: [], hostname };
}

/** Throws Refusal with what replaced links. */
export function refuseLinks(parsed: Parsed): void {
  if (parsed.list("link").length === 0) return;
  throw new Refusal(
    "--link is not supported; containers of one network know each other by name: " +
      "mydocker network create NAME, and run both with --network NAME",
  );
}

/** A name, or "name=…,alias=…,ip=…,ip6=…,mac-address=…". */
function parseNetwork(text: string): Wanted {
  if (!/^\w[\w-]*=/.test(text)) return { target: text, endpoint: {} };
  const wanted: Wanted = { target: "", endpoint: {} };
  for (const field of text.split(",")) {
    const [key, value] = field.split(/=(.*)/s, 2);
    if (key === "name") wanted.target = value;
    else if (key === "alias") wanted.endpoint.aliases = [...wanted.endpoint.aliases ?? [], value];
    else if (key === "ip") wanted.endpoint.ip = ip(value, "ip");
    else if (key === "ip6") wanted.endpoint.ip6 = ip(value, "ip6");
    else if (key === "mac-address") wanted.endpoint.mac = mac(value);
    else {throw new Refusal(
        `invalid field value ${JSON.stringify(field)} for --network: name, alias, ip, ip6, mac-address`,
      );}
  }
  if (wanted.target === "") throw new Refusal("network name cannot be empty");
  return wanted;
}

/** The flags that say something of the only network, or of the first. */
function addFlags([{ endpoint }, ...more]: Wanted[], parsed: Parsed): void {
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

async function endpoints(wanted: Wanted[]): Promise<EndpointRequest[]> {
  const found: EndpointRequest[] = [];
  for (const { target, endpoint } of wanted) {
    const network = await findNetwork(target === "default" ? "bridge" : target);
    if (!network) throw new Refusal(`network ${target} not found`);
    if (network.driver !== "bridge") {
      throw new Refusal(
        "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
      );
    }
    if (found.some(({ network: name }) => name === network.name)) {
      throw new Refusal(`network ${JSON.stringify(target)} is specified multiple times`);
    }
    checkEndpoint(network, endpoint);
    found.push({ network: network.name, ...endpoint });
  }
  return found;
}

/** What network connect's flags ask for. */
export function endpointWishes(parsed: Parsed): Wanted["endpoint"] {
  const [aliases, given, given6] = [parsed.list("alias"), parsed.text("ip"), parsed.text("ip6")];
  return {
    aliases: aliases.length > 0 ? aliases : undefined,
    ip: given ? ip(given, "ip") : undefined,
    ip6: given6 ? ip(given6, "ip6") : undefined,
  };
}

function refuseEndpointOptions({ aliases, ip, ip6 }: Wanted["endpoint"]): void {
  if (aliases) {
    throw new Refusal("network-scoped alias is supported only for containers in user defined networks");
  }
  if (ip || ip6) {
    throw new Refusal("user specified IP address is supported on user defined networks only");
  }
}

/** What is the other container's to say. */
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
    // A group's address can't be one interface's.
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
