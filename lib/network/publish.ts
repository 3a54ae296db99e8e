// Publishes a container's ports at its start: claims them on the host, leads them to the container, records
// them.

import type { PortProtocol } from "../../ffi/socket.ts";
import { showPort } from "../../ffi/socket.ts";
import { Failure } from "../base/error.ts";
import { type Claim, claimPorts, type PortRequest } from "../nat/claim.ts";
import { addPortRules } from "../nat/firewall.ts";
import type { Held } from "../nat/nftables.ts";
import type { PublishedPort } from "../nat/rules.ts";
import { writeFile } from "../base/json.ts";
import { parseAddress } from "../base/address.ts";
import { HOST_BINDING } from "./driver_options.ts";
import type { Endpoint } from "./endpoint.ts";
import { rulesName } from "./outside.ts";
import { type PortNote, PORTS } from "../container/ports.ts";
import type { Network } from "./store.ts";
import type { Container, ContainerConfig } from "../model/container.ts";

/** What the keeper holds for the ports, and releases at the container's end. */
export interface HeldPorts {
  /** Sockets to close. */
  sockets: number[];
  /** The socket that owns the firewall's rules, and the messages that delete them. */
  held?: Held;
  /** The rules' name; the keeper removes rules by it that no socket owns. */
  rules: string;
  /** Ports whose tracked connections the kernel has to forget. */
  udp: PublishedPort[];
}

/**
 * Publishes the container's ports on its first network that is not internal. `keep` takes the descriptors
 * that the keeper inherits. Throws Failure if a port is taken or an address does not exist.
 */
export async function publishPorts(
  { id, dir, config }: Container,
  joined: { endpoint: Endpoint; network: Network }[],
  keep: (fd: number) => number,
): Promise<HeldPorts | undefined> {
  const outer = joined.find(({ network }) => !network.internal);
  if (!outer) return undefined;
  const { addresses } = outer.endpoint;
  const [ip, ip6] = [addresses.find((a) => !a.includes(":")), addresses.find((a) => a.includes(":"))];
  const requests = requestsOf(config, ip !== undefined, ip6 !== undefined, outer.network);
  if (requests.length === 0) return undefined;
  const claims = await claimPorts(requests, config.name);
  const sockets = claims.flatMap(({ fd }) => fd === undefined ? [] : [keep(fd)]);
  const ports = claims.map((claim): PublishedPort => ({
    protocol: claim.protocol,
    hostIp: claim.hostIp,
    hostPort: claim.hostPort,
    address: claim.hostIp.includes(":") ? ip6! : ip!,
    port: claim.port,
  }));
  const rules = await rulesName(id);
  const held = await addPortRules({ name: rules, ports }, outer.network.interface);
  if (held) keep(held.socket);
  for (const claim of claims) showClaim(claim);
  const note: PortNote = { firewall: held?.socket, rules, bridge: outer.network.interface, ports };
  writeFile(dir, PORTS, JSON.stringify(note));
  return { sockets, held, rules, udp: ports.filter(({ protocol }) => protocol === "udp") };
}

function showClaim({ fd, protocol }: Claim): void {
  if (fd !== undefined) showPort(fd, protocol);
}

function requestsOf(
  { ports, process }: ContainerConfig,
  ip: boolean,
  ip6: boolean,
  network: Network,
): PortRequest[] {
  const { bindings, all } = ports!;
  const everywhere = [...(ip ? [network.options[HOST_BINDING] ?? "0.0.0.0"] : []), ...(ip6 ? ["::"] : [])];
  const chosen = Object.entries(bindings).flatMap(([key, wanted]) =>
    wanted.map(({ HostIp, HostPort }): PortRequest => {
      if (HostIp !== "" && !(HostIp.includes(":") ? ip6 : ip)) {
        throw unreachable(HostIp, HostPort, network.name);
      }
      checkReachable(HostIp, HostPort);
      return { ...portOf(key), hostIps: HostIp === "" ? everywhere : [HostIp], hostPorts: rangeOf(HostPort) };
    })
  );
  const exposed = all ? Object.keys(process.ExposedPorts ?? {}).filter((key) => !bindings[key]) : [];
  return [
    ...chosen,
    ...exposed.filter(isPublishable).map((key) => ({ ...portOf(key), hostIps: everywhere })),
  ];
}

/** Packets from ::1 can't leave the loopback interface: IPv6 has no route_localnet. */
function checkReachable(hostIp: string, hostPort: string): void {
  if (!hostIp.includes(":") || parseAddress(hostIp)?.value !== 1n) return;
  throw new Failure(
    `can't publish on [::1]:${hostPort || "0"}: the kernel lets nothing out from there; use 127.0.0.1`,
  );
}

function unreachable(hostIp: string, hostPort: string, network: string): Failure {
  const [shown, version] = hostIp.includes(":") ? [`[${hostIp}]`, "IPv6"] : [hostIp, "IPv4"];
  return new Failure(
    `can't publish on ${shown}:${
      hostPort || "0"
    }: containers of network ${network} have no ${version} address, ` +
      `and nothing here translates; publish on an address of the other kind, or use a network with ${version}`,
  );
}

/** "8000-8010", "8000"; "" and "0" mean any port. */
function rangeOf(text: string): [number, number] | undefined {
  const [first, last = first] = text.split("-").map(Number);
  return first === 0 ? undefined : [first, last];
}

/** "80/tcp" */
function portOf(key: string): { port: number; protocol: PortProtocol } {
  const [port, protocol] = key.split("/");
  return { port: Number(port), protocol: protocol as PortProtocol };
}

/** Whether it is a protocol that can be published; an image may name others. */
function isPublishable(key: string): boolean {
  return /^\d+\/(tcp|udp|sctp)$/.test(key) && Number(key.split("/")[0]) > 0;
}
