// Parses -p, -P and --expose as docker's client does, with its error messages.

import type { Parsed } from "../cli/command.ts";
import { Refusal } from "../base/error.ts";
import { goQuote } from "../template/go_text.ts";
import { parseAddress } from "../base/address.ts";
import type { ContainerConfig, PortBinding } from "../model/container.ts";

const PROTOCOLS = ["tcp", "udp", "sctp"];

/** The values of the flags (publish_flags.ts). */
export interface Publishing {
  ports?: ContainerConfig["ports"];
  /** Ports in addition to those that the image names. */
  exposed: Record<string, Record<string, never>>;
  /** For the user. */
  warnings: string[];
}

/** Parses -p, -P and --expose for a container in a network `mode`. Throws Refusal. */
export function parsePorts(parsed: Parsed, mode: string): Publishing {
  const bindings: Record<string, PortBinding[]> = {};
  for (const text of parsed.list("publish")) {
    for (const { port, binding } of parsePublish(text)) (bindings[port] ??= []).push(binding);
  }
  const exposed = [...parsed.list("expose").flatMap(parseExpose), ...Object.keys(bindings)];
  const all = parsed.bool("publish-all");
  const asked = all || Object.keys(bindings).length > 0;
  if (mode.startsWith("container:")) {
    const what = asked ? "publishing" : "exposing";
    throw new Refusal(`conflicting options: port ${what} and the container type network mode`);
  }
  return {
    ports: asked ? { bindings, all } : undefined,
    exposed: Object.fromEntries(exposed.map((port) => [port, {}])),
    warnings: asked && mode === "host" ? ["Published ports are discarded when using host network mode"] : [],
  };
}

/** Parses one --publish: ports of the container ("80/tcp"), and their addresses on the host. */
export function parsePublish(given: string): { port: string; binding: PortBinding }[] {
  const text = given.includes("=") ? fromFields(given) : given;
  const [ip, host, rest] = splitParts(text);
  const [protocol, container] = splitProtocol(rest);
  const hostIp = hostAddress(ip);
  if (container === "") throw new Refusal(`No port specified: ${text}<empty>`);
  const [first, last] = rangeOr(container, () => `Invalid containerPort: ${container}`);
  const [hostFirst, hostLast] = host === "" ? [0, 0] : rangeOr(host, () => `Invalid hostPort: ${host}`);
  if (host !== "" && last - first !== hostLast - hostFirst && last !== first) {
    throw new Refusal(
      `Invalid ranges specified for container and host Ports: ${container} and ${host}`,
    );
  }
  if (!PROTOCOLS.includes(protocol.toLowerCase())) throw new Refusal(`Invalid proto: ${protocol}`);
  return Array.from({ length: last - first + 1 }, (_, n) => {
    const one = host === "" ? "" : String(hostFirst + n);
    // Several ports of the host for one of the container's: a free one is chosen.
    const HostPort = first === last && hostFirst !== hostLast ? `${one}-${hostLast}` : one;
    return { port: `${first + n}/${protocol.toLowerCase()}`, binding: { HostIp: hostIp, HostPort } };
  });
}

/** target=80,published=8080,protocol=tcp */
function fromFields(text: string): string {
  const fields: Record<string, string> = { protocol: "tcp", published: "", target: "" };
  for (const field of text.split(",")) {
    const [name, value] = field.split("=");
    if (value === undefined) {
      throw new Refusal(`invalid publish opts format (should be name=value but got '${field}')`);
    }
    fields[name] = value;
  }
  return `${fields.published}:${fields.target}/${fields.protocol}`;
}

function splitParts(text: string): [ip: string, host: string, container: string] {
  const parts = text.split(":");
  const container = parts.pop()!;
  const host = parts.pop() ?? "";
  return [parts.join(":"), host, container];
}

/** "80/udp"; the default is tcp. */
function splitProtocol(text: string): [protocol: string, port: string] {
  const [port, protocol] = text.split("/");
  return port === "" ? ["", ""] : [protocol || "tcp", port];
}

/** Go's net.SplitHostPort, for the text before the ports. */
function hostAddress(ip: string): string {
  const wrong = (what: string) => new Refusal(`Invalid ip address ${ip}: address ${ip}:: ${what}`);
  let address = ip;
  if (ip.startsWith("[")) {
    const end = ip.indexOf("]");
    if (end < 0) throw wrong("missing ']' in address");
    if (end !== ip.length - 1) {
      throw wrong(ip[end + 1] === ":" ? "too many colons in address" : "missing port in address");
    }
    address = ip.slice(1, -1);
  } else if (ip.includes(":")) throw wrong("too many colons in address");
  if (address.includes("[")) throw wrong("unexpected '[' in address");
  if (address.includes("]")) throw wrong("unexpected ']' in address");
  if (address !== "" && !parseAddress(address)) throw new Refusal(`Invalid ip address: ${address}`);
  return address;
}

/** One --expose: "80/tcp" and so on. */
function parseExpose(text: string): string[] {
  if (text.includes(":")) throw new Refusal(`invalid port format for --expose: ${text}`);
  const [protocol, ports] = splitProtocol(text);
  const [first, last] = rangeOr(ports, (why) => `invalid range format for --expose: ${text}, error: ${why}`);
  return Array.from({ length: last - first + 1 }, (_, n) => `${first + n}/${protocol}`);
}

/** "80" or "80-82". */
function rangeOr(text: string, complaint: (why: string) => string): [first: number, last: number] {
  const fail = (why: string) => new Refusal(complaint(why));
  if (text === "") throw fail("Empty string specified for ports.");
  const [first, last] = text.includes("-") ? text.split("-") : [text, text];
  const [from, to] = [first, last].map((number) => parsePort(number, fail));
  if (to < from) throw fail(`Invalid range specified for the Port: ${text}`);
  return [from, to];
}

/** Go's strconv.ParseUint of 16 bits. */
export function parsePort(text: string, fail: (why: string) => Error): number {
  const problem = !/^\d+$/.test(text) ? "invalid syntax" : Number(text) > 65535 ? "value out of range" : "";
  if (problem) throw fail(`strconv.ParseUint: parsing ${goQuote(text)}: ${problem}`);
  return Number(text);
}
