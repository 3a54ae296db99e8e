// A container's /etc/hosts.

import type { Endpoint } from "./endpoint.ts";
import { defaultGateway } from "./store.ts";
import type { ContainerConfig } from "../model/container.ts";

/** Entries of every container. */
const HOSTS = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "ff00::0\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
  "",
].join("\n");

/** The file of a container before it has joined any network. */
export function hostsOf(config: ContainerConfig): string {
  const host = config.network === "host" ? hostFile() : undefined;
  return host === undefined ? ownHosts(config, []) : host + givenHosts(config, "127.0.0.1");
}

function hostFile(): string | undefined {
  try {
    return Deno.readTextFileSync("/etc/hosts");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Lines of --add-host. */
function givenHosts({ extraHosts = [] }: Pick<ContainerConfig, "extraHosts">, gateway: string): string {
  return extraHosts.map((entry) => {
    const [name, address] = entry.split(/:(.*)/s, 2);
    return `${address === "host-gateway" ? gateway : address}\t${name}\n`;
  }).join("");
}

/** The file of a container with these endpoints: the entries of --add-host, and its own name. */
export function ownHosts(
  config: Pick<ContainerConfig, "hostname" | "extraHosts">,
  endpoints: Endpoint[],
): string {
  // As docker: without a network, it is the host's address on the default network.
  const given = givenHosts(config, endpoints[0]?.gateways[0] ?? defaultGateway());
  return [HOSTS, given, ...endpoints.map((endpoint) => ownLines(config, endpoint))].join("");
}

/** The lines with its own name, for one of its endpoints. */
export function ownLines(
  { hostname }: Pick<ContainerConfig, "hostname">,
  { addresses }: Pick<Endpoint, "addresses">,
): string {
  const [short] = hostname.split(".");
  const names = short === hostname ? hostname : `${hostname} ${short}`;
  return addresses.map((address) => `${address}\t${names}\n`).join("");
}
