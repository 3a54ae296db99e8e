// A running container's published ports, as docker shows them. containers/ID/ports.json has those of its last
// start.

import type { PublishedPort } from "../nat/rules.ts";
import { listOf, oneOf, optional, readRecord, shapeOf, text, whole } from "../base/shape.ts";
import type { ContainerConfig, PortBinding } from "../model/container.ts";

export const PORTS = "ports.json";

/** The content of that file. */
export interface PortNote {
  /** The keeper's descriptor of the socket that owns the firewall's rules, if any; and the rules' name. */
  firewall?: number;
  rules: string;
  /** Interface name of the bridge by which the container is reached. */
  bridge: string;
  ports: PublishedPort[];
  /**
   * All ports that it holds on the host, where some lead nowhere for now, because it has left their networks.
   */
  all?: PublishedPort[];
}

const isPort = shapeOf<PublishedPort>({
  protocol: oneOf("tcp", "udp", "sctp"),
  hostIp: text,
  hostPort: whole,
  address: text,
  port: whole,
});

const isPortNote = shapeOf<PortNote>({
  firewall: optional(whole),
  rules: text,
  bridge: text,
  ports: listOf(isPort),
  all: optional(listOf(isPort)),
});

/** By "80/tcp". */
export type PortMap = Record<string, PortBinding[] | null>;

/** The record of the container whose directory is `dir`. It only means something while the container runs. */
export function readPorts(dir: number): PortNote | undefined {
  return readRecord<PortNote>(dir, PORTS, isPortNote);
}

/**
 * Docker's NetworkSettings.Ports: null for exposed ports that are not published; empty for a container that
 * does not run.
 */
export function publishedPorts(
  dir: number,
  { process, ports, networks }: ContainerConfig,
  alive: boolean,
): PortMap {
  if (!alive || !networks?.length) return {};
  const keys = new Set([...Object.keys(process.ExposedPorts ?? {}), ...Object.keys(ports?.bindings ?? {})]);
  const map: PortMap = {};
  for (const key of [...keys].sort()) map[key] = null;
  for (const { protocol, port, hostIp, hostPort } of ports && readPorts(dir)?.ports || []) {
    (map[`${port}/${protocol}`] ??= []).push({ HostIp: hostIp, HostPort: String(hostPort) });
  }
  return map;
}

/** One entry of docker's list of ports. */
interface Shown {
  port: number;
  protocol: string;
  ip: string;
  hostPort: number;
}

/** The column PORTS of ps. Consecutive ports with the same offset are combined to a range. */
export function portColumn(map: PortMap): string {
  const groups = new Map<string, { first: number; last: number }>();
  const [closed, others]: [string[], string[]] = [[], []];
  for (const { port, protocol, ip, hostPort } of shown(map)) {
    if (ip && hostPort !== port) {
      others.push(`${ip}:${hostPort}->${port}/${protocol}`);
      continue;
    }
    const key = ip ? `${ip}/${protocol}` : protocol;
    const group = groups.get(key);
    if (group?.last === port - 1) group.last = port;
    else {
      if (group) closed.push(groupText(key, group));
      groups.set(key, { first: port, last: port });
    }
  }
  return [...closed, ...[...groups].map(([key, group]) => groupText(key, group)), ...others].join(", ");
}

function groupText(key: string, { first, last }: { first: number; last: number }): string {
  const [protocol, ip] = key.split("/").reverse();
  const range = first === last ? String(first) : `${first}-${last}`;
  return `${ip ? `${ip}:${range}->${range}` : range}/${protocol}`;
}

/** The entries, sorted by port, address, host port and protocol. */
function shown(map: PortMap): Shown[] {
  const all = Object.entries(map).flatMap(([key, bindings]) => {
    const [port, protocol] = key.split("/");
    const one = { port: Number(port), protocol };
    return bindings?.map(({ HostIp, HostPort }): Shown => ({
      ...one,
      ip: HostIp,
      hostPort: Number(HostPort),
    })) ??
      [{ ...one, ip: "", hostPort: 0 }];
  });
  return all.sort((a, b) =>
    a.port - b.port || compare(a.ip, b.ip) || a.hostPort - b.hostPort || compare(a.protocol, b.protocol)
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
