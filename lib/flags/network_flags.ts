// The flags of run and create about networks; network_options.ts parses them.

import type { Flag, Parsed } from "../cli/command.ts";
import type { NetworkOptions } from "./network_options.ts";

export const NETWORK_FLAGS: Flag[] = [
  {
    name: "add-host",
    kind: "list",
    value: "host:ip",
    help: "Add a custom host-to-IP mapping (host:ip, or host:host-gateway for the host's IP)",
  },
  { name: "dns", kind: "list", value: "ip", help: "Set custom DNS servers" },
  { name: "dns-search", kind: "list", help: "Set custom DNS search domains" },
  { name: "dns-option", kind: "list", help: "Set DNS options" },
  { name: "dns-opt", kind: "list", help: "The same as --dns-option", hidden: true },
  { name: "ip", kind: "string", value: "ip", help: "IPv4 address (e.g., 172.30.100.104)" },
  { name: "ip6", kind: "string", value: "ip", help: "IPv6 address (e.g., 2001:db8::33)" },
  {
    name: "link",
    kind: "list",
    help: "Not supported: containers in a network of their own find each other by name",
    hidden: true,
  },
  { name: "mac-address", kind: "string", help: "Container MAC address (e.g., 92:d0:c6:0a:29:33)" },
  {
    name: "network",
    kind: "list",
    value: "network",
    help: "Connect a container to a network: bridge (the default), none, host, container:NAME or a name",
  },
  { name: "net", kind: "string", value: "network", help: "The same as --network", hidden: true },
  { name: "network-alias", kind: "list", help: "Add network-scoped alias for the container" },
  { name: "net-alias", kind: "list", help: "The same as --network-alias", hidden: true },
];

/** The parser is loaded only if a flag needs it. Throws Refusal, in docker's words. */
export async function networkOptions(parsed: Parsed): Promise<NetworkOptions> {
  const given = NETWORK_FLAGS.filter(({ name }) => parsed.given(name));
  const [mode = "bridge", ...more] = [
    ...parsed.list("network"),
    ...parsed.given("net") ? [parsed.text("net")!] : [],
  ];
  const simple = given.length <= 1 && more.length === 0 && ["bridge", "none", "host"].includes(mode);
  if (given.length > 0 && !(simple && ["network", "net"].includes(given[0].name))) {
    const { parseNetworkOptions } = await import("./network_options.ts");
    return parseNetworkOptions(parsed);
  }
  return { mode, endpoints: mode === "bridge" ? [{ network: mode }] : [] };
}
